/** An STS for tests that answers as it is told, and verifies nothing. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'canary-secret-key' };
export const USER_ID = 'AROAEXAMPLE012345678';

interface Sts extends AsyncDisposable {
  readonly address: string;
  /** How it answers. */
  answer: (response: ServerResponse) => void;
  /** Headers and bodies of what it was asked. */
  readonly asked: { readonly headers: NodeJS.Dict<string | string[]>; readonly body: string }[];
}

export const identity = (arn: string, userId = `${USER_ID}:i-1`, account = '123456789012'): string =>
  `<GetCallerIdentityResult><Arn>${arn}</Arn><UserId>${userId}</UserId><Account>${account}</Account></GetCallerIdentityResult>`;

export const response = (inner: string, namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'): string =>
  `<GetCallerIdentityResponse xmlns="${namespace}">${inner}<ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></GetCallerIdentityResponse>`;

export const SESSION = 'arn:aws:sts::123456789012:assumed-role/web/i-1';

export async function sts(): Promise<Sts> {
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      own.asked.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      own.answer(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own: Sts = {
    address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    answer: (answer) => answer.end(response(identity(SESSION))),
    asked: [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return own;
}
