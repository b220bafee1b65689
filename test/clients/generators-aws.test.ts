/** The generators of AWS against moto, from PyPI, which verifies signatures and policies as AWS does. */
import {
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ecrAuthorizationToken } from '../../src/generators/aws/ecr-authorization-token.ts';
import { stsSessionToken } from '../../src/generators/aws/sts-session-token.ts';
import { ProviderProblem } from '../../src/providers/contract.ts';
import { givenCredentials } from '../../src/providers/credentials.testing.ts';
import { motoServer } from '../support/moto.ts';
import { withoutPython } from './support/cache.ts';

const skip = (await withoutPython()) ?? false;
const region = 'eu-central-1';
const { signal } = new AbortController();

describe('generators of AWS', { skip }, () => {
  const started = new AsyncDisposableStack();
  let endpoint: string;
  let keys: Readonly<Record<'owner' | 'stranger', { readonly id: string; readonly secret: string }>>;

  before(async () => {
    endpoint = await motoServer({ after: (end: unknown) => started.defer(end as () => Promise<void>) }, 7);
    // As AWS's libraries take it from whoever runs the controller.
    process.env['AWS_ENDPOINT_URL'] = endpoint;
    const iam = new IAMClient({ region, endpoint, credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
    const allow = (Action: string, more: object) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, ...more }] });
    const all = { PolicyName: 'all', PolicyDocument: allow('*', { Resource: '*' }) };
    const { Policy } = await iam.send(new CreatePolicyCommand(all));
    const user = async (UserName: string) => {
      await iam.send(new CreateUserCommand({ UserName }));
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
      return { id: AccessKey?.AccessKeyId ?? '', secret: AccessKey?.SecretAccessKey ?? '' };
    };
    const AssumeRolePolicyDocument = allow('sts:AssumeRole', { Principal: { AWS: '*' } });
    await iam.send(new CreateRoleCommand({ RoleName: 'reader', AssumeRolePolicyDocument }));
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'reader', PolicyArn: Policy?.Arn }));
    const owner = await user('owner');
    await iam.send(new AttachUserPolicyCommand({ UserName: 'owner', PolicyArn: Policy?.Arn }));
    const signed = new IAMClient({
      region,
      endpoint,
      credentials: { accessKeyId: owner.id, secretAccessKey: owner.secret },
    });
    await signed.send(new CreateUserCommand({ UserName: 'stranger' }));
    const { AccessKey } = await signed.send(new CreateAccessKeyCommand({ UserName: 'stranger' }));
    keys = { owner, stranger: { id: AccessKey?.AccessKeyId ?? '', secret: AccessKey?.SecretAccessKey ?? '' } };
    started.defer(() => {
      delete process.env['AWS_ENDPOINT_URL'];
      iam.destroy();
      signed.destroy();
    });
  });
  after(() => started.disposeAsync());

  const auth = {
    secretRef: {
      accessKeyIDSecretRef: { name: 'keys', key: 'id' },
      secretAccessKeySecretRef: { name: 'keys', key: 'secret' },
    },
  };
  const as = (who: 'owner' | 'stranger') => givenCredentials({ secrets: { keys: { ...keys[who] } } });
  const textsOf = (values: ReadonlyMap<string, Uint8Array>): Readonly<Record<string, string>> =>
    Object.fromEntries([...values].map(([name, value]) => [name, Buffer.from(value).toString()]));
  const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ProviderProblem, String(error));
    assert.deepEqual([error.kind, said.test(error.message) ? '' : error.message], [kind, '']);
    return true;
  };

  test('a login for a registry of images', async () => {
    for (const more of [{}, { role: 'arn:aws:iam::123456789012:role/reader' }, { scope: 'private' }]) {
      const made = textsOf(
        (await ecrAuthorizationToken.generate({ region, auth, ...more }, as('owner'), signal)).values,
      );
      assert.deepEqual(Object.keys(made).sort(), ['expires_at', 'password', 'proxy_endpoint', 'username']);
      assert.equal(made['username'], 'AWS');
      assert.match(made['proxy_endpoint'] ?? '', /^https:\/\/\d{12}\.dkr\.ecr\.eu-central-1\.amazonaws\.com$/);
      assert.match(made['expires_at'] ?? '', /^\d{10}$/);
      assert.notEqual(made['password'], '');
    }
  });

  test('keys for a while, which AWS takes', async () => {
    const requestParameters = { sessionDuration: 1_200 };
    const made = textsOf(
      (await stsSessionToken.generate({ region, auth, requestParameters }, as('owner'), signal)).values,
    );
    assert.deepEqual(Object.keys(made).sort(), ['access_key_id', 'expiration', 'secret_access_key', 'session_token']);
    const left = Number(made['expiration']) - Date.now() / 1_000;
    assert.ok(left > 900 && left <= 1_201, String(left));
    assert.notEqual(made['access_key_id'], keys.owner.id);
    const device = { serialNumber: 'arn:aws:iam::123456789012:mfa/owner', tokenCode: '123456' };
    await stsSessionToken.generate({ region, auth, requestParameters: device }, as('owner'), signal);
  });

  test('who may not, who has no keys, and what is not offered, is told', async () => {
    const client = new STSClient({
      ...{ region, endpoint, credentials: { accessKeyId: keys.stranger.id, secretAccessKey: keys.stranger.secret } },
    });
    assert.match((await client.send(new GetCallerIdentityCommand({}))).Arn ?? '', /user\/stranger$/);
    client.destroy();
    await assert.rejects(
      ecrAuthorizationToken.generate({ region, auth }, as('stranger'), signal),
      problem('denied', /ECR/),
    );
    for (const each of [ecrAuthorizationToken, stsSessionToken]) {
      await assert.rejects(
        each.generate({ region }, as('owner'), signal),
        problem('invalid', /neither secretRef nor jwt/),
      );
    }
    await assert.rejects(
      ecrAuthorizationToken.generate({ region, auth, scope: 'public' }, as('owner'), signal),
      problem('invalid', /not offered/),
    );
    const jwt = { serviceAccountRef: { name: 'pod' } };
    await assert.rejects(
      stsSessionToken.generate({ region, auth: { jwt } }, as('owner'), signal),
      problem('invalid', /name auth.secretRef/),
    );
  });
});
