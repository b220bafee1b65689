import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { onlyThese } from '../../test/support/audit.ts';
import { requestOf } from '../../test/support/node.ts';
import { fail } from '../errors.ts';
import type { CorsConfig, Request } from '../framework/request.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { encodeRecord } from '../lib/record.ts';
import { silent } from '../lib/log.ts';
import { registry } from '../registry.ts';
import { createBarrier } from '../seal/barrier.ts';
import { openMemoryStore } from '../storage/memory/open.ts';
import type { FollowedDevice } from './audit/known-device.ts';
import { keys } from './keys.ts';
import { windowFor, type RateLimit } from './quotas/rate-limit.ts';
import { SharedWindows } from '../lib/threads/shared-windows.ts';
import { ReadingNode } from './reading-node.ts';
import { outcomeOf } from './requests/pipeline.ts';
import { seed } from './seed.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

interface Made {
  readonly node: ReadingNode;
  /** A read, and by which thread it was served. */
  readonly read: () => Promise<'here' | 'handed over'>;
  /** The same of a POST to a path. */
  readonly post: (path: string) => Promise<'here' | 'handed over'>;
  /** The log does not reach back any more to where the thread stands, once. */
  readonly leaveBehind: () => void;
  /** What the thread did with its store since it was last asked: caught up, or let go of what it showed. */
  readonly done: () => readonly ('caught up' | 'rested')[];
  /** From now on the store cannot be opened. */
  readonly breakOpening: () => void;
  readonly unseal: (devices: readonly FollowedDevice[]) => Promise<void>;
  /** Resolves with the next opening of the store, which is the beginning of one. */
  readonly opening: () => Promise<void>;
  /** Errors in the log. */
  readonly logged: readonly string[];
  /** The one request that the quota lets through was made elsewhere. */
  readonly useUp: () => void;
  readonly device: (name: string) => FollowedDevice;
  /** Paths of what a device recorded. */
  readonly recorded: (name: string) => readonly string[];
}

const PUT = requestOf('PUT', 'sys/tools/hash');
const QUOTA: RateLimit = {
  ...{ name: 'q', path: 'sys/tools/hash', role: '', inheritable: true, groupBy: 'ip' },
  ...{ rate: 1, interval: 3_600, blockInterval: 0, secondaryRate: 0 },
};

const CORS: CorsConfig = { origins: ['https://example.com'], headers: [], credentials: false };

async function readingNode(t: TestContext): Promise<Made> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-reading-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const store = openMemoryStore();
  const root = takeKey(Buffer.alloc(32, 7));
  const { value: token } = await store.transact((tx) =>
    createBarrier(tx, root, Date.now(), (own) => {
      own.put(keys.rateLimits + QUOTA.name, encodeRecord(QUOTA));
      own.put(keys.config('cors'), encodeRecord(CORS));
      return seed(own, 0);
    }),
  );
  let behind = false;
  let done: ('caught up' | 'rested')[] = [];
  const followed = Object.assign(store, {
    rest: () => void done.push('rested'),
    catchUp: (): undefined => {
      done.push('caught up');
      if (!behind) return;
      behind = false;
      throw fail('compacted');
    },
    // It is opened again and again here; its pages are not the thread's to close.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  let handed = 0;
  let broken = false;
  let opens = (): void => undefined;
  const windows = new SharedWindows();
  const logged: string[] = [];
  const log = { ...silent, error: (message: string) => void logged.push(message) };
  const node = new ReadingNode({
    ...{ registry, settings: DEFAULT_SETTINGS, log, now: Date.now, link: () => undefined },
    open: () => {
      opens();
      if (broken) throw fail('corrupt');
      return followed;
    },
    windows,
    audit: {
      allowed: onlyThese({ paths: 'any' }),
      prefixing: false,
      spool: { folder: '/nonexistent', limit: 0 },
      stdout: process.stdout,
    },
    handOver: (request) => {
      handed += 1;
      return Promise.resolve(outcomeOf(request, { status: 200 }));
    },
  });
  t.after(() => node[Symbol.asyncDispose]());
  await node.unseal({ root, devices: [] });
  const ask = async (request: Request): Promise<'here' | 'handed over'> => {
    const before = handed;
    const { status } = await node.handle(request);
    assert.equal(status, 200);
    return handed > before ? 'handed over' : 'here';
  };
  return {
    node,
    read: () => ask(requestOf('GET', 'auth/token/lookup-self', { token })),
    post: (path) => ask(requestOf('POST', path, { token, body: { token } })),
    leaveBehind: () => {
      behind = true;
    },
    done: () => {
      const these = done;
      done = [];
      return these;
    },
    breakOpening: () => {
      broken = true;
    },
    unseal: (devices) => node.unseal({ root, devices }),
    opening: () =>
      new Promise((resolve) => {
        opens = resolve;
      }),
    logged,
    useUp: () => {
      const { key, rule } = windowFor(QUOTA, { ...PUT, namespace: '', mount: undefined, role: () => '', entity: '' });
      windows.take(key, rule, Date.now());
    },
    device: (name) => ({
      ...{ path: `${name}/`, type: 'file', description: '', local: false, declared: false },
      options: { file_path: join(folder, name) },
    }),
    recorded: (name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { type: string }).type),
  };
}

test('a thread that was left behind has, once it reads again, the audit devices of now', async (t) => {
  const { node, read, leaveBehind, device, recorded } = await readingNode(t);
  await node.audit.enable(device('kept'));
  await node.audit.enable(device('dropped'));
  await node.audit.disable('dropped/');
  leaveBehind();
  assert.equal(await read(), 'handed over');
  await node.audit.reopen();
  assert.equal(await read(), 'here');
  assert.deepEqual(recorded('kept'), ['request', 'response']);
  assert.deepEqual(recorded('dropped'), []);
});

test('what writes is handed over without a look at what has changed; a POST that only reads is served here', async (t) => {
  const { node, read, post, leaveBehind } = await readingNode(t);
  assert.equal(await post('auth/token/lookup'), 'here');
  leaveBehind();
  assert.equal(await post('auth/token/create'), 'handed over');
  await node.audit.reopen();
  assert.equal(await post('auth/token/lookup'), 'handed over', 'only now it has looked');
  await node.audit.reopen();
  assert.equal(await read(), 'here');
});

test('a thread follows as long as something is read from it, and rests when all that it was given is handed over', async (t) => {
  const { node, read, post, done } = await readingNode(t);
  const looked = (): ReturnType<typeof done> => {
    done();
    node.look();
    return done();
  };
  assert.deepEqual(looked(), ['rested']);
  await read();
  assert.deepEqual([looked(), looked()], [['caught up'], ['rested']]);
  await post('auth/token/create');
  assert.deepEqual(looked(), ['rested']);
  await post('auth/token/lookup');
  assert.deepEqual(looked(), ['caught up']);
});

test('a thread does not rest while it serves something: that may read more', async (t) => {
  const { node, read, device, done } = await readingNode(t);
  await node.audit.enable(device('slow'));
  const looked = (): ReturnType<typeof done> => {
    node.look();
    node.look();
    return done();
  };
  looked();
  const served = read();
  assert.deepEqual(looked().includes('rested'), false);
  assert.equal(await served, 'here');
  assert.deepEqual(looked().includes('rested'), true);
});

test('what browsers are told of other origins is of now, and while caches are made anew as it was', async (t) => {
  const { node, done, read, leaveBehind } = await readingNode(t);
  done();
  assert.deepEqual(node.cors, CORS);
  assert.deepEqual(done(), ['caught up']);
  leaveBehind();
  assert.deepEqual([node.cors, await read()], [CORS, 'handed over']);
  await node.seal();
  assert.equal(node.cors, undefined);
});

test('a device is enabled also on a thread that finds itself left behind just then', async (t) => {
  const { node, read, leaveBehind, device, recorded } = await readingNode(t);
  leaveBehind();
  await node.audit.enable(device('new'));
  await node.audit.reopen();
  assert.equal(await read(), 'here');
  assert.deepEqual(recorded('new'), ['request', 'response']);
});

test('a thread that cannot make its caches anew says so, once, and hands everything over', async (t) => {
  const { node, read, breakOpening, leaveBehind, logged } = await readingNode(t);
  assert.equal(await read(), 'here');
  breakOpening();
  leaveBehind();
  assert.equal(await read(), 'handed over');
  await node.audit.reopen();
  assert.equal(await read(), 'handed over');
  assert.deepEqual(logged, ['a thread cannot make its caches anew: it hands over every request']);
});

test('a request is refused unread by the quotas of now alone', async (t) => {
  const { node, leaveBehind, useUp } = await readingNode(t);
  assert.equal(node.refusedUnread(PUT), undefined);
  useUp();
  assert.equal(node.refusedUnread(PUT)?.status, 429);
  leaveBehind();
  assert.equal(node.refusedUnread(PUT), undefined);
  await node.audit.reopen();
  assert.equal(node.refusedUnread(PUT)?.status, 429);
});

test('a thread that is sealed while it opens is sealed, and opens when it is unsealed again', async (t) => {
  const { node, read, unseal, opening, device } = await readingNode(t);
  await node.seal();
  const begins = opening();
  const unsealed = unseal([device('a'), device('b')]);
  await begins;
  await node.seal();
  await unsealed;
  assert.equal(await read(), 'handed over');
  await unseal([]);
  assert.equal(await read(), 'here');
});

test('where a device cannot be opened nothing is served that it would lack, until it is disabled', async (t) => {
  const { node, read, device } = await readingNode(t);
  await assert.rejects(node.audit.enable(device('missing/folder/../..')));
  assert.equal(await read(), 'handed over');
  await node.audit.disable('missing/folder/../../');
  await node.audit.reopen();
  assert.equal(await read(), 'here');
});
