import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { flag, parseArguments, UsageError } from './flags.ts';

const flags = {
  force: flag.boolean('Force.', { aliases: ['f'] }),
  mount: flag.text('Mount.'),
  version: flag.integer('Version.'),
  ttl: flag.duration('TTL.'),
  policy: flag.list('Policy.'),
  metadata: flag.map('Pairs.'),
  kind: flag.text('Kind.', { choices: ['a', 'b'] }),
};

test('takes one dash or two, a value after = or as the next word', () => {
  for (const argv of [
    ['-mount=x', '-version=3', 'path'],
    ['--mount', 'x', '--version', '3', 'path'],
    ['path', '-mount', 'x', '--version=3'],
  ]) {
    const { values, args } = parseArguments(argv, flags);
    assert.deepEqual([values['mount'], values['version'], args], ['x', 3, ['path']], argv.join(' '));
  }
});

test('reads switches, lists, pairs and durations', () => {
  const argv = ['-f', '-policy=a,b', '-policy', 'c', '-metadata=k=v=w', '-ttl=1h30m', '-version=-1'];
  const { values } = parseArguments(argv, flags);
  assert.deepEqual(values, {
    force: true,
    mount: undefined,
    version: -1,
    ttl: 5400,
    policy: ['a', 'b', 'c'],
    metadata: { k: 'v=w' },
    kind: undefined,
  });
  assert.equal(parseArguments(['-force=false'], flags).values['force'], false);
  assert.equal(parseArguments(['-mount=a', '-mount='], flags).values['mount'], '');
});

test('a switch never takes the next word; - is an argument; -- ends the flags', () => {
  const { values, args } = parseArguments(['-force', 'false', '-', '--', '-mount', '--', 'x'], flags);
  assert.deepEqual([values['force'], args], [true, ['false', '-', '-mount', '--', 'x']]);
});

test('a value may begin with a dash, hold newlines or be empty', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(parseArguments([`-mount=${text}`], flags).values['mount'], text);
      assert.equal(parseArguments(['-mount', text], flags).values['mount'], text);
    }),
  );
});

test('asking for help wins over bad values', () => {
  for (const help of ['-h', '--h', '-help', '--help']) {
    assert.equal(parseArguments(['-version=x', help], flags).help, true);
  }
});

test('names an unknown flag and what was probably meant', () => {
  const refuse = (argv: readonly string[], message: RegExp): void => {
    assert.throws(
      () => parseArguments(argv, flags),
      (error) => error instanceof UsageError && message.test(error.message),
      argv.join(' '),
    );
  };
  refuse(['-mont=x'], /not defined: -mont: did you mean -mount\?/);
  refuse(['path', '--zzz'], /not defined: -zzz$/);
  refuse(['-mount'], /needs an argument: -mount/);
  refuse(['-version=x'], /-version: not a whole number/);
  refuse(['-version=99999999999999999999'], /-version/);
  refuse(['-ttl=soon'], /-ttl is not a duration/);
  refuse(['-force=maybe'], /-force: it is true or false/);
  refuse(['-metadata=novalue'], /-metadata: it is key=value/);
  refuse(['-kind=c'], /-kind: it is one of a, b/);
  refuse(['-toString'], /not defined: -toString/);
  refuse(['-__proto__=x'], /not defined: -__proto__/);
});

test('any words are either read or refused, never something else', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('-f', '-mount', '-mount=a', '--', '-', '-ttl', '-h', '--version=2'),
  );
  fc.assert(
    fc.property(fc.array(word), (argv) => {
      try {
        parseArguments(argv, flags);
      } catch (error) {
        assert.ok(error instanceof UsageError);
      }
    }),
  );
});
