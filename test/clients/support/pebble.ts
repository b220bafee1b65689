/** Pebble, the ACME server for tests of Let's Encrypt's authors, and a name server that has every name on this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } from '../../../src/lib/crypto/certificates.ts';
import { freePort } from '../../../src/cli/up/free-port.ts';
import { cached } from './cache.ts';
import { has, must } from './run.ts';

/** As `../pebble/go.mod` has it. */
export const pebbleVersion = '2.10.3';

/** Why there is none; false when there is one. */
export async function withoutPebble(): Promise<string | false> {
  return (await has('go', ['version'])) ? false : 'there is no Go to build pebble with';
}

const builtPebble = (): Promise<string> =>
  cached(`pebble-${pebbleVersion}`, async (into) => {
    const building = [
      'go',
      'build',
      '-ldflags',
      '-s -w',
      '-o',
      `${into}/`,
      'github.com/letsencrypt/pebble/v2/cmd/pebble',
    ];
    await must('nice', building, { cwd: join(import.meta.dirname, '../pebble') });
  });

/** Says of every name that it is 127.0.0.1, over TCP, which pebble asks by (RFC 1035, sections 4.1 and 4.2.2). */
async function nameServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (framed: Buffer) => {
      const reply = answerTo(framed.subarray(2));
      socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 0xff]), reply]));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const open = new Set<Socket>();
  server.on('connection', (socket) => open.add(socket));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function answerTo(query: Buffer): Buffer {
  let end = 12;
  while ((query[end] ?? 0) !== 0) end += (query[end] ?? 0) + 1;
  const isA = query.readUInt16BE(end + 1) === 1;
  const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
  const address = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
  return Buffer.concat([head, query.subarray(12, end + 5), ...(isA ? [address] : [])]);
}

export interface Pebble extends AsyncDisposable {
  readonly directory: string;
  /** PEM file of the authority of its own HTTPS. */
  readonly rootFile: string;
}

export interface PebbleOptions {
  /** For its configuration and certificates. */
  readonly folder: string;
  /** Where it asks for TLS-ALPN-01 and HTTP-01. */
  readonly tlsPort: number;
  readonly httpPort: number;
  /** Accounts are made with this external one alone. */
  readonly external?: { readonly id: string; readonly key: string };
}

export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const { folder, tlsPort, httpPort, external } = options;
  const program = join(await builtPebble(), 'pebble');
  const at = (name: string): string => join(folder, name);
  const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
  const authority = await createAuthority('authority of pebble', validity);
  const key = newPrivateKey();
  const certified = { authority, publicKey: publicKeyOf(key), usage: 'server', names: ['127.0.0.1'] } as const;
  writeFileSync(at('pebble-root.pem'), authority.certificate);
  writeFileSync(at('pebble-key.pem'), key, { mode: 0o600 });
  writeFileSync(at('pebble-cert.pem'), await issueCertificate({ ...certified, ...validity, commonName: 'pebble' }));
  const address = `127.0.0.1:${String(await freePort())}`;
  const pebble = {
    ...{ listenAddress: address, certificate: at('pebble-cert.pem'), privateKey: at('pebble-key.pem') },
    ...{ httpPort, tlsPort, externalAccountBindingRequired: external !== undefined, keyAlgorithm: 'ecdsa' },
    ...(external === undefined ? {} : { externalAccountMACKeys: { [external.id]: external.key } }),
    retryAfter: { authz: 1, order: 1 },
    profiles: { default: { description: 'the only one', validityPeriod: 7_776_000 } },
  };
  writeFileSync(at('pebble.json'), JSON.stringify({ pebble }));
  await using ending = new AsyncDisposableStack();
  const names = ending.use(await nameServer());
  const args = ['-config', at('pebble.json'), '-dnsserver', `127.0.0.1:${String(names.port)}`];
  const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  ending.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill();
    await exit;
  });
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        if (line.includes('ACME directory available')) resolve();
      });
    }
    child.once('exit', () => {
      reject(new Error(`pebble ended:\n${lines.join('\n')}`));
    });
  });
  const ended = ending.move();
  return {
    directory: `https://${address}/dir`,
    rootFile: at('pebble-root.pem'),
    [Symbol.asyncDispose]: () => ended.disposeAsync(),
  };
}

/** What the module file asks for. */
export const pebbleModule = (): string => readFileSync(join(import.meta.dirname, '../pebble/go.mod'), 'utf8');
