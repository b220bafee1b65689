import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemOfReply, type Declared } from './check-reply.testing.ts';
import { field } from './field.ts';
import type { Outcome } from './request.ts';

const declared: Declared = {
  replies: {
    200: {
      name: field.required(field.string('A name.')),
      count: field.integer('How many.'),
      tags: field.map('Labels.'),
    },
    204: 'empty',
    404: 'any',
  },
};

function outcome(status: number, data?: Readonly<Record<string, unknown>>, errors?: readonly string[]): Outcome {
  const nothing = { requestId: '', leaseId: '', leaseDuration: 0, renewable: false, auth: null, wrapInfo: null };
  const reply = data === undefined ? { status } : { status, data };
  return { status, ...nothing, warnings: null, mountType: '', headers: {}, reply, ...(errors ? { errors } : {}) };
}

test('a reply as declared has no problem; nor has an error', () => {
  for (const data of [{ name: 'a' }, { name: 'a', count: 1, tags: { x: 'y' } }, { name: '', tags: null }]) {
    assert.equal(problemOfReply(declared, outcome(200, data)), undefined);
  }
  assert.equal(problemOfReply(declared, outcome(204)), undefined);
  const warned = { ...outcome(200), warnings: ['ignored'] };
  assert.equal(problemOfReply({ replies: { 204: 'empty' } }, warned), undefined);
  assert.equal(problemOfReply(declared, outcome(404, { whatever: 1 })), undefined);
  assert.equal(problemOfReply(declared, outcome(500, undefined, ['internal error'])), undefined);
  assert.equal(problemOfReply({ ...declared, otherReplies: 'any' }, outcome(299, {})), undefined);
});

test('what is not declared is named', () => {
  const problems: readonly (readonly [Outcome, RegExp])[] = [
    [outcome(201, {}), /201: the status is not declared/],
    [outcome(204, { x: 1 }), /204: there is data/],
    [outcome(200), /200: there is no data/],
    [outcome(200, { name: 'a', more: 1 }), /"more" is not declared/],
    [outcome(200, { name: 'a', toString: 1 }), /"toString" is not declared/],
    [outcome(200, { name: 1 }), /"name" is no string/],
    [outcome(200, { name: 'a', count: '1' }), /"count" is no integer/],
    [outcome(200, { name: 'a', count: 0.5 }), /"count" is no integer/],
    [outcome(200, { name: 'a', tags: { x: 1 } }), /"tags" is no map/],
    [outcome(200, { count: 1 }), /"name" is missing/],
  ];
  for (const [wrong, problem] of problems) assert.match(problemOfReply(declared, wrong) ?? '', problem);
});

test('a reply has the declared form', () => {
  const any: Declared = { replies: { 200: 'any' } };
  const text = { contentType: 'text/plain; charset=utf-8', body: 'a' };
  const bare: Outcome = { ...outcome(200), reply: { status: 200, bare: {} } };
  const raw: Outcome = { ...outcome(200), reply: { status: 200, raw: text } };
  assert.equal(problemOfReply({ ...any, form: 'bare' }, bare), undefined);
  assert.equal(problemOfReply({ ...any, form: ['text/plain'] }, raw), undefined);
  assert.match(problemOfReply(any, bare) ?? '', /bare/);
  assert.match(problemOfReply({ ...any, form: 'bare' }, outcome(200, {})) ?? '', /not bare/);
  assert.match(problemOfReply(any, raw) ?? '', /text\/plain is not declared/);
  assert.match(problemOfReply({ ...any, form: ['application/gzip'] }, raw) ?? '', /text\/plain is not declared/);
});
