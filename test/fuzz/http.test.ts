/** Random bytes and mutated requests over real sockets, for a bounded time: never a crash, always an answer or an end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLockstepError } from '../../src/errors.ts';
import { parseJsonObject } from '../../src/server/json.ts';
import { defaultLimits } from '../../src/server/listener.ts';
import { dataOf, RawClient, serveOn } from '../../src/server/server.testing.ts';

/** Milliseconds for each property; a run that fails prints its seed and path. */
const interruptAfterTimeLimit = 20_000;

const seeds = [
  'GET /v1/secret/data/a?list=true&x=1 HTTP/1.1\r\nHost: x\r\nX-Vault-Token: t\r\n\r\n',
  'LIST /v1/secret/metadata/ HTTP/1.1\r\nHost: x\r\nX-Vault-Wrap-TTL: 60s\r\n\r\n',
  'SCAN /v1/secret/metadata/ HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{"a":{"b":[1,2]}}',
  'PUT /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n',
  'GET /v1/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'POST /v1/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}',
  'POST /v1/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}',
  'DELETE http://x/v1/a HTTP/1.0\r\n\r\n',
  'LINK /v1/a HTTP/1.1\r\nHost: x\r\n\r\n',
];

interface Mutation {
  readonly at: number;
  readonly drop: number;
  readonly insert: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  drop: fc.nat(6),
  insert: fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 4 }),
    fc.constantFrom('LIST ', 'LI', 'ST /', 'SC', '\r\n', '\r\n\r\n', '%2e', '\0', 'Content-Length: 3\r\n', '0\r\n\r\n'),
  ),
});

function mutate(text: string, { at, drop, insert }: Mutation): string {
  const start = Math.floor(at * text.length);
  return text.slice(0, start) + insert + text.slice(start + drop);
}

const bytes = fc
  .oneof(
    { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 200 }) },
    {
      weight: 6,
      arbitrary: fc
        .tuple(
          fc.array(fc.constantFrom(...seeds), { minLength: 1, maxLength: 4 }),
          fc.array(mutation, { maxLength: 4 }),
        )
        .map(([messages, mutations]) => mutations.reduce(mutate, messages.join(''))),
    },
  )
  .map((text) => Buffer.from(text, 'latin1'));

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 });

function pieces(all: Buffer, at: readonly number[]): readonly Buffer[] {
  const borders = [0, ...at.map((part) => Math.floor(part * all.length)).sort((a, b) => a - b), all.length];
  return borders.slice(1).map((border, n) => all.subarray(borders[n], border));
}

/** All that comes back until the connection ends. */
async function play(client: RawClient, parts: readonly Buffer[]): Promise<string> {
  let text = '';
  client.socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await client.send(...parts.filter((part) => part.length > 0));
  client.socket.end();
  if (!client.socket.closed) await new Promise((resolve) => client.socket.once('close', resolve));
  return text;
}

test('bytes of any kind, cut anywhere, are answered or the connection ends, and each reply is whole', async (t) => {
  const serving = await serveOn({ limits: { maxBody: 1_000, headerTimeout: 500, readTimeout: 500 } }, undefined, {
    upgrade: (_request, socket) => socket.destroy(),
  });
  t.after(() => serving.close());
  const calm = await RawClient.to(serving);
  const run = fc.asyncProperty(bytes, cuts, async (all, at) => {
    const text = await play(await RawClient.to(serving), pieces(all, at));
    if (text !== '') assert.match(text, /^HTTP\/1\.1 (?:[1-5]\d\d) /);
    assert.doesNotMatch(text, /^HTTP\/1\.1 500 /m);
    await calm.send('LIST /v1/calm HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal(dataOf(await calm.reply())['verb'], 'list');
  });
  await fc.assert(run, { numRuns: 20_000, interruptAfterTimeLimit });
  calm.end();
});

test('how messages are cut into packets changes nothing', async (t) => {
  const serving = await serveOn({ limits: { maxBody: 1_000 } });
  t.after(() => serving.close());
  const ids = /"request_id":"[^"]*"|Date: [^\r]*|request [0-9a-f-]{36}/g;
  const run = fc.asyncProperty(bytes, cuts, async (all, at) => {
    const whole = await play(await RawClient.to(serving), [all]);
    const cut = await play(await RawClient.to(serving), pieces(all, at));
    // A refusal may overtake the replies to what came before it in the same packet: those are then missing, never others.
    const statuses = (text: string): readonly string[] =>
      [...text.replaceAll(ids, '').matchAll(/HTTP\/1\.1 (\d+)[^{]*(\{.*\})?/g)].map(
        ([, status, body]) => `${status ?? ''} ${body ?? ''}`,
      );
    const [long, short] = [statuses(cut), statuses(whole)].sort((a, b) => b.length - a.length);
    const served = (list: readonly string[] = []): readonly string[] => list.filter((line) => line.startsWith('200'));
    assert.deepEqual(served(long).slice(0, served(short).length), served(short));
  });
  await fc.assert(run, { numRuns: 10_000, interruptAfterTimeLimit });
});

test('the JSON limiter lets through what JSON.parse takes, and only that', () => {
  const text = fc.oneof(
    fc.json({ depthSize: 'small' }),
    fc
      .tuple(fc.json(), fc.array(mutation, { minLength: 1, maxLength: 3 }))
      .map(([json, changes]) => changes.reduce(mutate, json)),
    fc.stringMatching(/^[{}[\],:"\\\w ]{0,40}$/),
  );
  fc.assert(
    fc.property(text, (inner) => {
      const body = `{"a":${inner}}`;
      let expected: unknown;
      try {
        expected = JSON.parse(body);
      } catch {
        expected = undefined;
      }
      let given: unknown;
      try {
        given = parseJsonObject(Buffer.from(body), { ...defaultLimits, maxJsonDepth: 50 });
      } catch (error) {
        assert.ok(isLockstepError(error, 'malformedBody'));
        // Beyond JSON.parse it refuses double keys and numbers that would change; lone surrogates do not survive UTF-8.
        if (expected !== undefined) assert.match(error.message, /twice|UTF-8|kept exactly/);
        return;
      }
      assert.deepEqual(given, JSON.parse(Buffer.from(body).toString()));
    }),
    { numRuns: 200_000, interruptAfterTimeLimit },
  );
});
