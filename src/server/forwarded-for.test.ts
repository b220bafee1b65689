import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isLockstepError } from '../errors.ts';
import { ForwardedFor } from './forwarded-for.ts';
import type { ForwardedForSettings } from './listener.ts';
import { dataOf, RawClient, serveOn } from './server.testing.ts';

const refused = (error: unknown): boolean => isLockstepError(error, 'badRequest');
const rules = (settings: Partial<ForwardedForSettings> = {}): ForwardedFor =>
  new ForwardedFor({ authorized: ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'], ...settings });

describe('X-Forwarded-For', () => {
  test('counts from a listed peer: the rightmost entry, or one further left', () => {
    assert.equal(rules().clientOf('10.1.2.3', '203.0.113.9'), '203.0.113.9');
    assert.equal(rules().clientOf('192.0.2.7', '1.1.1.1, 203.0.113.9'), '203.0.113.9');
    assert.equal(rules({ hopSkips: 1 }).clientOf('192.0.2.7', '1.1.1.1, 203.0.113.9'), '1.1.1.1');
    assert.equal(rules().clientOf('2001:db8::1', '2001:db8:1::5'), '2001:db8:1::5');
  });

  test('from another peer, or absent, is refused unless the settings say otherwise', () => {
    assert.throws(() => rules().clientOf('192.0.2.8', '1.1.1.1'), refused);
    assert.equal(rules({ rejectNotAuthorized: false }).clientOf('192.0.2.8', '1.1.1.1'), '192.0.2.8');
    assert.throws(() => rules().clientOf('10.0.0.1', undefined), refused);
    assert.equal(rules({ rejectNotPresent: false }).clientOf('10.0.0.1', undefined), '10.0.0.1');
  });

  test('that holds no address, or too few, is refused', () => {
    for (const header of ['', 'unknown', '1.2.3.4.5', '<script>', '1.1.1.1,', '1.1.1.1:80']) {
      assert.throws(() => rules().clientOf('10.0.0.1', header), refused, header);
    }
    assert.throws(() => rules({ hopSkips: 2 }).clientOf('10.0.0.1', '1.1.1.1, 2.2.2.2'), refused);
  });

  test('blocks that are none are refused at start', () => {
    for (const block of [
      '',
      'x',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '::/129',
      'host.example',
    ]) {
      assert.throws(
        () => rules({ authorized: [block] }),
        (error) => isLockstepError(error, 'invalidConfig'),
        block,
      );
    }
  });

  test('counts for nobody where nothing is set', async () => {
    const message = 'GET /v1/a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n';
    for (const [settings, address] of [
      [undefined, '127.0.0.1'],
      [{ authorized: ['127.0.0.0/8'] }, '203.0.113.9'],
    ] as const) {
      const serving = await serveOn(settings === undefined ? {} : { forwardedFor: settings });
      const client = await RawClient.to(serving);
      await client.send(message);
      assert.equal(dataOf(await client.reply())['address'], address);
      client.end();
      await serving.close();
    }
  });
});
