/** What somebody logs in with whom AWS knows: a request GetCallerIdentity, signed by AWS's library and not sent. */
import type { STSClient } from '@aws-sdk/client-sts';
import { stsAddress } from './sts-address.ts';

export interface Signing {
  readonly region?: string | undefined;
  /** In place of AWS's address. */
  readonly endpoint?: string | undefined;
  /** For the header `X-Vault-AWS-IAM-Server-ID`, which is signed too. */
  readonly serverId?: string | undefined;
  /** Absent: AWS's own chain finds some. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** Parameters of the login, as Vault has them. */
export interface SignedLogin {
  readonly iam_http_request_method: string;
  readonly iam_request_url: string;
  readonly iam_request_body: string;
  readonly iam_request_headers: string;
}

interface HttpRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

function asLogin({ protocol, hostname, port, path, method, headers, body }: HttpRequest): SignedLogin {
  const host = port === undefined ? hostname : `${hostname}:${String(port)}`;
  return {
    iam_http_request_method: method,
    iam_request_url: base64(`${protocol}//${host}${path}`),
    iam_request_body: base64(typeof body === 'string' ? body : ''),
    iam_request_headers: base64(JSON.stringify(headers)),
  };
}

const SENT_NOWHERE = 'signed, and not sent';

function addServerId({ middlewareStack }: STSClient, serverId: string): void {
  middlewareStack.add(
    (next) => (args) => {
      (args.request as HttpRequest).headers['x-vault-aws-iam-server-id'] = serverId;
      return next(args);
    },
    { step: 'build' },
  );
}

/** Rejects with the error of AWS's library where no credentials are found. */
export async function signedCallerIdentity({
  region,
  endpoint = stsAddress(region),
  serverId,
  credentials,
}: Signing): Promise<SignedLogin> {
  const { GetCallerIdentityCommand, STSClient: Client } = await import('@aws-sdk/client-sts');
  const { promise, resolve, reject } = Promise.withResolvers<HttpRequest>();
  const requestHandler = {
    handle: (request: HttpRequest) => {
      resolve(request);
      return Promise.reject(new Error(SENT_NOWHERE));
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
  const client = new Client({
    ...{ region: region ?? 'us-east-1', endpoint, maxAttempts: 1, requestHandler },
    ...(credentials === undefined ? {} : { credentials }),
  });
  if (serverId !== undefined) addServerId(client, serverId);
  // Resolved first where the request was signed.
  client.send(new GetCallerIdentityCommand({})).catch(reject);
  try {
    return asLogin(await promise);
  } finally {
    client.destroy();
  }
}
