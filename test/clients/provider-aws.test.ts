/** The provider `aws` against moto, from PyPI, which verifies signatures and policies as AWS does. */
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  AttachRolePolicyCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  TagResourceCommand,
} from '@aws-sdk/client-secrets-manager';
import { AddTagsToResourceCommand, GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { AwsConfig } from '../../src/providers/aws/config.ts';
import { aws } from '../../src/providers/aws/provider.ts';
import { ProviderProblem, type ProviderClient, type StoreIdentity } from '../../src/providers/contract.ts';
import { givenCredentials, type Given } from '../../src/providers/credentials.testing.ts';
import { providerConformance, type ProviderWorld, type Who } from '../../src/providers/provider.conformance.ts';
import { motoServer } from '../support/moto.ts';
import { withoutPython } from './support/cache.ts';

const skip = (await withoutPython()) ?? false;
const region = 'eu-central-1';
const ACCOUNT = 'arn:aws:iam::123456789012';
const { signal } = new AbortController();

interface Keys {
  readonly id: string;
  readonly secret: string;
}

const policy = (Action: string, principal: object = {}): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, ...principal }] });
const ALL = policy('*', { Resource: '*' });
const ANYBODY = policy('sts:AssumeRole', { Principal: { AWS: '*' } });

const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.deepEqual([error.kind, said.test(error.message) ? '' : error.message], [kind, '']);
  return true;
};

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

describe('aws', { skip }, () => {
  const started = new AsyncDisposableStack();
  const asked: string[] = [];
  const opened = new Set<ProviderClient>();
  let keys: Readonly<Record<'owner' | 'stranger', Keys>>;
  let secrets: SecretsManagerClient;
  let parameters: SSMClient;

  const keyOf = async (iam: IAMClient, UserName: string): Promise<Keys> => {
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    return { id: AccessKey?.AccessKeyId ?? '', secret: AccessKey?.SecretAccessKey ?? '' };
  };

  /** Requests pass it, and are written down. */
  const front = async (to: string): Promise<string> => {
    const server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { method = 'POST', headers, url = '/' } = incoming;
        asked.push(`${Buffer.concat(chunks).toString()}&token=${String(headers['x-amz-security-token'])}`);
        const onward = request(new URL(url, to), { method, headers }, (reply) => {
          outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(outgoing);
        });
        onward.end(Buffer.concat(chunks));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    started.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  };

  before(async () => {
    const endpoint = await front(
      await motoServer({ after: (end: unknown) => started.defer(end as () => Promise<void>) }, 4),
    );
    // As AWS's libraries take it from whoever runs the controller.
    process.env['AWS_ENDPOINT_URL'] = endpoint;
    const given = (at: Keys) => ({ region, endpoint, credentials: { accessKeyId: at.id, secretAccessKey: at.secret } });
    const first = new IAMClient(given({ id: 'AKIDEXAMPLE', secret: 'x' }));
    await first.send(new CreateUserCommand({ UserName: 'owner' }));
    const { Policy } = await first.send(new CreatePolicyCommand({ PolicyName: 'all', PolicyDocument: ALL }));
    await first.send(new AttachUserPolicyCommand({ UserName: 'owner', PolicyArn: Policy?.Arn }));
    const owner = await keyOf(first, 'owner');
    const iam = new IAMClient(given(owner));
    await iam.send(new CreateUserCommand({ UserName: 'stranger' }));
    keys = { owner, stranger: await keyOf(iam, 'stranger') };
    for (const RoleName of ['reader', 'hop', 'pod']) {
      await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: ANYBODY }));
      await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: Policy?.Arn }));
    }
    secrets = new SecretsManagerClient(given(owner));
    parameters = new SSMClient(given(owner));
    started.defer(() => {
      delete process.env['AWS_ENDPOINT_URL'];
      for (const each of [first, iam, secrets, parameters]) each.destroy();
      for (const each of opened) each.close();
    });
  });
  after(() => started.disposeAsync());

  const secretRef = {
    accessKeyIDSecretRef: { name: 'keys', key: 'id' },
    secretAccessKeySecretRef: { name: 'keys', key: 'secret' },
  };
  const client = (config: Partial<AwsConfig>, given: Given = {}): ProviderClient => {
    const made = aws.connect(
      { service: 'SecretsManager', region, auth: { secretRef }, ...config },
      givenCredentials({ secrets: { keys: { ...keys.owner } }, ...given }),
    );
    opened.add(made);
    return made;
  };
  /** Of a port where nobody listens the libraries are told by their own variable. */
  const worldOf =
    (config: Partial<AwsConfig>) =>
    (who: Who): ProviderClient => {
      if (who !== 'nowhere') return client(config, { secrets: { keys: { ...keys[who] } } });
      const endpoint = process.env['AWS_ENDPOINT_URL'];
      const away = client(config, { secrets: { keys: { id: 'canary', secret: 'canary' } } });
      const there = async <T>(work: () => Promise<T>): Promise<T> => {
        process.env['AWS_ENDPOINT_URL'] = 'http://127.0.0.1:1';
        try {
          return await work();
        } finally {
          if (endpoint !== undefined) process.env['AWS_ENDPOINT_URL'] = endpoint;
        }
      };
      return {
        check: (abort) => there(() => away.check(abort)),
        read: (reference, abort) => there(() => away.read(reference, abort)),
        find: (query, abort) => there(async () => (await away.find?.(query, abort)) ?? new Map()),
        push: (pushed, abort) => there(async () => away.push?.(pushed, abort)),
        close: () => {
          away.close();
        },
      };
    };
  const text = async (from: ProviderClient, key: string, version?: string): Promise<string> => {
    const found = await from.read({ key, version }, signal);
    return found.found ? Buffer.from(found.value).toString('utf8') : 'not found';
  };

  const putSecret = async (
    Name: string,
    SecretString: string,
    tags: Readonly<Record<string, string>>,
  ): Promise<void> => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    try {
      await secrets.send(new CreateSecretCommand({ Name, SecretString, Tags }));
    } catch {
      await secrets.send(new PutSecretValueCommand({ SecretId: Name, SecretString }));
      if (Tags.length > 0) await secrets.send(new TagResourceCommand({ SecretId: Name, Tags }));
    }
  };
  const asJson = 'a property of JSON is text; whole secrets are bytes: see below';

  providerConformance({
    name: 'aws SecretsManager',
    without: { binary: asJson },
    version: {
      names: async () => Promise.resolve(['AWSPREVIOUS', 'AWSCURRENT']),
      none: 'uuid/00000000-0000-0000-0000-00000000beef',
    },
    world: async (): Promise<ProviderWorld> => ({
      connect: worldOf({ secretsManager: { forceDeleteWithoutRecovery: true } }),
      put: (key, values, tags = {}) => putSecret(key, JSON.stringify(values), tags),
      putText: (key, value) => putSecret(key, value, {}),
      revision: async (SecretId) => {
        const { VersionIdsToStages, Tags } = await secrets.send(new DescribeSecretCommand({ SecretId }));
        return JSON.stringify([VersionIdsToStages, Tags]);
      },
    }),
  });

  const putParameter = async (Name: string, Value: string, tags: Readonly<Record<string, string>>): Promise<void> => {
    await parameters.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
    const Tags = Object.entries(tags).map(([Key, Text]) => ({ Key, Value: Text }));
    if (Tags.length > 0) {
      await parameters.send(new AddTagsToResourceCommand({ ResourceType: 'Parameter', ResourceId: Name, Tags }));
    }
  };

  providerConformance({
    name: 'aws ParameterStore',
    without: {
      ...{ binary: 'parameters are text', path: 'names with a path begin with a slash: see below' },
      race: 'its API has no check on writes',
    },
    version: { names: async () => Promise.resolve(['1', '2']), none: '9' },
    world: async (): Promise<ProviderWorld> => ({
      connect: worldOf({ service: 'ParameterStore' }),
      put: (key, values, tags = {}) => putParameter(key, JSON.stringify(values), tags),
      putText: (key, value) => putParameter(key, value, {}),
      revision: async (Name) => {
        const { Parameter } = await parameters.send(new GetParameterCommand({ Name }));
        return String(Parameter?.Version);
      },
    }),
  });

  test('bytes that are no text come through as a whole secret, and text stays text', async () => {
    const own = client({});
    const value = Uint8Array.from({ length: 256 }, (_, at) => at);
    await own.push?.({ key: 'raw', value }, signal);
    const found = await own.read({ key: 'raw' }, signal);
    assert.ok(found.found && Buffer.from(value).equals(found.value));
    await assert.rejects(
      async () => own.push?.({ key: 'raw', property: 'a', value }, signal),
      problem('unsuitable', /no JSON object|no text/),
    );
    await putSecret('taken', '{"a":"1"}', { 'managed-by': 'external-secrets' });
    await own.push?.({ key: 'taken', property: 'b', value: bytes('2') }, signal);
    const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: 'taken' }));
    assert.equal(SecretString, '{"a":"1","b":"2"}');
    const store = client({ service: 'ParameterStore' });
    await assert.rejects(async () => store.push?.({ key: 'raw', value }, signal), problem('unsuitable', /no text/));
  });

  test('parameters below a path, and by it and tags; prefixes go before every key', async () => {
    await putParameter('/app/one', '1', { of: 'app' });
    await putParameter('/app/deep/two', '2', { of: 'app' });
    await putParameter('/other/three', '3', { of: 'app' });
    const store = client({ service: 'ParameterStore' });
    const names = async (query: Parameters<NonNullable<ProviderClient['find']>>[0]) =>
      [...((await store.find?.(query, signal)) ?? [])]
        .map(([name, value]) => `${name}=${Buffer.from(value).toString()}`)
        .toSorted();
    assert.deepEqual(await names({ path: '/app', name: '.' }), ['/app/deep/two=2', '/app/one=1']);
    assert.deepEqual(await names({ path: '/app', tags: { of: 'app' } }), ['/app/deep/two=2', '/app/one=1']);
    assert.equal(await text(client({ service: 'ParameterStore', prefix: '/app/' }), 'deep/two'), '2');
    await putSecret('team/db', 'x', {});
    assert.equal(await text(client({ prefix: 'team/' }), 'db'), 'x');
    const found = await client({ prefix: 'team/' }).find?.({ name: 'db' }, signal);
    assert.deepEqual([...(found ?? new Map()).keys()], ['team/db']);
  });

  test('a deleted secret that can be restored is not gone', async () => {
    const own = client({ secretsManager: { recoveryWindowInDays: 7 } });
    await own.push?.({ key: 'deleted', property: 'a', value: bytes('1') }, signal);
    await own.remove?.({ key: 'deleted' }, signal);
    await assert.rejects(text(own, 'deleted'), problem('invalid', /marked/i));
    await assert.rejects(
      async () => own.push?.({ key: 'deleted', property: 'a', value: bytes('2') }, signal),
      problem('unsuitable', /marked for deletion/),
    );
    await own.remove?.({ key: 'deleted' }, signal);
  });

  test('roles are assumed one by the other, with tags that nobody but the store gives itself', async () => {
    await putSecret('by-role', 'x', {});
    asked.length = 0;
    const own = client({
      ...{ role: `${ACCOUNT}:role/reader`, additionalRoles: [`${ACCOUNT}:role/hop`], externalID: 'ext' },
      ...{ sessionTags: [{ key: 'cost', value: '7' }], sessionTagsPolicy: 'Custom', transitiveTagKeys: ['cost'] },
      customSessionTags: { env: 'test', esoNamespace: 'forged' },
    });
    assert.equal(await text(own, 'by-role'), 'x');
    assert.equal(await text(own, 'by-role'), 'x');
    const assumed = asked
      .filter((each) => each.includes('Action=AssumeRole&'))
      .map((each) => new URLSearchParams(each));
    assert.deepEqual(
      assumed.map((each) => each.get('RoleArn')),
      [`${ACCOUNT}:role/hop`, `${ACCOUNT}:role/reader`],
    );
    const [, last] = assumed;
    const tags = [1, 2, 3, 4, 5].map(
      (at) => `${last?.get(`Tags.member.${at}.Key`) ?? ''}=${last?.get(`Tags.member.${at}.Value`) ?? ''}`,
    );
    assert.deepEqual(tags.toSorted(), [
      'cost=7',
      'env=test',
      'esoNamespace=team',
      'esoStoreKind=SecretStore',
      'esoStoreName=store',
    ]);
    assert.deepEqual([last?.get('ExternalId'), last?.get('TransitiveTagKeys.member.1')], ['ext', 'cost']);
  });

  test('the role of a service account, by its token and for its audience', async (t) => {
    // One that asks nobody for a signature: moto that does asks it of this action too, which AWS does not.
    const before = process.env['AWS_ENDPOINT_URL'];
    const endpoint = await front(await motoServer(t));
    process.env['AWS_ENDPOINT_URL'] = endpoint;
    t.after(() => {
      process.env['AWS_ENDPOINT_URL'] = before;
    });
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' };
    const admin = new SecretsManagerClient({ region, endpoint, credentials });
    await admin.send(new CreateSecretCommand({ Name: 'by-account', SecretString: 'x' }));
    admin.destroy();
    const tokens: unknown[] = [];
    const given: Given = {
      annotations: { 'eks.amazonaws.com/role-arn': `${ACCOUNT}:role/pod` },
      token: async (...of) => {
        tokens.push(of);
        return Promise.resolve('e30.e30.e30');
      },
    };
    const jwt = { serviceAccountRef: { name: 'app', audiences: ['more'] } };
    asked.length = 0;
    assert.equal(await text(client({ auth: { jwt } }, given), 'by-account'), 'x');
    assert.deepEqual(tokens, [[jwt.serviceAccountRef, ['sts.amazonaws.com', 'more'], 600]]);
    const form = asked.find((each) => each.includes('Action=AssumeRoleWithWebIdentity')) ?? '';
    assert.equal(new URLSearchParams(form).get('WebIdentityToken'), 'e30.e30.e30');
    await assert.rejects(
      text(client({ auth: { jwt } }, { ...given, annotations: {} }), 'by-account'),
      problem('invalid', /role-arn/),
    );
  });

  test('session tokens of a Secret are sent; the controller lends its own role to a ClusterSecretStore alone', async () => {
    const sessionTokenSecretRef = { name: 'keys', key: 'session' };
    const held = { secrets: { keys: { ...keys.owner, session: 'canary-session' } } };
    const withSession = client({ auth: { secretRef: { ...secretRef, sessionTokenSecretRef } } }, held);
    await withSession.read({ key: 'x' }, signal).catch(() => undefined);
    assert.match(asked.at(-1) ?? '', /&token=canary-session$/);
    assert.throws(() => client({ auth: {} }), problem('invalid', /neither secretRef nor jwt/));
    assert.throws(() => client({ auth: { secretRef, jwt: {} } }), problem('invalid', /both/));
    assert.throws(() => client({ auth: { secretRef: {} } }), problem('invalid', /names not both/));
    assert.throws(() => client({ service: 'CertificateManager' }), problem('invalid', /not offered/));
    const store: StoreIdentity = { kind: 'ClusterSecretStore', name: 'store', namespace: undefined };
    process.env['AWS_ACCESS_KEY_ID'] = keys.owner.id;
    process.env['AWS_SECRET_ACCESS_KEY'] = keys.owner.secret;
    await putSecret('by-chain', 'x', {});
    try {
      assert.equal(await text(client({ auth: {} }, { store }), 'by-chain'), 'x');
    } finally {
      delete process.env['AWS_ACCESS_KEY_ID'];
      delete process.env['AWS_SECRET_ACCESS_KEY'];
    }
  });

  test('keys that are refused are read anew from their Secret', async () => {
    await putSecret('mended', 'x', {});
    const held = { id: 'AKIANOBODY', secret: 'canary' };
    const own = client({}, { secrets: { keys: held } });
    await assert.rejects(own.check(signal), problem('denied', /AWS/));
    Object.assign(held, keys.owner);
    await own.check(signal);
    assert.equal(await text(own, 'mended'), 'x');
  });
});
