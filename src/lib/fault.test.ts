import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail } from '../errors.ts';
import { faultOf, toldOf } from './fault.ts';

const CANARY = 'CANARY-7a20';

function parserError(): unknown {
  try {
    return JSON.parse(CANARY);
  } catch (error) {
    return error;
  }
}

test('of an error that nobody foresaw the kind and the place are told, and not what it quotes', () => {
  const told = toldOf(parserError());
  assert.match(told, /^a fault inside the program, SyntaxError\n +at /);
  assert.ok(!told.includes(CANARY));
  assert.equal(faultOf(parserError()).kind, 'SyntaxError');
  assert.ok(!toldOf(new Error(`one\n${CANARY}\ntwo`)).includes(CANARY));
  assert.equal(toldOf(CANARY), 'a fault inside the program, a value was thrown that is no error');
});

test('a message of the catalogue or of the system is told as it is', () => {
  assert.equal(toldOf(fail('corrupt', 'the record a is damaged')), 'the record a is damaged');
  assert.equal(toldOf(Object.assign(new Error('No space left on device'), { code: 28 })), 'No space left on device');
  assert.equal(faultOf(fail('corrupt')).kind, 'corrupt');
});
