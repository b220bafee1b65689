import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellsOf, type Cell } from './cells.ts';
import { runsOf, type Work } from './rounds.ts';
import type { Subject } from './subjects.ts';

function subject(title: string, answers: (cell: Cell) => boolean = () => true): Subject {
  const nothing = { pid: 0 } as unknown as Subject['server']['program'];
  return {
    server: {
      ...{ title, version: '1', program: nothing, urls: { http: 'http://127.0.0.1:1' } },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    access: { token: '', secrets: '', roleId: '', secretId: '', ciphertext: undefined },
    ...{ answers, whole: true },
  };
}

function work(subjects: readonly Subject[], rounds: number): Work {
  const cells = cellsOf({ loads: ['read', 'login'], connections: [1, 64], transports: ['http'] });
  return { subjects, cells, rounds, seconds: 7, folder: '' };
}

test('in each round every cell is measured on one server right after the other, in the other order each time', () => {
  const measured = runsOf(work([subject('a'), subject('b')], 3)).filter(({ round }) => round > 0);
  const orders = [1, 2, 3].map((round) => measured.filter((run) => run.round === round).map((run) => run.subject));
  assert.deepEqual(orders, [
    [0, 1, 0, 1, 0, 1, 0, 1],
    [1, 0, 1, 0, 1, 0, 1, 0],
    [0, 1, 0, 1, 0, 1, 0, 1],
  ]);
  for (let at = 0; at < measured.length; at += 2) assert.equal(measured[at]?.cell, measured[at + 1]?.cell);
  assert.ok(measured.every(({ seconds }) => seconds === 7));
});

test('before, each load is warmed up once on each server, at however many connections it is measured', () => {
  const warming = runsOf(work([subject('a'), subject('b')], 1)).filter(({ round }) => round === 0);
  assert.deepEqual(warming.map(({ cell, subject }) => `${cell.load} ${subject}`).sort(), [
    'login 0',
    'login 1',
    'read 0',
    'read 1',
  ]);
});

test('a server is not asked for what it does not have', () => {
  const runs = runsOf(work([subject('a'), subject('b', ({ load }) => load === 'read')], 2));
  const asked = runs.filter((run) => run.subject === 1).map(({ cell }) => cell.load);
  assert.ok(asked.length > 0 && asked.every((load) => load === 'read'));
});
