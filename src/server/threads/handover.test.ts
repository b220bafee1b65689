import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Handler, Outcome, Request } from '../../framework/request.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import { handed, Receiver, type Upload } from './handover.ts';

interface Held {
  readonly request: Request;
  readonly letGo: () => void;
}

/** Holds each request until it is let go. */
function holding(): { readonly handler: Handler; readonly held: Held[] } {
  const held: Held[] = [];
  const handle = (request: Request): Promise<Outcome> => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const outcome: Outcome = {
      ...{ status: 204, requestId: request.id, leaseId: '', leaseDuration: 0, renewable: false, auth: null },
      ...{ wrapInfo: null, warnings: null, mountType: '', headers: {} },
    };
    held.push({ request, letGo: () => resolve(outcome) });
    return promise;
  };
  return { handler: { handle }, held };
}

const request = (): Request => ({
  ...{ id: 'one', verb: 'update', help: false, method: 'POST', path: 'secret/data/a', namespace: '', token: 't' },
  ...{ body: undefined, contentType: '', query: {}, headers: {}, address: '127.0.0.1', port: 0, wrapTtl: 0 },
  ...{ index: undefined, signal: () => new AbortController().signal },
  listener: { unauthenticatedMetrics: false },
});

test('whose client goes away is aborted, and nobody else, whoever had its place before', async () => {
  const { handler, held } = holding();
  const receiver = new Receiver(handler, () => Promise.resolve());
  const [first, second] = [receiver.serve(handed(request(), 0)), receiver.serve(handed(request(), 1))];
  await nextTurn();
  held[0]?.letGo();
  assert.equal((await first).status, 204);
  receiver.gone(0);
  const third = receiver.serve(handed(request(), 0));
  await nextTurn();
  const [, other, again] = held.map((each) => each.request);
  assert.equal(again?.signal().aborted, false, 'what was told of the one before');
  receiver.gone(0);
  assert.match(String(again?.signal().reason), /closed the connection/);
  assert.equal(other?.signal().aborted, false);
  for (const each of held) each.letGo();
  await Promise.all([second, third]);
});

test('what is handed over in a turn is served at its end, and a client that went away before then is known to be gone', async () => {
  const { handler, held } = holding();
  const receiver = new Receiver(handler, () => Promise.resolve());
  const served = [receiver.serve(handed(request(), 0)), receiver.serve(handed(request(), 1))];
  receiver.gone(1);
  assert.equal(held.length, 0);
  await nextTurn();
  assert.deepEqual(
    held.map((each) => each.request.signal().aborted),
    [false, true],
  );
  for (const each of held) each.letGo();
  await Promise.all(served);
});

test('a body is asked of the thread that has it, by the place of its request', async () => {
  const { handler, held } = holding();
  const asked: Upload[] = [];
  const receiver = new Receiver(handler, (upload) => {
    asked.push(upload);
    return Promise.resolve();
  });
  const served = receiver.serve(handed({ ...request(), upload: () => Promise.resolve() }, 3));
  await nextTurn();
  await held[0]?.request.upload?.('/folder/body');
  assert.deepEqual(asked, [{ place: 3, path: '/folder/body' }]);
  held[0]?.letGo();
  await served;
});
