/** A thread that reads, again and again, what another one writes, and reports what it may not see. */
import { parentPort, workerData } from 'node:worker_threads';
import { Board } from '../../lib/threads/board.ts';
import { read } from '../conformance/subject.ts';
import { followLmdbStore } from './follow.ts';

const { path, memory } = workerData as { readonly path: string; readonly memory: SharedArrayBuffer };
const board = new Board(memory);
const store = followLmdbStore(path, board);
const problems: string[] = [];
let looks = 0;
const over = new AbortController();
const ending = over.signal;
let newest = -1;

async function look(): Promise<void> {
  const { published } = board;
  await store.catchUp();
  const { sequence } = store.position;
  if (sequence < published) problems.push(`showed ${String(sequence)} when ${String(published)} was published`);
  if (board.isAhead(sequence)) problems.push(`showed ${String(sequence)} before it was published`);
  const value = Number(read(store, 'n'));
  if (value < newest) problems.push(`went back from ${String(newest)} to ${String(value)}`);
  newest = value;
  looks += 1;
}

async function run(): Promise<void> {
  await look();
  parentPort?.postMessage('ready');
  while (!ending.aborted) {
    await look();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await look();
  parentPort?.postMessage({ looks, problems: problems.slice(0, 5), last: read(store, 'n') });
}

parentPort?.on('message', () => {
  over.abort();
});
await run();
