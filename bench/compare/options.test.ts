import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from './options.ts';

test('without arguments everything is measured, in at least five rounds', () => {
  const options = parseOptions([]);
  assert.deepEqual(options?.connections, [1, 16, 64]);
  assert.deepEqual(options?.transports, ['http', 'tls']);
  assert.ok((options?.rounds ?? 0) >= 5);
  assert.equal(options?.check, false);
  assert.equal(options?.parts, false);
});

test('what is given goes before --quick and --check', () => {
  const options = parseOptions(['--check', '--loads=read', '--rounds=7']);
  assert.deepEqual(options?.loads, ['read']);
  assert.equal(options?.rounds, 7);
  assert.deepEqual(options?.connections, [16]);
  assert.deepEqual(parseOptions(['--quick', '--connections=1,2'])?.connections, [1, 2]);
});

test('what is wrong is named', () => {
  assert.throws(() => parseOptions(['--loads=red']), /--loads: "red" is none of read, list/);
  assert.throws(() => parseOptions(['--rounds=0']), /--rounds: "0" is not a whole number from 1 on/);
  assert.throws(() => parseOptions(['--connections=1,,2']), /--connections: ""/);
  assert.throws(() => parseOptions(['--only=vault']), /--only: "vault" is none of lockstep, openbao/);
  assert.throws(() => parseOptions(['--check', '--only=lockstep']), /--check compares/);
  assert.throws(() => parseOptions(['--before=/nowhere']), /--before: there is no checkout of Lockstep in "\/nowhere"/);
  assert.throws(() => parseOptions(['--only=openbao', '--before=.']), /--before stands beside Lockstep/);
  assert.throws(() => parseOptions(['--round=3']), /--round/);
});

test('help is no run', () => {
  assert.equal(parseOptions(['--help']), undefined);
});
