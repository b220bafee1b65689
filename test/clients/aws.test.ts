/** Users and roles of AWS IAM log in: moto, from PyPI, verifies their signatures as STS does, and knows them as IAM does. */
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DetachUserPolicyCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { signedCallerIdentity } from '../../src/lib/aws/signed-caller-identity.ts';
import { givenCredentials } from '../../src/providers/credentials.testing.ts';
import type { VaultAuthConfig } from '../../src/providers/vault/login.ts';
import { vault } from '../../src/providers/vault/provider.ts';
import { motoServer } from '../support/moto.ts';
import { pythonWith, withoutPython } from './support/cache.ts';
import { must, run } from './support/run.ts';
import { devServer, executable } from './support/server.ts';

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ACCOUNT = 'arn:aws:iam::123456789012';
const ALL = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
});
const ANYBODY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }],
});

interface Cloud {
  readonly endpoint: string;
  readonly admin: Keys;
  readonly iam: IAMClient;
  readonly addUser: (name: string) => Promise<Keys>;
  readonly removeUser: (name: string, keys: Keys) => Promise<void>;
  readonly assume: (role: string) => Promise<Keys>;
}

const region = 'us-east-1';

async function keyOf(iam: IAMClient, UserName: string): Promise<Keys> {
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  assert.ok(AccessKey?.AccessKeyId !== undefined && AccessKey.SecretAccessKey !== undefined);
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}

/** A cloud in which every request must be signed with a key that it gave; the role `web` lies below the path `/apps/`. */
async function cloud(t: TestContext): Promise<Cloud> {
  const endpoint = await motoServer(t, 4);
  const first = new IAMClient({ region, endpoint, credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' } });
  await first.send(new CreateUserCommand({ UserName: 'admin' }));
  const { Policy } = await first.send(new CreatePolicyCommand({ PolicyName: 'all', PolicyDocument: ALL }));
  const allowed = { PolicyArn: Policy?.Arn };
  await first.send(new AttachUserPolicyCommand({ UserName: 'admin', ...allowed }));
  const admin = await keyOf(first, 'admin');
  const iam = new IAMClient({ region, endpoint, credentials: admin });
  await iam.send(new CreateRoleCommand({ RoleName: 'web', Path: '/apps/', AssumeRolePolicyDocument: ANYBODY }));
  const sts = new STSClient({ region, endpoint, credentials: admin });
  t.after(() => {
    for (const client of [first, iam, sts]) client.destroy();
  });
  return {
    ...{ endpoint, admin, iam },
    addUser: async (UserName) => {
      await iam.send(new CreateUserCommand({ UserName, Path: '/people/' }));
      await iam.send(new AttachUserPolicyCommand({ UserName, ...allowed }));
      return keyOf(iam, UserName);
    },
    removeUser: async (UserName, { accessKeyId }) => {
      await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: accessKeyId }));
      await iam.send(new DetachUserPolicyCommand({ UserName, ...allowed }));
      await iam.send(new DeleteUserCommand({ UserName }));
    },
    assume: async (role) => {
      const { Credentials } = await sts.send(
        new AssumeRoleCommand({ RoleArn: `${ACCOUNT}:role/${role}`, RoleSessionName: 'i-0123' }),
      );
      const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {};
      return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    },
  };
}

interface Answer {
  readonly status: number;
  readonly auth?: {
    readonly client_token: string;
    readonly entity_id: string;
    readonly metadata: Record<string, string>;
  };
  readonly errors?: readonly string[];
  readonly data?: Record<string, unknown>;
}

/** A server whose mount `auth/aws` asks that cloud. */
async function server(t: TestContext, { endpoint, admin }: Cloud, config: object = {}) {
  const own = await devServer();
  t.after(() => own[Symbol.asyncDispose]());
  const at = async (method: string, path: string, body?: object, token = 'root'): Promise<Answer> => {
    const answer = await fetch(`${own.address}/v1/${path}`, {
      method,
      headers: token === '' ? {} : { 'x-vault-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, ...(text === '' ? {} : (JSON.parse(text) as object)) };
  };
  await at('POST', 'sys/auth/aws', { type: 'aws' });
  const client = {
    ...{ sts_endpoint: endpoint, iam_endpoint: endpoint, iam_server_id_header_value: 'lockstep.example' },
    ...{ access_key: admin.accessKeyId, secret_key: admin.secretAccessKey },
  };
  assert.equal((await at('POST', 'auth/aws/config/client', { ...client, ...config })).status, 204);
  const role = async (name: string, bound: string, more: object = {}): Promise<Answer> =>
    at('POST', `auth/aws/role/${name}`, { bound_iam_principal_arn: bound, ...more });
  const login = async (name: string, credentials: Keys): Promise<Answer> => {
    const body = await signedCallerIdentity({ credentials, serverId: 'lockstep.example' });
    return at('POST', 'auth/aws/login', { role: name, ...body }, '');
  };
  return { address: own.address, at, role, login };
}

describe('logins of AWS IAM', { skip: (await withoutPython()) ?? false }, () => {
  test('a store of External Secrets logs in by its keys', async (t) => {
    const aws = await cloud(t);
    const own = await server(t, aws);
    const ada = await aws.addUser('ada');
    const policy = 'path "secret/*" { capabilities = ["read"] }';
    assert.equal((await own.at('PUT', 'sys/policies/acl/reads', { policy })).status, 204);
    assert.equal((await own.role('people', `${ACCOUNT}:user/people/ada`, { token_policies: 'reads' })).status, 204);
    assert.equal((await own.at('POST', 'secret/data/db', { data: { user: 'app' } })).status, 200);
    const keys = { id: ada.accessKeyId, secret: ada.secretAccessKey };
    const at = (key: string) => ({ name: 'keys', key });
    const secretRef = { accessKeyIDSecretRef: at('id'), secretAccessKeySecretRef: at('secret') };
    const iam = { vaultRole: 'people', vaultAwsIamServerID: 'lockstep.example', secretRef };
    const connect = (auth: VaultAuthConfig, secrets = { keys }) => {
      const store = vault.connect({ server: own.address, path: 'secret', auth }, givenCredentials({ secrets }));
      t.after(() => {
        store.close();
      });
      return store;
    };
    const { signal } = new AbortController();
    const found = await connect({ iam }).read({ key: 'db', property: 'user' }, signal);
    assert.equal(found.found && Buffer.from(found.value).toString(), 'app');
    const wrong = connect({ iam }, { keys: { ...keys, secret: 'canary' } });
    await assert.rejects(wrong.check(signal), /cannot log in/);
    assert.throws(() => connect({ iam: { vaultRole: 'people' } }), /ClusterSecretStore alone/);
  });

  test('a user logs in with keys, and nobody with a wrong secret or by another role', async (t) => {
    const aws = await cloud(t);
    const own = await server(t, aws);
    const ada = await aws.addUser('ada');
    const bob = await aws.addUser('bob');
    assert.equal((await own.role('people', `${ACCOUNT}:user/people/ada`)).status, 204);
    const { status, auth, errors } = await own.login('people', ada);
    assert.equal(status, 200, String(errors));
    assert.equal(auth?.metadata['account_id'], '123456789012');
    assert.equal((await own.login('people', { ...ada, secretAccessKey: 'wrong' })).status, 400);
    assert.equal((await own.login('people', { ...ada, accessKeyId: 'AKIDOFNOBODY0000' })).status, 400);
    assert.equal((await own.login('people', bob)).status, 400);
    // A token of it is renewed as long as the role binds who has it.
    const token = auth?.client_token ?? '';
    assert.equal((await own.at('POST', 'auth/token/renew-self', {}, token)).status, 200);
    await own.role('people', `${ACCOUNT}:user/people/bob`);
    assert.equal((await own.at('POST', 'auth/token/renew-self', {}, token)).status, 400);
    assert.equal((await own.login('people', bob)).status, 200);
  });

  test('who is made anew under an old name is somebody else, unless ids are not resolved', async (t) => {
    const aws = await cloud(t);
    const own = await server(t, aws);
    const before = await aws.addUser('ada');
    await own.role('by-id', `${ACCOUNT}:user/people/ada`);
    await own.role('by-name', `${ACCOUNT}:user/people/ada`, { resolve_aws_unique_ids: false });
    const ids = (await own.at('GET', 'auth/aws/role/by-id')).data?.['bound_iam_principal_id'];
    assert.equal(Array.isArray(ids) && ids.length, 1);
    assert.equal((await own.login('by-id', before)).status, 200);
    await aws.removeUser('ada', before);
    assert.equal((await own.login('by-name', before)).status, 400);
    const after = await aws.addUser('ada');
    assert.equal((await own.login('by-id', after)).status, 400);
    assert.equal((await own.login('by-name', after)).status, 200);
    const unknown = await own.role('by-id', `${ACCOUNT}:user/people/nobody`);
    assert.deepEqual([unknown.status, /unable to resolve ARN/.test(unknown.errors?.[0] ?? '')], [400, true]);
    const elsewhere = await own.role('by-id', `${ACCOUNT}:user/others/ada`);
    assert.equal(elsewhere.status, 400);
  });

  test('sessions of a role are one entity, and beginnings look at the path that IAM has of the role', async (t) => {
    const aws = await cloud(t);
    const own = await server(t, aws);
    await own.at('POST', 'auth/aws/config/identity', {
      iam_alias: 'unique_id',
      iam_metadata: ['default', 'client_arn'],
    });
    const web = await aws.assume('apps/web');
    await own.role('exact', `${ACCOUNT}:role/apps/web`);
    await own.role('apps', `${ACCOUNT}:role/apps/*`);
    await own.role('others', `${ACCOUNT}:role/others/*`);
    await own.role('account', `${ACCOUNT}:*`);
    const logins = await Promise.all(['exact', 'apps', 'account'].map((name) => own.login(name, web)));
    assert.deepEqual(
      logins.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.equal(new Set(logins.map(({ auth }) => auth?.entity_id)).size, 1);
    assert.equal(logins[0]?.auth?.metadata['client_arn'], 'arn:aws:sts::123456789012:assumed-role/web/i-0123');
    assert.equal((await own.login('others', web)).status, 400);
  });

  test('lockstep login -method=aws', async (t) => {
    const aws = await cloud(t);
    // The command signs for AWS's own address; the server sends it to the emulator.
    const own = await server(t, aws);
    const ada = await aws.addUser('ada');
    await own.role('ada', `${ACCOUNT}:user/people/ada`);
    const home = mkdtempSync(join(tmpdir(), 'lockstep-aws-cli-'));
    t.after(() => {
      rmSync(home, { recursive: true });
    });
    const keys = { AWS_ACCESS_KEY_ID: ada.accessKeyId, AWS_SECRET_ACCESS_KEY: ada.secretAccessKey };
    const env = { PATH: process.env['PATH'], HOME: home, VAULT_ADDR: own.address };
    const login = ['login', '-method=aws', 'header_value=lockstep.example'];
    const shown = await run(executable, login, { env: { ...env, ...keys } });
    assert.equal(shown.code, 0, shown.stderr);
    const name = await run(executable, ['token', 'lookup', '-field=display_name'], { env });
    assert.equal(name.stdout, 'aws-ada');
    const given = [`aws_access_key_id=${ada.accessKeyId}`, 'aws_secret_access_key=-', 'role=ada'];
    const typed = await run(executable, [...login, ...given], { env, input: `${ada.secretAccessKey}\n` });
    assert.equal(typed.code, 0, typed.stderr);
    const keyless = await run(executable, login, { env: { ...env, AWS_EC2_METADATA_DISABLED: 'true' } });
    assert.deepEqual([keyless.code === 0, /could not be signed/.test(keyless.stderr)], [false, true], keyless.stderr);
    assert.ok(!`${shown.stdout}${shown.stderr}${typed.stdout}${typed.stderr}`.includes(ada.secretAccessKey));
  });

  test('the agent logs in with what AWS’s chain finds', async (t) => {
    const aws = await cloud(t);
    const own = await server(t, aws);
    const ada = await aws.addUser('ada');
    await own.role('people', `${ACCOUNT}:user/people/ada`);
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-aws-agent-'));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const token = join(folder, 'token');
    const method = 'method "aws" { config { role = "people" header_value = "lockstep.example" } }';
    const sink = `sink "file" { config { path = "${token}" } }`;
    const config = `vault { address = "${own.address}" }\nauto_auth {\n${method}\n${sink}\n}\n`;
    writeFileSync(join(folder, 'agent.hcl'), config);
    const keys = { AWS_ACCESS_KEY_ID: ada.accessKeyId, AWS_SECRET_ACCESS_KEY: ada.secretAccessKey };
    const once = ['agent', `-config=${join(folder, 'agent.hcl')}`, '-exit-after-auth'];
    const env = { PATH: process.env['PATH'], HOME: folder };
    const ran = await run(executable, once, { env: { ...env, ...keys } });
    assert.equal(ran.code, 0, ran.stderr);
    const self = await own.at('GET', 'auth/token/lookup-self', undefined, readFileSync(token, 'utf8').trim());
    assert.equal(self.data?.['display_name'], 'aws-ada');
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes(ada.secretAccessKey));
  });

  test('hvac logs in with its own signature', async (t) => {
    const aws = await cloud(t);
    const own = await server(t, aws);
    const ada = await aws.addUser('ada');
    await own.role('people', `${ACCOUNT}:user/people/ada`);
    const python = await pythonWith('hvac-2.4.0-client-python', ['hvac==2.4.0']);
    const program = [
      'import hvac, json, os',
      "client = hvac.Client(url=os.environ['ADDRESS'])",
      "reply = client.auth.aws.iam_login(os.environ['KEY'], os.environ['SECRET'], header_value='lockstep.example', role='people')",
      "print(json.dumps([reply['auth']['token_policies'], client.is_authenticated()]))",
    ];
    const env = { PATH: process.env['PATH'], ADDRESS: own.address, KEY: ada.accessKeyId, SECRET: ada.secretAccessKey };
    const printed = await must(python, ['-W', 'ignore', '-c', program.join('\n')], { env });
    assert.deepEqual(JSON.parse(printed), [['default'], true]);
  });
});
