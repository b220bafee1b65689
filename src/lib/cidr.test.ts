import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientNetwork, withoutFullWidth } from './cidr.ts';

test('a block of one address loses its width, others keep theirs', () => {
  const blocks = ['127.0.0.1/32', '10.0.0.0/8', '127.0.0.2', '::1/128', '2001:db8::/32', '::1', '10.1.1.1/8'];
  const kept = ['127.0.0.1', '10.0.0.0/8', '127.0.0.2', '::1', '2001:db8::/32', '::1', '10.1.1.1/8'];
  assert.deepEqual(withoutFullWidth(blocks), kept);
});

test('clients are told apart by their IPv4 address, or by their network of IPv6', () => {
  const same = [
    '2001:db8::1',
    '2001:DB8:0:0::ffff',
    '2001:0db8:0:0:1:2:3:4',
    '2001:db8::1:192.0.2.1',
    '2001:db8::1%eth0',
  ];
  assert.deepEqual(new Set(same.map(clientNetwork)), new Set(['2001:db8:0:0::/64']));
  assert.equal(clientNetwork('2001:db8:0:1::1'), '2001:db8:0:1::/64');
  assert.equal(clientNetwork('1:2:3:4:5:6:7::'), '1:2:3:4::/64');
  assert.equal(clientNetwork('::1'), '0:0:0:0::/64');
  assert.equal(clientNetwork('192.0.2.1'), '192.0.2.1');
  assert.equal(clientNetwork('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(clientNetwork(''), '');
});
