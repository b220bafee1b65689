import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { Tunnels } from './tunnel.ts';

/** Both threads' ends of one tunnel; what one tells reaches the other in order, as through a port. */
function tunnel(): { readonly near: Duplex; readonly far: Duplex } {
  const here: Tunnels = new Tunnels({
    data: (piece) => Promise.resolve().then(() => there.answers.tunnelData(piece)),
    end: (end) => void Promise.resolve().then(() => there.answers.tunnelEnd(end)),
  });
  const there: Tunnels = new Tunnels({
    data: (piece) => Promise.resolve().then(() => here.answers.tunnelData(piece)),
    end: (end) => void Promise.resolve().then(() => here.answers.tunnelEnd(end)),
  });
  return { near: here.open(1), far: there.open(1) };
}

test('what was written before the end is read to the last byte, also when the writer is gone before the reader reads', async () => {
  const { near, far } = tunnel();
  near.end('the last words');
  await once(near, 'finish');
  near.destroy();
  await once(near, 'close');
  const closed = once(far, 'close');
  assert.equal((await buffer(far)).toString(), 'the last words');
  await closed;
});

test('an end that breaks off in the middle ends the other at once', async () => {
  const { near, far } = tunnel();
  near.write('half of');
  near.destroy();
  await assert.rejects(buffer(far), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
});
