/** Directories that are slow, broken or hostile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import { BerWriter, EqualityFilter } from 'ldapts';
import { issue } from '../../server/certificates.testing.ts';
import { Malformed, messageLength } from './ber.ts';
import type { LdapConnection } from './connection.ts';
import { dial, type Target } from './dial.ts';
import { DirectoryUnavailable } from './unavailable.ts';

const authority = await issue({ name: 'authority' });
const served = await issue({ name: 'localhost', issuer: authority });

interface Directory {
  readonly url: URL;
  /** All that came in the clear. */
  readonly heard: Buffer[];
  readonly connections: Socket[];
}

/** A directory that does what it is told with each thing that it hears on a connection. */
async function directory(
  t: TestContext,
  hears: (socket: Socket, said: Buffer, times: number) => void,
): Promise<Directory> {
  const heard: Buffer[] = [];
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    let times = 0;
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (said: Buffer) => {
      heard.push(said);
      times += 1;
      hears(socket, said, times);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: new URL(`ldap://127.0.0.1:${String(port)}`), heard, connections };
}

const target = (url: URL, startTls = false): Target => ({
  ...{ url, startTls },
  tls: { ca: authority.certPem, client: undefined, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', verify: true },
});

const patient = (): AbortSignal => AbortSignal.timeout(60_000);

function message(id: number, tag: number, write: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  writer.startSequence(tag);
  write(writer);
  writer.endSequence();
  writer.endSequence();
  return writer.buffer;
}

const result = (id: number, tag: number, code = 0): Buffer =>
  message(id, tag, (writer) => {
    writer.writeEnumeration(code);
    writer.writeString('');
    writer.writeString('');
  });

const entry = (id: number, dn: string): Buffer =>
  message(id, 0x64, (writer) => {
    writer.writeString(dn);
    writer.startSequence();
    writer.endSequence();
  });

const bound = (id: number): Buffer => result(id, 0x61);

const search = (connection: LdapConnection, pageSize = 0) =>
  connection.search(
    {
      ...{ base: 'dc=d', scope: 'sub', filter: new EqualityFilter({ attribute: 'uid', value: 'ada' }), attributes: [] },
      ...{ dereference: 'never', sizeLimit: 0, pageSize },
    },
    patient(),
  );

test('an answer that comes byte by byte, or with others, is read', async (t) => {
  const { url } = await directory(t, (socket, _said, times) => {
    if (times === 1) for (const byte of bound(1)) socket.write(Buffer.from([byte]));
    else
      socket.write(
        Buffer.concat([entry(2, 'uid=ada'), message(2, 0x73, (w) => w.writeString('ldap://x')), result(2, 0x65)]),
      );
  });
  using connection = await dial(target(url), patient());
  assert.equal(await connection.bind('uid=ada', 'pw', patient()), true);
  const { code, entries } = await search(connection);
  assert.deepEqual([code, entries.map(({ dn }) => dn)], [0, ['uid=ada']]);
});

test('what is no answer to what was asked ends the connection', async (t) => {
  const answers: readonly (readonly [string, Buffer])[] = [
    ['another id', bound(2)],
    ['a notice of disconnection', result(0, 0x78, 52)],
    ['another operation', result(1, 0x65)],
    ['an entry', entry(1, 'uid=ada')],
    ['no LDAP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a length without end', Buffer.from([0x30, 0x80, 2, 1, 1])],
    ['a length of gigabytes', Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff])],
    ['a value that goes beyond its message', Buffer.from([0x30, 5, 2, 1, 1, 0x61, 0x7f])],
    ['nothing within', Buffer.from([0x30, 0])],
  ];
  for (const [what, bytes] of answers) {
    const { url } = await directory(t, (socket) => socket.write(bytes));
    using connection = await dial(target(url), patient());
    await assert.rejects(connection.bind('uid=ada', 'pw', patient()), Malformed, what);
    await assert.rejects(connection.bind('uid=ada', 'pw', patient()), Malformed, `${what}, and stays so`);
  }
});

test('an answer without end is not read to its end', async (t) => {
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => entry(1, 'x'.repeat(100))));
  const { url } = await directory(t, (socket) => {
    const more = (): void => {
      while (socket.write(flood));
      socket.once('drain', more);
    };
    more();
  });
  using connection = await dial(target(url), patient());
  await assert.rejects(search(connection), Malformed);
});

test('pages without end are not turned to their end', async (t) => {
  const cookie = new BerWriter();
  cookie.startSequence();
  cookie.writeInt(0);
  cookie.writeString('c'.repeat(500_000));
  cookie.endSequence();
  let heard = Buffer.alloc(0);
  let id = 0;
  const { url } = await directory(t, (socket, said) => {
    heard = Buffer.concat([heard, said]);
    // A request carries the cookie, and comes in several pieces.
    if ((messageLength(heard) ?? Infinity) > heard.length) return;
    heard = Buffer.alloc(0);
    const writer = new BerWriter();
    writer.startSequence();
    writer.writeInt(++id);
    writer.startSequence(0x65);
    writer.writeEnumeration(0);
    writer.writeString('');
    writer.writeString('');
    writer.endSequence();
    writer.startSequence(0xa0);
    writer.startSequence();
    writer.writeString('1.2.840.113556.1.4.319');
    writer.writeBuffer(cookie.buffer, 0x04);
    writer.endSequence();
    writer.endSequence();
    writer.endSequence();
    socket.write(writer.buffer);
  });
  using connection = await dial(target(url), patient());
  await assert.rejects(search(connection, 10), Malformed);
});

test('who says nothing is waited for no longer than was said, at each step', async (t) => {
  const silent = await directory(t, () => undefined);
  const steps: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
    (signal) => dial(target(silent.url, true), signal),
    (signal) => dial(target(new URL(silent.url.href.replace('ldap:', 'ldaps:'))), signal),
    async (signal) => (await dial(target(silent.url), patient())).bind('uid=ada', 'pw', signal),
  ];
  for (const step of steps) {
    const impatient = new AbortController();
    const asked = step(impatient.signal);
    // Whoever waits for the directory keeps nobody else waiting.
    await new Promise((resolve) => setImmediate(resolve));
    impatient.abort(new Error('enough'));
    await assert.rejects(asked, (error: Error) => error.message === 'enough' || error.name === 'AbortError');
  }
});

test('without TLS where StartTLS was asked for, nothing is said', async (t) => {
  const refusing = await directory(t, (socket) => socket.write(result(1, 0x78, 2)));
  await assert.rejects(dial(target(refusing.url, true), patient()), DirectoryUnavailable);
  const hanging = await directory(t, (socket) => socket.destroy());
  await assert.rejects(dial(target(hanging.url, true), patient()));
  for (const { heard } of [refusing, hanging]) assert.ok(Buffer.concat(heard).includes('1.3.6.1.4.1.1466.20037'));
  assert.equal(refusing.connections.length, 1);
});

/** Goes over to TLS after the first thing that is said, having written more in the clear; `then` says what comes within. */
async function startingTls(t: TestContext, injected: Buffer, then: (socket: TLSSocket) => void): Promise<Directory> {
  return directory(t, (socket, _said, times) => {
    if (times > 1) return;
    socket.write(Buffer.concat([result(1, 0x78), injected]));
    socket.removeAllListeners('data');
    const secureContext = createSecureContext({ cert: served.certPem, key: served.keyPem });
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    secure.on('error', () => undefined);
    secure.on('data', () => {
      then(secure);
    });
  });
}

test('what was slipped in before TLS is no answer to what is asked within', async (t) => {
  // Answers to the bind to come: a whole one, and the head of one that swallows the true answer.
  for (const injected of [bound(1), bound(2), bound(1).subarray(0, 9)]) {
    const { url } = await startingTls(t, injected, (secure) => secure.write(result(1, 0x61, 49)));
    await assert.rejects(dial(target(url, true), patient()));
  }
  const { url } = await startingTls(t, Buffer.alloc(0), (secure) => secure.write(result(1, 0x61)));
  using honest = await dial(target(url, true), patient());
  assert.equal(await honest.bind('uid=ada', 'pw', patient()), true);
});

test('a connection that ends is not opened again: no password goes out in the clear', async (t) => {
  const { url, heard, connections } = await startingTls(t, Buffer.alloc(0), (secure) => secure.destroy());
  using connection = await dial(target(url, true), patient());
  await assert.rejects(connection.bind('uid=ada', 'pw-4711', patient()));
  await assert.rejects(connection.bind('uid=ada', 'pw-4711', patient()));
  assert.equal(connections.length, 1);
  assert.ok(!Buffer.concat(heard).includes('pw-4711'));
});

test('an empty password is never sent', async (t) => {
  const { url, heard } = await directory(t, (socket) => socket.write(bound(1)));
  using connection = await dial(target(url), patient());
  await assert.rejects(connection.bind('uid=ada', '', patient()), /proves nothing/);
  assert.deepEqual(heard, []);
});

test('a bind is right, wrong, or not judged', async (t) => {
  for (const [code, outcome] of [
    [0, true],
    [10, false],
    [32, false],
    [34, false],
    [48, false],
    [49, false],
    [53, false],
    [1, undefined],
    [8, undefined],
    [13, undefined],
    [51, undefined],
    [52, undefined],
  ] as const) {
    const { url } = await directory(t, (socket) => socket.write(result(1, 0x61, code)));
    using connection = await dial(target(url), patient());
    const asked = connection.bind('uid=ada', 'pw', patient());
    if (outcome === undefined) await assert.rejects(asked, DirectoryUnavailable);
    else assert.equal(await asked, outcome);
  }
});
