/** AWS KMS as moto's server from PyPI speaks it, in a process of its own; and a door before it that can be shut. */
import { KMSClient } from '@aws-sdk/client-kms';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { pythonWith } from './cache.ts';

const VERSION = '5.2.5';
export const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'canary-secret-key' };

export interface KmsEmulator extends AsyncDisposable {
  readonly endpoint: string;
  readonly client: KMSClient;
}

/** Answers once this resolves. */
export async function startKmsEmulator(): Promise<KmsEmulator> {
  const python = await pythonWith(`moto-${VERSION}-python`, [`moto[server]==${VERSION}`]);
  const child = spawn(python, ['-u', '-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const endpoint = await new Promise<string>((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', () => {
      reject(new Error('moto ended before it listened'));
    });
  });
  const client = new KMSClient({ region: 'eu-central-1', endpoint, credentials });
  return {
    endpoint,
    client,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** What the door answers by itself; undefined lets all through. */
export type Answer = { readonly status: number; readonly type: string } | 'nothing' | undefined;

export interface Door extends AsyncDisposable {
  readonly endpoint: string;
  /** For each request that comes; the count of those before it is given. */
  answer: (count: number) => Answer;
  /** Operations asked for, as `Encrypt`. */
  readonly asked: string[];
}

export async function doorTo(endpoint: string): Promise<Door> {
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(String(incoming.headers['x-amz-target']).replace('TrentService.', ''));
    const answer = door.answer(asked.length - 1);
    if (answer === 'nothing') incoming.socket.destroy();
    else if (answer !== undefined) {
      incoming.resume();
      outgoing.writeHead(answer.status, { 'Content-Type': 'application/x-amz-json-1.1' });
      outgoing.end(JSON.stringify({ __type: answer.type, message: 'as the test wants it' }));
    } else {
      const { method, headers, url = '/' } = incoming;
      const onward = request(new URL(url, endpoint), { method: method ?? 'POST', headers }, (reply) => {
        outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
        reply.pipe(outgoing);
      });
      incoming.pipe(onward);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const door: Door = {
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    answer: () => undefined,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return door;
}
