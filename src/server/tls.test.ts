import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rename, symlink, mkdir } from 'node:fs/promises';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { isLockstepError } from '../errors.ts';
import { CertificateDirectory, issue, KeyUsageFlags, type Issued } from './certificates.testing.ts';
import type { Serving } from './http.ts';
import type { TlsSettings } from './listener.ts';
import { make, makeAuthority, makeClient } from '../lib/x509/authority.testing.ts';
import { dataOf, portOf, RawClient, serveOn, type quiet } from './server.testing.ts';

const request = (line: string): string => `${line} HTTP/1.1\r\nHost: x\r\n\r\n`;

let authority: Issued;
let directory: CertificateDirectory;

before(async () => {
  authority = await issue({ name: 'authority' });
  directory = await CertificateDirectory.make();
});
after(() => directory[Symbol.asyncDispose]());

/** Writes a pair under `name` and returns the settings for it. */
async function pair(name: string, rest: Partial<TlsSettings> = {}): Promise<TlsSettings> {
  const issued = await issue({ name, issuer: authority });
  await directory.write({ [`${name}.crt`]: issued.certPem, [`${name}.key`]: issued.keyPem });
  return { certFile: directory.file(`${name}.crt`), keyFile: directory.file(`${name}.key`), ...rest };
}

async function dial(serving: Serving, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port: portOf(serving), ca: authority.certPem, ...options });
  const connected = once(socket, 'secureConnect');
  // With TLS 1.3 a refusal comes after the handshake is over for the client.
  socket.on('error', () => undefined);
  await connected;
  return socket;
}

async function servedName(serving: Serving): Promise<string | string[] | undefined> {
  const socket = await dial(serving);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

test('keys are agreed on in the ways that the listener names, and in no other', async () => {
  const serving = await serveOn({ tls: await pair('groups', { groups: 'X25519MLKEM768:P-384' }) });
  try {
    for (const ecdhCurve of ['X25519MLKEM768', 'P-384']) (await dial(serving, { ecdhCurve })).destroy();
    await assert.rejects(dial(serving, { ecdhCurve: 'X25519' }), /handshake failure/);
  } finally {
    await serving.close();
  }
});

async function rejects(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isLockstepError(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

describe('over TLS', () => {
  let serving: Serving;
  before(async () => {
    serving = await serveOn({ tls: await pair('server'), limits: { maxBody: 1_000, headerTimeout: 1_000 } });
  });
  after(() => serving.close());

  test('HTTP/1.1 is served with LIST, split or pipelined, and with Strict-Transport-Security', async () => {
    const client = new RawClient(await dial(serving));
    await client.send(request('GET /v1/a'), 'LI', 'ST /v1/b HTTP/1.1\r\nHost: x\r\n\r\n');
    const first = await client.reply();
    assert.equal(first?.headers['strict-transport-security'], 'max-age=31536000; includeSubDomains');
    assert.equal(dataOf(await client.reply())['method'], 'LIST');
    await client.send(request('GET /v1/a') + request('SCAN /v1/c') + request('LINK /v1/d'));
    assert.equal(dataOf(await client.reply())['path'], 'a');
    assert.equal(dataOf(await client.reply())['method'], 'SCAN');
    assert.equal((await client.reply())?.status, 405);
    client.end();
  });

  describe('HTTP/2', () => {
    let session: ClientHttp2Session;
    before(() => {
      session = connectHttp2(serving.addresses[0] ?? '', { ca: authority.certPem });
    });
    after(() => {
      session.close();
    });

    async function ask(
      headers: Readonly<Record<string, string>>,
      body?: string,
    ): Promise<{ status: number; text: string }> {
      const stream = session.request({ ':path': '/v1/a', ...headers }, { endStream: body === undefined });
      if (body !== undefined) stream.end(body);
      const [response] = (await once(stream, 'response')) as [Record<string, unknown>];
      let text = '';
      for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
      return { status: Number(response[':status']), text };
    }

    test('LIST and SCAN arrive as they are, and LINK is 405', async () => {
      const list = await ask({ ':method': 'LIST' });
      assert.deepEqual([dataOf({ body: list.text })['verb'], dataOf({ body: list.text })['method']], ['list', 'LIST']);
      const scan = await ask({ ':method': 'SCAN', ':path': '/v1/b/' });
      assert.equal(dataOf({ body: scan.text })['verb'], 'scan');
      assert.equal((await ask({ ':method': 'LINK' })).status, 405);
      assert.equal((await ask({ ':method': 'HEAD' })).text, '');
    });

    test('bodies are read, refused beyond the limit, and the connection goes on', async () => {
      const posted = await ask({ ':method': 'POST', 'x-vault-token': 't' }, '{"a":[1]}');
      assert.deepEqual(dataOf({ body: posted.text })['body'], { a: [1] });
      assert.equal(dataOf({ body: posted.text })['token'], 't');
      assert.equal((await ask({ ':method': 'POST' }, '{')).status, 400);
      assert.equal((await ask({ ':method': 'POST' }, `{"a":"${'x'.repeat(2_000)}"}`)).status, 413);
      assert.equal((await ask({ ':method': 'POST', ':path': '/v1/a/../b' }, '{}')).status, 400);
      assert.equal((await ask({ ':method': 'GET' })).status, 200);
    });

    test('200 requests at once are all answered', async () => {
      const all = await Promise.all(
        Array.from({ length: 200 }, (_, n) => ask({ ':method': 'GET', ':path': `/v1/n/${String(n)}` })),
      );
      assert.deepEqual(
        all.map(({ text }) => dataOf({ body: text })['path']),
        Array.from({ length: 200 }, (_, n) => `n/${String(n)}`),
      );
    });
  });

  test('a client that speaks plain HTTP, or rubbish, is cut off and others are served', async () => {
    const { connect } = await import('node:net');
    for (const bytes of [request('GET /v1/a'), '\u0016\u0003\u0001\u0002\u0000rubbish', '\0'.repeat(64)]) {
      const socket = connect(portOf(serving), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(bytes);
      await once(socket, 'close');
    }
    assert.equal(await servedName(serving), 'server');
  });
});

test('versions are as set', async () => {
  const old = await serveOn({ tls: await pair('old', { maxVersion: 'TLSv1.2' }) });
  const only13 = await serveOn({ tls: await pair('new', { minVersion: 'TLSv1.3' }) });
  const socket = await dial(old);
  assert.equal(socket.getProtocol(), 'TLSv1.2');
  socket.destroy();
  await assert.rejects(dial(only13, { maxVersion: 'TLSv1.2' }));
  await Promise.all([old.close(), only13.close()]);
});

describe('client certificates', () => {
  let ours: Issued;
  let foreign: Issued;
  before(async () => {
    ours = await issue({ name: 'client', issuer: authority });
    foreign = await issue({ name: 'stranger', issuer: await issue({ name: 'other authority' }) });
    await directory.write({ 'ca.pem': authority.certPem });
  });

  async function peerSeen(serving: Serving, by?: Issued): Promise<unknown> {
    const socket = await dial(serving, by === undefined ? {} : { cert: by.certPem, key: by.keyPem });
    const client = new RawClient(socket);
    await client.send(request('GET /v1/a'));
    const reply = await client.reply();
    client.end();
    return reply === undefined ? 'refused' : dataOf(reply)['peer'];
  }

  test('optional: only a verified one is shown to the core', async () => {
    const serving = await serveOn({ tls: await pair('optional', { clientCaFile: directory.file('ca.pem') }) });
    assert.equal(await peerSeen(serving, ours), 'CN=client');
    assert.equal(await peerSeen(serving, foreign), null);
    assert.equal(await peerSeen(serving), null);
    const session = connectHttp2(serving.addresses[0] ?? '', {
      ca: authority.certPem,
      cert: ours.certPem,
      key: ours.keyPem,
    });
    const stream = session.request({ ':path': '/v1/a' });
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
    assert.equal(dataOf({ body: text })['peer'], 'CN=client');
    session.close();
    await serving.close();
  });

  async function chainSeen(serving: Serving, options: ConnectionOptions): Promise<unknown> {
    const socket = await dial(serving, options);
    const client = new RawClient(socket);
    await client.send(request('GET /v1/a'));
    const reply = dataOf(await client.reply());
    client.end();
    return { certificates: reply['certificates'], peer: reply['peer'] };
  }

  const base64 = ({ certPem }: Pick<Issued, 'certPem'>): string => certPem.replace(/-----[^-]+-----|\s/g, '');

  test('without authorities all that is shown goes to the core, unverified, and in the order shown', async () => {
    const serving = await serveOn({ tls: await pair('asking') });
    const [first, second] = [await issue({ name: 'a', issuer: authority }), await issue({ name: 'b' })];
    const cert = foreign.certPem + first.certPem + second.certPem;
    const seen = await chainSeen(serving, { cert, key: foreign.keyPem });
    assert.deepEqual(seen, { certificates: [foreign, first, second].map(base64), peer: null });
    assert.deepEqual(await chainSeen(serving, {}), { certificates: null, peer: null });
    await serving.close();
  });

  test('with authorities those whom they do not know are shown too, and told apart', async () => {
    const serving = await serveOn({ tls: await pair('both', { clientCaFile: directory.file('ca.pem') }) });
    const stranger = await chainSeen(serving, { cert: foreign.certPem, key: foreign.keyPem });
    assert.deepEqual(stranger, { certificates: [base64(foreign)], peer: null });
    const known = await chainSeen(serving, { cert: ours.certPem, key: ours.keyPem });
    // OpenSSL sends along what the client knows above its certificate: the root that it checks the server by.
    assert.deepEqual(known, { certificates: [ours, authority].map(base64), peer: 'CN=client' });
    await serving.close();
  });

  test('whom authorities have verified is shown with all that came along, in its order', async () => {
    const root = await makeAuthority('CN=root');
    const below = await makeAuthority('CN=below', { issuer: root });
    const { pem, keyPem } = await makeClient('CN=client', below);
    await directory.write({ 'root.pem': root.pem });
    const serving = await serveOn({ tls: await pair('along', { clientCaFile: directory.file('root.pem') }) });
    const sent = [pem, foreign.certPem, below.pem, root.pem];
    const seen = await chainSeen(serving, { cert: sent.join(''), key: keyPem });
    assert.deepEqual(seen, { certificates: sent.map((certPem) => base64({ certPem })), peer: 'CN=client' });
    await serving.close();
  });

  test('a certificate without any name in its subject, as SVIDs may be, is one like any other', async () => {
    const nameless = await make({ subject: '' });
    const serving = await serveOn({ tls: await pair('nameless') });
    const seen = await chainSeen(serving, { cert: nameless.pem, key: nameless.keyPem });
    assert.deepEqual(seen, { certificates: [Buffer.from(nameless.der).toString('base64')], peer: null });
    await serving.close();
  });

  test('off: nobody is asked, and none is shown', async () => {
    const settings = await pair('off', { clientCaFile: directory.file('ca.pem'), clientCert: 'off' });
    const serving = await serveOn({ tls: settings });
    const seen = await chainSeen(serving, { cert: ours.certPem, key: ours.keyPem });
    assert.deepEqual(seen, { certificates: null, peer: null });
    await serving.close();
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a session is not resumed where certificates are asked for (${version})`, async () => {
      const serving = await serveOn({ tls: await pair(`whole-${version}`, { maxVersion: version }) });
      let session: Buffer | undefined;
      const options = { cert: ours.certPem + authority.certPem, key: ours.keyPem, maxVersion: version };
      const connect = async (more: ConnectionOptions = {}): Promise<{ reused: boolean; certificates: unknown }> => {
        const socket = await dial(serving, { ...options, ...more });
        socket.on('session', (given: Buffer) => {
          session = given;
        });
        const client = new RawClient(socket);
        await client.send(request('GET /v1/a'));
        const { certificates } = dataOf(await client.reply());
        const reused = socket.isSessionReused();
        client.end();
        return { reused, certificates };
      };
      const whole = { reused: false, certificates: [ours, authority].map(base64) };
      assert.deepEqual(await connect(), whole);
      assert.deepEqual(await connect(session === undefined ? {} : { session }), whole);
      await serving.close();
    });
  }

  test('required: the others are refused', async () => {
    const settings = await pair('required', { clientCaFile: directory.file('ca.pem'), clientCert: 'required' });
    const serving = await serveOn({ tls: settings });
    assert.equal(await peerSeen(serving, ours), 'CN=client');
    assert.equal(await peerSeen(serving, foreign), 'refused');
    assert.equal(await peerSeen(serving), 'refused');
    await serving.close();
  });
});

describe('the files', () => {
  /** A log that can be waited on. */
  function listening(): { log: typeof quiet; next: (part: string) => Promise<string>; lines: string[] } {
    const lines: string[] = [];
    const waiting = new Set<() => void>();
    const add = (message: string, details: object = {}): void => {
      lines.push(`${message} ${JSON.stringify(details)}`);
      for (const wake of waiting) wake();
    };
    const next = async (part: string): Promise<string> => {
      for (;;) {
        const at = lines.findIndex((line) => line.includes(part));
        const [found] = at < 0 ? [] : lines.splice(at, 1);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
        });
      }
    };
    return { log: { info: add, warn: add, error: add }, next, lines };
  }

  test('replaced in place, half by half: the old pair serves until the new one is whole', async () => {
    const { log, next, lines } = listening();
    const serving = await serveOn({ tls: await pair('first') }, undefined, { log });
    const second = await issue({ name: 'second', issuer: authority });
    await directory.write({ 'first.crt': second.certPem.slice(0, 100) });
    await next('not replaced');
    assert.equal(await servedName(serving), 'first');
    await directory.write({ 'first.crt': second.certPem });
    assert.match(await next('not replaced'), /is not the key of the first certificate/);
    assert.equal(await servedName(serving), 'first');
    await serving.reload();
    await directory.write({ 'first.key': second.keyPem });
    await next('was replaced');
    assert.equal(await servedName(serving), 'second');
    assert.deepEqual(
      lines.filter((line) => line.includes('replaced')),
      [],
      'each complaint is made once',
    );
    await serving.close();
  });

  test('replaced as Kubernetes does it, by a symbolic link beside them', async () => {
    const { log, next } = listening();
    const mount = directory.file('mount');
    await mkdir(mount);
    for (const [at, name] of ['one', 'two'].entries()) {
      const issued = await issue({ name, issuer: authority });
      await mkdir(`${mount}/..${String(at)}`);
      await directory.write({
        [`mount/..${String(at)}/tls.crt`]: issued.certPem,
        [`mount/..${String(at)}/tls.key`]: issued.keyPem,
      });
    }
    await symlink('..0', `${mount}/..data`);
    await symlink('..data/tls.crt', `${mount}/tls.crt`);
    await symlink('..data/tls.key', `${mount}/tls.key`);
    const tls = { certFile: `${mount}/tls.crt`, keyFile: `${mount}/tls.key` };
    const serving = await serveOn({ tls }, undefined, { log });
    assert.equal(await servedName(serving), 'one');
    await symlink('..1', `${mount}/..tmp`);
    await rename(`${mount}/..tmp`, `${mount}/..data`);
    await next('was replaced');
    assert.equal(await servedName(serving), 'two');
    await serving.close();
  });

  test('that cannot serve are named, with what to do', async () => {
    const good = await pair('good');
    const other = await pair('other');
    await directory.write({ 'rubbish.pem': 'rubbish', 'half.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n' });
    const missing = directory.file('missing.pem');
    await rejects(serveOn({ tls: { ...good, certFile: missing } }), 'invalidConfig', /missing\.pem \(ENOENT\)/);
    await rejects(serveOn({ tls: { ...good, keyFile: other.keyFile } }), 'invalidConfig', /other\.key is not the key/);
    for (const name of ['rubbish.pem', 'half.pem']) {
      const file = directory.file(name);
      await rejects(serveOn({ tls: { ...good, certFile: file } }), 'invalidConfig', /is not a PEM certificate chain/);
      await rejects(serveOn({ tls: { ...good, keyFile: file } }), 'invalidConfig', /is not an unencrypted PEM/);
    }
    const rubbish = directory.file('rubbish.pem');
    await rejects(serveOn({ tls: { ...good, clientCaFile: rubbish } }), 'invalidConfig', /holds no PEM certificate/);
    await rejects(serveOn({ tls: { ...good, ciphers: 'NONE-SUCH' } }), 'invalidConfig', /versions, ciphers or key/);
    await rejects(serveOn({ tls: { ...good, groups: 'NONE-SUCH' } }), 'invalidConfig', /versions, ciphers or key/);
  });

  test('without digitalSignature are served, and the remedy is logged', async () => {
    const { log, next } = listening();
    const issued = await issue({ name: 'unsigning', issuer: authority, usages: KeyUsageFlags.keyCertSign });
    await directory.write({ 'unsigning.crt': issued.certPem, 'unsigning.key': issued.keyPem });
    const tls = { certFile: directory.file('unsigning.crt'), keyFile: directory.file('unsigning.key') };
    const serving = await serveOn({ tls }, undefined, { log });
    assert.match(await next('digitalSignature'), /keyUsage = digitalSignature/);
    await assert.rejects(dial(serving), { code: 'INVALID_PURPOSE' });
    const lenient = await dial(serving, { rejectUnauthorized: false });
    lenient.destroy();
    await serving.close();
  });

  test('that have expired are served, and it is logged', async () => {
    const { log, next } = listening();
    const notAfter = new Date(Date.now() - 1_000);
    const issued = await issue({ name: 'expired', issuer: authority, notAfter });
    await directory.write({ 'expired.crt': issued.certPem, 'expired.key': issued.keyPem });
    const tls = { certFile: directory.file('expired.crt'), keyFile: directory.file('expired.key') };
    const serving = await serveOn({ tls }, undefined, { log });
    await next('has expired');
    await serving.close();
  });
});
