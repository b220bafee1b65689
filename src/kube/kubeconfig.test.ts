import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { readKubeconfig } from './kubeconfig.ts';
import { KubernetesProblem } from './problem.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-kubeconfig-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
let files = 0;

function written(text: string): string {
  const path = at(`config-${String((files += 1))}`);
  writeFileSync(path, text);
  return path;
}

const config = (user: object, cluster: object = {}): string =>
  stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'eu' },
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'eu', context: { cluster: 'c', user: 'u' } },
      { name: 'nobody', context: { cluster: 'c' } },
      { name: 'lost', context: { cluster: 'gone', user: 'u' } },
    ],
  });

const read = (text: string, { context, allowExec = false }: { context?: string; allowExec?: boolean } = {}) =>
  readKubeconfig(written(text), { context, allowExec });

const refused = (text: string, why: RegExp, context?: string): Promise<void> =>
  assert.rejects(
    read(text, context === undefined ? {} : { context }),
    (error) => error instanceof KubernetesProblem && why.test(error.message),
  );

test('server, authority, name and credential are those of the context', async () => {
  writeFileSync(at('token'), 'first\n');
  const given = config(
    { tokenFile: 'token', as: 'ada' },
    { 'certificate-authority-data': Buffer.from('PEM').toString('base64'), 'tls-server-name': 'kubernetes' },
  );
  const { credential, ...access } = await read(given);
  assert.deepEqual(access, {
    ...{ name: 'eu', server: 'https://10.0.0.1:6443', ca: 'PEM', serverName: 'kubernetes' },
    impersonate: { 'impersonate-user': 'ada' },
  });
  assert.deepEqual(await credential(), { token: 'first' });
  writeFileSync(at('token'), 'second\n');
  assert.deepEqual(await credential(), { token: 'second' });
});

test('a certificate goes with its key', async () => {
  writeFileSync(at('cert.pem'), 'CERT');
  const key = Buffer.from('KEY').toString('base64');
  const both = await read(config({ 'client-certificate': 'cert.pem', 'client-key-data': key }));
  assert.deepEqual(await both.credential(), { certificate: { cert: 'CERT', key: 'KEY' } });
  const alone = await read(config({ 'client-key-data': key }));
  await assert.rejects(alone.credential(), /a certificate and its key go together/);
});

test('a context without a user is nobody', async () => {
  assert.deepEqual(await (await read(config({ token: 't' }), { context: 'nobody' })).credential(), {});
});

describe('refused', () => {
  for (const [what, text, why, context] of [
    ['no YAML', '{', /no YAML/],
    ['a text', 'kubeconfig', /it is no kubeconfig/],
    ['a list', '[]', /it is no kubeconfig/],
    ['two of one name', 'current-context: a\ncurrent-context: b', /no YAML/],
    ['no current context', 'kind: Config', /no current-context/],
    ['a context that is not there', config({}), /no context "constructor"/, 'constructor'],
    ['a cluster that is not there', config({}), /no cluster "gone"/, 'lost'],
    ['lists that are none', 'current-context: a\ncontexts: { a: {} }', /no context "a"/],
    ['a server in clear', config({}, { server: 'http://10.0.0.1' }), /no https:/],
    ['no server', config({}, { server: '' }), /no https:/],
    ['a password in the address', config({}, { server: 'https://a:b@10.0.0.1' }), /its server is more than an address/],
    ['a query in the address', config({}, { server: 'https://10.0.0.1/?x' }), /its server is more than an address/],
    ['no look at the certificate', config({}, { 'insecure-skip-tls-verify': true }), /insecure-skip-tls-verify/],
    ['a proxy', config({}, { 'proxy-url': 'http://10.0.0.2' }), /proxy-url is not offered/],
    [
      'an authority that is not there',
      config({}, { 'certificate-authority': 'gone.pem' }),
      /gone\.pem, which .* names/,
    ],
    ['an auth provider', config({ 'auth-provider': { name: 'gcp' } }), /auth-provider is not offered/],
    ['a password', config({ username: 'a', password: 'b' }), /no passwords/],
    ['a token that is no text', config({ token: 7 }), /token is no text/],
    ['groups', config({ as: 'ada', 'as-groups': ['system:masters'] }), /as-groups/],
    ['a plug-in without a command', config({ exec: {} }), /exec names no command/],
    ['arguments that are none', config({ exec: { command: 'x', args: [1] } }), /args of exec/],
  ] as readonly (readonly [string, string, RegExp, string?])[]) {
    test(what, () => refused(text, why, context));
  }

  test('a file that is none, or is not there', async () => {
    for (const path of [folder, at('gone'), '/dev/zero']) {
      await assert.rejects(readKubeconfig(path, { allowExec: false }), KubernetesProblem);
    }
  });

  test('several files, as $KUBECONFIG may name them', async () => {
    const several = [written(config({})), written(config({}))].join(delimiter);
    await assert.rejects(readKubeconfig(several, { allowExec: false }), /several files are not read as one: name a/);
  });

  test('one that is larger than any, before it is read', async () => {
    const path = written('');
    truncateSync(path, 5 * 1024 * 1024);
    await assert.rejects(readKubeconfig(path, { allowExec: false }), /larger than/);
  });

  test('aliases, which could grow without end', () => {
    const levels = Array.from({ length: 30 }, (_, at) =>
      at === 0 ? 'l0: &l0 [x, x]' : `l${String(at)}: &l${String(at)} [*l${String(at - 1)}, *l${String(at - 1)}]`,
    );
    return refused(levels.join('\n'), /is no YAML, or has aliases/);
  });
});

describe('a program for credentials', () => {
  const script = (status: string, ran: string): object => ({
    exec: {
      ...{ apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath },
      args: ['-e', `require('node:fs').appendFileSync(process.env.RAN, 'x'); console.log(process.env.STATUS)`],
      env: [
        { name: 'RAN', value: ran },
        { name: 'STATUS', value: status },
      ],
    },
  });

  test('is shown and not run without consent: neither when read, nor later', async () => {
    const ran = at('ran-not');
    await refused(config(script('{}', ran)), /was not run:\n\n {4}RAN=\S+ran-not STATUS='\{\}' \S+ -e '.*-allow-exec/s);
    assert.equal(existsSync(ran), false);
  });

  test('is shown with what a terminal would hide', () =>
    refused(
      config({ exec: { command: 'sh', args: ['-c', 'evil\u001b[2K\r\u202egood\nend'] } }),
      /sh -c 'evil\\u\{1b\}\[2K\\u\{d\}\\u\{202e\}good\\u\{a\}end'/,
    ));

  test('with consent it is run, once until its credential ends', async () => {
    const ran = at('ran');
    const status = JSON.stringify({ status: { token: 'of-plug-in' } });
    const { credential } = await read(config(script(status, ran)), { allowExec: true });
    assert.equal(existsSync(ran), false);
    for (const _ of [1, 2]) assert.deepEqual(await credential(), { token: 'of-plug-in' });
    assert.equal(readFileSync(ran, 'utf8'), 'x');
    const ended = at('ran-ended');
    const old = JSON.stringify({ status: { token: 'old', expirationTimestamp: '2020-01-01T00:00:00Z' } });
    const again = await read(config(script(old, ended)), { allowExec: true });
    for (const _ of [1, 2]) await again.credential();
    assert.equal(readFileSync(ended, 'utf8'), 'xx');
  });

  test('it runs once for all who wait, and anew after it failed', async () => {
    const ran = at('ran-once');
    const status = JSON.stringify({ status: { token: 'of-plug-in' } });
    const { credential } = await read(config(script(status, ran)), { allowExec: true });
    assert.deepEqual(await Promise.all([credential(), credential(), credential()]), [
      { token: 'of-plug-in' },
      { token: 'of-plug-in' },
      { token: 'of-plug-in' },
    ]);
    assert.equal(readFileSync(ran, 'utf8'), 'x');
    const failing = at('ran-failing');
    const other = await read(config(script('{}', failing)), { allowExec: true });
    for (const _ of [1, 2]) await assert.rejects(other.credential(), KubernetesProblem);
    assert.equal(readFileSync(failing, 'utf8'), 'xx');
  });

  test('its answer counts as an ExecCredential alone, and what it wrote is not told', async () => {
    for (const answer of ['', 'token', '[]', 'null', '{"status":null}', '{"status":{"clientKeyData":"secret-key"}}']) {
      const { credential } = await read(config(script(answer, at('ran-odd'))), { allowExec: true });
      await assert.rejects(
        credential(),
        (error) =>
          error instanceof KubernetesProblem &&
          /no ExecCredential/.test(error.message) &&
          !error.message.includes('secret'),
      );
    }
  });

  test('it is not given what is meant for Lockstep', async () => {
    const before = process.env['VAULT_TOKEN'];
    process.env['VAULT_TOKEN'] = 'of-lockstep';
    try {
      const user = {
        exec: {
          command: process.execPath,
          args: ['-e', `console.log(JSON.stringify({ status: { token: String(process.env.VAULT_TOKEN) } }))`],
        },
      };
      const { credential } = await read(config(user), { allowExec: true });
      assert.deepEqual(await credential(), { token: 'undefined' });
    } finally {
      if (before === undefined) delete process.env['VAULT_TOKEN'];
      else process.env['VAULT_TOKEN'] = before;
    }
  });
});
