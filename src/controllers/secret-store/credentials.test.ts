/** What befell others: a store of one namespace that reads what lies in another (CVE-2026-42875). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import { credentialsOf, type CredentialScope } from './credentials.ts';

/** A cluster where everything is everywhere, which writes down what it was asked for. */
function cluster(asked: string[]): Cluster {
  const get = ({ namespace, name }: { readonly namespace: string; readonly name: string }) => {
    asked.push(`${namespace}/${name}`);
    return Promise.resolve({ metadata: { name }, data: { key: 'dmFsdWU=' } });
  };
  return { secrets: { get }, configMaps: { get } } as unknown as Cluster;
}

const names = { name: 'a', key: 'key' };
const reads = ['secret', 'configMap'] as const;

async function allOf(scope: CredentialScope, namespace: string | undefined): Promise<readonly string[]> {
  const asked: string[] = [];
  const credentials = credentialsOf(cluster(asked), scope);
  const ref = namespace === undefined ? names : { ...names, namespace };
  for (const what of reads) await credentials[what](ref);
  return asked;
}

test('a SecretStore reads Secrets, config maps and tokens of its own namespace alone, and asks for no others', async () => {
  const own = { name: 'store', own: 'team', asking: 'team' };
  assert.deepEqual(await allOf(own, undefined), ['team/a', 'team/a']);
  assert.deepEqual(await allOf(own, 'team'), ['team/a', 'team/a']);
  for (const namespace of ['other', 'kube-system', '', 'Team', 'team/../other']) {
    const asked: string[] = [];
    const { secret, wholeSecret, configMap, annotations, token } = credentialsOf(cluster(asked), own);
    const ref = { ...names, namespace };
    const reads = [secret, wholeSecret, configMap, annotations];
    for (const read of [...reads.map((each) => () => each(ref)), () => token(ref, [], 600)]) {
      await assert.rejects(
        async () => read(),
        (error: unknown) => error instanceof ProviderProblem && /its own namespace/.test(error.message),
      );
    }
    assert.deepEqual(asked, [], namespace);
  }
});

test('a ClusterSecretStore reads where it says, else where whoever asks is, and nowhere when nobody does', async () => {
  assert.deepEqual(await allOf({ name: 'store', own: undefined, asking: 'team' }, 'stores'), ['stores/a', 'stores/a']);
  assert.deepEqual(await allOf({ name: 'store', own: undefined, asking: 'team' }, undefined), ['team/a', 'team/a']);
  await assert.rejects(allOf({ name: 'store', own: undefined, asking: undefined }, undefined), /names no namespace/);
});
