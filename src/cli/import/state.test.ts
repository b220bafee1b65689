import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openState, readOnlyState, type Route } from './state.ts';

const ROUTE: Route = { source: 'https://a', sourceNamespace: '', target: 'https://b', targetNamespace: 'x' };
const DONE = { phase: 'done', source: 's', target: 't' } as const;

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-state-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, 'state');
}

test('what was noted is known to the next run, the last word first', (t) => {
  const path = place(t);
  {
    using state = openState(path, ROUTE);
    state.set('secret/ü', { phase: 'begun', source: 's' });
    state.set('secret/ü', DONE);
    assert.deepEqual(state.get('secret/ü'), DONE);
  }
  writeFileSync(path, readFileSync(path, 'utf8'), { mode: 0o644 });
  using state = openState(path, ROUTE);
  assert.deepEqual(state.get('secret/ü'), DONE);
  assert.equal(state.get('secret'), undefined);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a line that a kill cut short is forgotten, and does not swallow the next', (t) => {
  const path = place(t);
  {
    using state = openState(path, ROUTE);
    state.set('a', DONE);
  }
  appendFileSync(path, '{"key":"b","phase":"do');
  {
    using state = openState(path, ROUTE);
    assert.deepEqual([state.get('a'), state.get('b')], [DONE, undefined]);
    state.set('c', DONE);
  }
  using state = openState(path, ROUTE);
  assert.deepEqual([state.get('a'), state.get('c')], [DONE, DONE]);
});

test('another import, another file and a link are refused by name', (t) => {
  const path = place(t);
  openState(path, ROUTE)[Symbol.dispose]();
  assert.throws(
    () => openState(path, { ...ROUTE, targetNamespace: 'y' }),
    /belongs to an import with targetNamespace "x"/,
  );
  writeFileSync(`${path}-notes`, '{"my":"notes"}\n');
  assert.throws(() => openState(`${path}-notes`, ROUTE), /no state of an import; name another with -state/);
  assert.equal(readFileSync(`${path}-notes`, 'utf8'), '{"my":"notes"}\n');
  symlinkSync(path, `${path}-link`);
  assert.throws(() => openState(`${path}-link`, ROUTE), /cannot use the state file .*ELOOP/);
  assert.throws(() => openState(join(path, 'deeper'), ROUTE), /ENOTDIR/);
});

test('a dry run reads the state and leaves no file', (t) => {
  const path = place(t);
  const none = readOnlyState(path, ROUTE);
  none.set('a', DONE);
  assert.throws(() => statSync(path), /ENOENT/);
  {
    using state = openState(path, ROUTE);
    state.set('a', DONE);
  }
  assert.deepEqual(readOnlyState(path, ROUTE).get('a'), DONE);
});
