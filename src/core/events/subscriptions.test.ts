/** Subscribers over carriers that never lose a byte and say how much they hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runningNode, ask, type Asking } from '../../../test/support/node.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Token } from '../tokens/token.ts';
import { keys } from '../keys.ts';
import type { Node } from '../node.ts';
import { ROOT } from '../namespaces/namespace.ts';
import { patternOf } from './patterns.ts';
import type { Carrier } from './subscription.ts';

type Frame = Readonly<Record<string, unknown>>;

/** A socket whose other end reads only when it is told to. */
class Pipe implements Carrier {
  readonly frames: Frame[] = [];
  #held: string[] = [];
  #waiting: (() => void)[] = [];
  most = 0;
  closed: readonly [number, string] | undefined;

  readonly send = (text: string): void => {
    this.#held.push(text);
    this.#piece?.push(String((JSON.parse(text) as Frame)['kind']));
    this.most = Math.max(this.most, this.buffered());
  };
  /** The kinds of frames that left in one piece. */
  readonly pieces: string[][] = [];
  #piece: string[] | undefined;

  readonly hold = (): void => {
    assert.equal(this.#piece, undefined, 'held once');
    this.#piece = [];
  };
  readonly release = (): void => {
    assert.ok(this.#piece !== undefined, 'released only when held');
    this.pieces.push(this.#piece);
    this.#piece = undefined;
  };
  readonly buffered = (): number => this.#held.reduce((sum, text) => sum + text.length, 0);
  readonly whenDrained = (call: () => void): void => void this.#waiting.push(call);
  readonly close = (code: number, reason: string): void => {
    this.closed = [code, reason];
  };

  read(): void {
    for (const text of this.#held.splice(0)) this.frames.push(JSON.parse(text) as Frame);
    for (const call of this.#waiting.splice(0)) call();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function started(kept: number) {
  let now = 0;
  const { node, root } = await runningNode({ now: () => now, settings: { subscriptions: { kept, stall: 1_000 } } });
  await ask(node, 'POST', 'sys/mounts/secret', { token: root, body: { type: 'kv', options: { version: '2' } } });
  const token = node.services.tokens.find(root);
  assert.ok(token !== undefined);
  const open = (carrier: Carrier, index?: string) =>
    node.services.subscriptions.open(
      {
        wants: { dialect: 'lockstep', types: '*', namespace: ROOT, patterns: [patternOf('secret/data/*')] },
        ...{ token, index, consumer: undefined },
      },
      carrier,
    );
  return {
    ...{ node, root, open },
    later: (ms: number) => {
      now += ms;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

async function write(node: Node, name: string, count: number, namespace = 'root'): Promise<void> {
  const { store, mounts } = node.services;
  const below = keys.data('s', namespace, mounts.at(namespace, 'secret/')?.record.uuid ?? '');
  await store.transact((tx) => {
    for (let n = 0; n < count; n += 1) {
      tx.put(`${below}metadata/${name}-${String(n)}`, Buffer.from('{"currentVersion":1,"versions":{}}'));
    }
  });
  await turn();
}

const eventsOf = (pipe: Pipe): readonly unknown[] =>
  pipe.frames.filter(({ kind }) => kind === 'event').map(({ path }) => path);

test('the events of a moment and the mark after them leave in one piece', async () => {
  await using server = await started(100_000);
  const pipe = new Pipe();
  server.open(pipe);
  await turn();
  await write(server.node, 'w', 2);
  assert.deepEqual(pipe.pieces, [['event', 'event', 'mark']]);
});

test('what is held back for one that ends in between leaves before the end', async () => {
  await using server = await started(100_000);
  const pipe = new Pipe();
  const opened = server.open(pipe);
  await turn();
  const send = pipe.send.bind(pipe);
  Object.assign(pipe, {
    send: (text: string) => {
      send(text);
      if (text.includes('"event"')) opened.end('slow');
    },
  });
  await write(server.node, 'w', 2);
  assert.deepEqual(pipe.pieces, [['event', 'closing']]);
  assert.deepEqual(pipe.closed, [1013, 'slow']);
});

test('one that does not read is held little for, and catches up without a gap when it reads again', async () => {
  await using server = await started(100_000);
  const pipe = new Pipe();
  server.open(pipe);
  await turn();
  for (let n = 0; n < 100; n += 1) await write(server.node, `w${String(n)}`, 100);
  assert.ok(pipe.most < 200_000, `held ${String(pipe.most)} bytes`);
  while (pipe.buffered() > 0) {
    pipe.read();
    await turn();
  }
  assert.equal(pipe.closed, undefined);
  assert.ok(pipe.most < 200_000, `held ${String(pipe.most)} bytes`);
  const paths = eventsOf(pipe);
  assert.equal(paths.length, 10_000);
  assert.equal(new Set(paths).size, 10_000);
  assert.deepEqual(pipe.frames.at(-1)?.['kind'], 'mark');
});

test('one that memory does not wait for is cut off with the place to go on from', async () => {
  await using server = await started(500);
  const pipe = new Pipe();
  server.open(pipe);
  await turn();
  for (let n = 0; n < 30; n += 1) await write(server.node, `w${String(n)}`, 100);
  pipe.read();
  await turn();
  pipe.read();
  assert.deepEqual(pipe.closed, [1013, 'slow']);
  assert.equal(pipe.frames.at(-1)?.['kind'], 'closing');
  assert.equal(server.node.services.subscriptions.size, 0);
});

test('too many changes at once are told as one, and are no history', async () => {
  await using server = await started(100_000);
  const pipe = new Pipe();
  server.open(pipe);
  await turn();
  pipe.read();
  const index = String(pipe.frames.at(-1)?.['index']);
  await write(server.node, 'import', 3_000);
  pipe.read();
  const events = pipe.frames.filter(({ kind }) => kind === 'event');
  assert.deepEqual(
    events.map(({ path, operation }) => [path, operation]),
    [['secret/*', 'mount']],
  );
  const late = new Pipe();
  server.open(late, index);
  await turn();
  await turn();
  late.read();
  assert.equal(late.frames[0]?.['resumed'], false);
});

test('a token is told of no mount beside its namespace, whatever its entity may do there', async () => {
  await using server = await started(100_000);
  const { node, root } = server;
  const must = async (path: string, body: JsonObject, asking: Asking = {}): Promise<JsonObject> => {
    const { status, errors, auth, reply } = await ask(node, 'POST', path, { token: root, body, ...asking });
    assert.ok(status < 300, `${path}: ${(errors ?? []).join()}`);
    return { ...reply?.data, ...auth };
  };
  for (const name of ['m', 'n']) await must(`sys/namespaces/${name}`, {});
  await must('sys/mounts/secret', { type: 'kv', options: { version: '2' } }, { namespace: 'm' });
  const policy = `path "m/secret/*" { capabilities = ["read", "subscribe"] }
    path "n/auth/token/create" { capabilities = ["update"] }`;
  await must('sys/policies/acl/wide', { policy });
  await must('sys/auth/approle', { type: 'approle' });
  await must('auth/approle/role/ada', { token_policies: 'default' });
  const { secret_id = '' } = await must('auth/approle/role/ada/secret-id', {});
  const { reply } = await ask(node, 'GET', 'auth/approle/role/ada/role-id', { token: root });
  const role_id = reply?.data?.['role_id'] ?? '';
  const login = await must('auth/approle/login', { role_id, secret_id });
  await must(`identity/entity/id/${String(login['entity_id'])}`, { policies: ['wide'] });
  const made = await must('auth/token/create', {}, { token: String(login['client_token']), namespace: 'n' });
  const token = node.services.tokens.find(String(made['client_token']));
  const m = node.services.namespaces.byPath('m/');
  assert.ok(token !== undefined && m !== undefined);
  assert.notEqual(token.namespace, 'root');
  const told = async (of: Token): Promise<readonly unknown[]> => {
    const pipe = new Pipe();
    const wants = { dialect: 'lockstep', types: '*', namespace: ROOT, patterns: [patternOf('m/secret/*')] } as const;
    node.services.subscriptions.open({ wants, token: of, index: undefined, consumer: undefined }, pipe);
    await turn();
    await write(node, 'import', 3_000, m.id);
    pipe.read();
    return pipe.frames.filter(({ kind }) => kind === 'event').map(({ path }) => path);
  };
  const above = node.services.tokens.find(String(login['client_token']));
  assert.ok(above !== undefined);
  assert.deepEqual(await told(above), ['m/secret/*']);
  assert.deepEqual(await told(token), []);
});
