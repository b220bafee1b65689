/** `metadata` of a PushSecret at the provider `aws`, against moto, from PyPI. */
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
  TagResourceCommand,
} from '@aws-sdk/client-secrets-manager';
import { DescribeParametersCommand, ListTagsForResourceCommand, SSMClient } from '@aws-sdk/client-ssm';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AwsConfig } from '../../src/providers/aws/config.ts';
import { aws } from '../../src/providers/aws/provider.ts';
import { ProviderProblem, type ProviderClient } from '../../src/providers/contract.ts';
import { givenCredentials } from '../../src/providers/credentials.testing.ts';
import { motoServer } from '../support/moto.ts';
import { withoutPython } from './support/cache.ts';

const skip = (await withoutPython()) ?? false;
const region = 'eu-central-1';
const { signal } = new AbortController();
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) =>
  error instanceof ProviderProblem && error.kind === kind && said.test(error.message);

describe('metadata of a PushSecret for aws', { skip }, () => {
  const started = new AsyncDisposableStack();
  const opened = new Set<{ readonly close: () => void }>();
  let secrets: SecretsManagerClient;
  let parameters: SSMClient;

  before(async () => {
    const endpoint = await motoServer({ after: (end: unknown) => started.defer(end as () => Promise<void>) });
    process.env['AWS_ENDPOINT_URL'] = endpoint;
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' };
    secrets = new SecretsManagerClient({ region, endpoint, credentials });
    parameters = new SSMClient({ region, endpoint, credentials });
    started.defer(() => {
      delete process.env['AWS_ENDPOINT_URL'];
      for (const each of [secrets, parameters]) each.destroy();
      for (const each of opened) each.close();
    });
  });
  after(() => started.disposeAsync());

  const client = (config: Partial<AwsConfig>): ProviderClient => {
    const secretRef = {
      accessKeyIDSecretRef: { name: 'keys', key: 'id' },
      secretAccessKeySecretRef: { name: 'keys', key: 'secret' },
    };
    const given = givenCredentials({ secrets: { keys: { id: 'AKIDEXAMPLE', secret: 'x' } } });
    const made = aws.connect({ service: 'SecretsManager', region, auth: { secretRef }, ...config }, given);
    opened.add(made);
    return made;
  };
  const text = async (from: ProviderClient, key: string): Promise<string> => {
    const found = await from.read({ key }, signal);
    return found.found ? Buffer.from(found.value).toString('utf8') : 'not found';
  };

  const wrapped = (spec: object) => ({
    ...{ apiVersion: 'kubernetes.external-secrets.io/v1alpha1', kind: 'PushSecretMetadata', spec },
  });

  test('metadata of a PushSecret are tags, a description, a key and a format', async () => {
    const own = client({});
    const key = 'described';
    const described = async () => {
      const { Description, KmsKeyId, Tags = [] } = await secrets.send(new DescribeSecretCommand({ SecretId: key }));
      const tags = Object.fromEntries(Tags.map(({ Key = '', Value }) => [Key, Value]));
      const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: key }));
      return [Description, KmsKeyId, tags, SecretString];
    };
    const managed = { 'managed-by': 'external-secrets' };
    const first = { tags: { env: 'test', 'managed-by': 'me' }, description: 'one', kmsKeyID: 'alias/own' };
    const pushed = { key, property: 'a', value: bytes('1') };
    await own.push?.({ ...pushed, metadata: wrapped({ ...first, secretPushFormat: 'string' }) }, signal);
    assert.deepEqual(await described(), ['one', 'alias/own', { ...managed, env: 'test' }, '{"a":"1"}']);
    await secrets.send(new TagResourceCommand({ SecretId: key, Tags: [{ Key: 'theirs', Value: 'x' }] }));
    await own.push?.({ ...pushed, metadata: wrapped({ tags: { env: 'prod' }, description: 'two' }) }, signal);
    const tags = { ...managed, env: 'prod', theirs: 'x' };
    assert.deepEqual(await described(), ['two', 'alias/own', tags, '{"a":"1"}']);
    await own.push?.({ ...pushed, metadata: wrapped({ secretPushFormat: 'binary' }) }, signal);
    assert.deepEqual(await described(), ['two', 'alias/own', tags, undefined]);
    assert.throws(() => own.checkMetadata?.(wrapped({ resourcePolicy: {} })), problem('invalid', /"resourcePolicy"/));
    assert.throws(
      () => own.checkMetadata?.(wrapped({ secretPushFormat: 'hex' })),
      problem('invalid', /binary, string/),
    );
  });

  test('metadata of a PushSecret decide over type, tier and tags of a parameter', async () => {
    const store = client({ service: 'ParameterStore' });
    const key = '/described';
    const seen = async () => {
      const { Parameters: [found] = [] } = await parameters.send(
        new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Values: [key] }] }),
      );
      const asking = { ResourceType: 'Parameter', ResourceId: key } as const;
      const { TagList = [] } = await parameters.send(new ListTagsForResourceCommand(asking));
      const tags = Object.fromEntries(TagList.map(({ Key = '', Value }) => [Key, Value]));
      return [found?.Type, found?.Tier, found?.Description, found?.KeyId, tags];
    };
    const managed = { 'managed-by': 'external-secrets' };
    const pushed = { key, value: bytes('1') };
    const tier = { type: 'Advanced', policies: [{ Type: 'NoChangeNotification' }] };
    const first = {
      secretType: 'SecureString',
      kmsKeyID: 'alias/own',
      tier,
      description: 'one',
      tags: { env: 'test' },
    };
    await store.push?.({ ...pushed, metadata: wrapped({ ...first, encodeAsDecoded: true }) }, signal);
    assert.deepEqual(await seen(), ['SecureString', 'Advanced', 'one', 'alias/own', { ...managed, env: 'test' }]);
    await store.push?.({ ...pushed, metadata: wrapped({ secretType: 'String', tags: { env: 'prod' } }) }, signal);
    const [type, , , , tags] = await seen();
    assert.deepEqual([type, tags], ['String', { ...managed, env: 'prod' }]);
    assert.equal(await text(store, key), '1');
    assert.throws(
      () => store.checkMetadata?.(wrapped({ secretPushFormat: 'string' })),
      problem('invalid', /"secretPushFormat"/),
    );
    assert.throws(
      () => store.checkMetadata?.(wrapped({ tier: { kind: 'x' } })),
      problem('invalid', /tier has no field/),
    );
  });
});
