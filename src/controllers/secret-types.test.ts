import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretTypes } from './secret-types.ts';

const ACTED_ON = ['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token'];

test('types that only hold data are allowed, and no others', () => {
  const types = new SecretTypes();
  for (const type of [undefined, '', 'Opaque', 'kubernetes.io/tls', 'kubernetes.io/dockerconfigjson'])
    assert.equal(types.refusal(type), undefined, String(type));
  for (const type of [...ACTED_ON, 'opaque', 'kubernetes.io/tls ', 'helm.sh/release.v1', '*', 'Opaque,x'])
    assert.match(types.refusal(type) ?? '', /is not allowed: see -allowed-secret-types/, type);
});

test('what Kubernetes acts on is allowed by its whole name alone', () => {
  for (const list of [
    '*',
    'Opaque,kubernetes.io/*,bootstrap.kubernetes.io/*',
    'kubernetes.io/service-account-token*',
  ]) {
    for (const type of ACTED_ON) assert.notEqual(new SecretTypes(list).refusal(type), undefined, `${list}: ${type}`);
  }
  assert.equal(new SecretTypes('example.com/*').refusal('example.com/x'), undefined);
  assert.notEqual(new SecretTypes('example.com/*').refusal('Opaque'), undefined);
  assert.equal(new SecretTypes(ACTED_ON.join(', ')).refusal(ACTED_ON[0]), undefined);
});

test('a list that means nothing is refused, with what is wrong in it', () => {
  for (const list of ['', 'Opaque,', 'Opaque kubernetes.io/tls', '**', 'a*b', '*x'])
    assert.throws(() => new SecretTypes(list), /-allowed-secret-types: ".*" is no type of a Secret/, list);
});
