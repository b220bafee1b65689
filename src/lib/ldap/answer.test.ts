/** What a hostile directory sends: it either reads, or is refused, in bounded time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BerWriter } from 'ldapts';
import { Random } from '../../../test/simulator/random.ts';
import { answerOf } from './answer.ts';
import { Malformed, messageLength } from './ber.ts';

function message(id: number, write: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  write(writer);
  writer.endSequence();
  return writer.buffer;
}

const result = (tag: number, code: number): Buffer =>
  message(7, (writer) => {
    writer.startSequence(tag);
    writer.writeEnumeration(code);
    writer.writeString('');
    writer.writeString('why');
    writer.endSequence();
  });

const entry = message(3, (writer) => {
  writer.startSequence(0x64);
  writer.writeString('uid=ada,dc=d');
  writer.startSequence();
  writer.startSequence();
  writer.writeString('memberOf');
  writer.startSequence(0x31);
  writer.writeString('cn=a');
  writer.writeString('cn=b');
  writer.endSequence();
  writer.endSequence();
  writer.endSequence();
  writer.endSequence();
});

const page = message(4, (writer) => {
  writer.startSequence(0x65);
  writer.writeEnumeration(0);
  writer.writeString('');
  writer.writeString('');
  writer.endSequence();
  writer.startSequence(0xa0);
  writer.startSequence();
  writer.writeString('1.2.840.113556.1.4.319');
  writer.writeBoolean(false);
  const value = new BerWriter();
  value.startSequence();
  value.writeInt(0);
  value.writeString('next');
  value.endSequence();
  writer.writeBuffer(value.buffer, 0x04);
  writer.endSequence();
  writer.endSequence();
});

test('answers are read', () => {
  assert.deepEqual(answerOf(result(0x61, 49)), {
    ...{ id: 7, kind: 'result', of: 'bind', result: { code: 49, cookie: undefined } },
  });
  const read = answerOf(entry);
  assert.ok(read.kind === 'entry');
  assert.equal(read.entry.dn, 'uid=ada,dc=d');
  assert.deepEqual(read.entry.attributes.get('memberof')?.map(String), ['cn=a', 'cn=b']);
  const paged = answerOf(page);
  assert.ok(paged.kind === 'result');
  assert.equal(String(paged.result.cookie), 'next');
});

test('how long a message is shows as soon as its header is there', () => {
  assert.equal(messageLength(Buffer.from([])), undefined);
  assert.equal(messageLength(Buffer.from([0x30])), undefined);
  assert.equal(messageLength(Buffer.from([0x30, 0x82, 1])), undefined);
  assert.equal(messageLength(Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff])), 6 + 0xff_ff_ff_ff);
  for (const bytes of [
    [0x31, 0],
    [0x30, 0x80],
    [0x30, 0x85],
    [0x15, 0x03, 0x03],
  ]) {
    assert.throws(() => messageLength(Buffer.from(bytes)), Malformed);
  }
});

test('of a hundred thousand damaged answers each reads or is refused', () => {
  const random = new Random(11);
  const below = (bound: number): number => Math.floor(random.fraction() * bound);
  const samples = [entry, page, result(0x65, 0), result(0x78, 0)];
  let refused = 0;
  for (let round = 0; round < 100_000; round += 1) {
    const bytes = Buffer.from(samples[round % samples.length] ?? entry);
    for (let changes = 1 + below(3); changes > 0; changes -= 1) {
      bytes[below(bytes.length)] = below(256);
    }
    const cut = below(4) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
    try {
      answerOf(cut);
    } catch (error) {
      assert.ok(error instanceof Malformed, String(error));
      refused += 1;
    }
  }
  assert.ok(refused > 30_000, String(refused));
});
