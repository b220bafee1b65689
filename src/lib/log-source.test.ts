import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogSource, type LogState } from './log-source.ts';

function source() {
  const lines: string[] = [];
  const logs = new LogSource({ level: 'info', format: 'standard', write: (line) => lines.push(line), now: () => 0 });
  return { logs, lines };
}

test('levels are changed by name, for all, and set back', () => {
  const { logs, lines } = source();
  const audit = logs.log.named('audit');
  audit.debug('a');
  logs.set('audit', 'debug');
  audit.debug('b');
  logs.log.debug('c');
  logs.setAll('error');
  audit.warn('d');
  logs.resetAll();
  audit.info('e', { key: 'a value' });
  assert.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z [DEBUG] audit: b\n',
    '1970-01-01T00:00:00.000Z [INFO] audit: e key="a value"\n',
  ]);
  assert.deepEqual(logs.names, ['audit', 'core']);
});

test('a listener gets what the output leaves out, until it stops', () => {
  const { logs, lines } = source();
  const heard: string[] = [];
  const tap = logs.tap('trace', ({ message }) => heard.push(message));
  logs.log.trace('one');
  logs.log.info('two');
  tap[Symbol.dispose]();
  logs.log.info('three');
  assert.deepEqual(heard, ['one', 'two']);
  assert.equal(lines.length, 2);
});

test('another thread sends what this one wants', () => {
  const { logs } = source();
  const there = new LogSource({
    ...{ level: 'info', format: 'standard', now: () => 0 },
    write: () => assert.fail('it writes nothing itself'),
    handOver: (record) => {
      sent.push(record.message);
      logs.take(record);
    },
  });
  const sent: string[] = [];
  const states: LogState[] = [];
  logs.follow((state) => {
    states.push(state);
    there.apply(state);
  });
  there.log.debug('a');
  const heard: string[] = [];
  const tap = logs.tap('debug', ({ message }) => heard.push(message));
  there.log.debug('b');
  tap[Symbol.dispose]();
  there.log.debug('c');
  assert.deepEqual(sent, ['b']);
  assert.deepEqual(heard, ['b']);
  assert.equal(states.at(-1)?.tapped, null);
});
