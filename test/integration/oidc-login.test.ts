/** `lockstep login -method=oidc` beside a real issuer: a listener here, the server itself, and another device. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OAuth2Server } from 'oauth2-mock-server';
import { freePort } from '../../src/cli/up/free-port.ts';
import { devServer, executable } from '../clients/support/server.ts';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

async function world() {
  const issuer = new OAuth2Server();
  await issuer.issuer.keys.generate('RS256');
  await issuer.start(0, '127.0.0.1');
  issuer.service.on('beforeTokenSigning', (token: { payload: Record<string, unknown> }) => {
    token.payload['aud'] = 'me';
  });
  const server = await devServer();
  const ask = async (path: string, body: object): Promise<void> => {
    const asked = { method: 'POST', headers: { 'X-Vault-Token': 'root' }, body: JSON.stringify(body) };
    const { ok, status } = await fetch(`${server.address}/v1/${path}`, asked);
    assert.ok(ok, `${path}: ${String(status)}`);
  };
  await ask('sys/auth/oidc', { type: 'oidc' });
  const client = { oidc_client_id: 'me', oidc_client_secret: 's', default_role: 'r' };
  await ask('auth/oidc/config', { oidc_discovery_url: issuer.issuer.url, ...client });
  const home = mkdtempSync(join(tmpdir(), 'lockstep-oidc-'));
  return {
    ...{ issuer, server, ask, home },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await issuer.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Runs the command; the address that it shows is visited as by a browser. */
async function login(address: string, home: string, args: readonly string[], visit: (url: string) => Promise<void>) {
  const env = { PATH: process.env['PATH'], HOME: home, VAULT_ADDR: address };
  const given = ['login', '-method=oidc', '-no-print', 'skip_browser=true', ...args];
  const command = spawn(executable, given, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(command, 'exit');
  let text = '';
  let visited: Promise<void> | undefined;
  command.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const [url] = /http:\/\/localhost:\d+\/authorize\S+/.exec(text) ?? [];
    if (url !== undefined) visited ??= visit(url);
  });
  const [code] = (await ended) as [number];
  await visited;
  return { code, text };
}

const tokenIn = (home: string): string => readFileSync(join(home, '.vault-token'), 'utf8');

test('the browser comes back to the command, and nobody else ends its login', async () => {
  await using all = await world();
  await all.ask('auth/oidc/role/r', { user_claim: 'sub', allowed_redirect_uris: 'http://localhost/oidc/callback' });
  const port = String(await freePort());
  const visit = async (url: string): Promise<void> => {
    const at = new URL(url);
    const stranger = await fetch(`http://localhost:${port}/oidc/callback?state=other&code=x`);
    assert.equal(stranger.status, 404);
    assert.equal((await fetch(`http://localhost:${port}/`)).status, 404);
    assert.equal((await fetch(`http://localhost:${port}//`)).status, 404, 'no address at all');
    const back = await fetch(at);
    assert.match(await back.text(), /Logged in/);
  };
  const { code, text } = await login(all.server.address, all.home, [`port=${port}`], visit);
  assert.equal(code, 0, text);
  const found = await fetch(`${all.server.address}/v1/auth/token/lookup-self`, {
    headers: { 'X-Vault-Token': tokenIn(all.home) },
  });
  const { data } = (await found.json()) as { data: { display_name: string } };
  assert.equal(data.display_name, 'oidc-johndoe');
});

test('what goes wrong is said on the command line', async () => {
  await using all = await world();
  const redirect = 'http://localhost/oidc/callback';
  await all.ask('auth/oidc/role/r', { user_claim: 'sub', allowed_redirect_uris: redirect, bound_subject: 'ann' });
  const port = `port=${String(await freePort())}`;
  const failed = await login(all.server.address, all.home, [port], async (url) => {
    assert.equal((await fetch(url)).status, 400);
  });
  assert.equal(failed.code, 2);
  assert.match(failed.text, /the token is not accepted/);
  const elsewhere = await login(all.server.address, all.home, [port, 'callbackhost=elsewhere'], () =>
    Promise.resolve(),
  );
  assert.equal(elsewhere.code, 2);
  assert.match(elsewhere.text, /it must be among allowed_redirect_uris of the role/);
});

test('in the mode direct the browser goes to the server, and the command polls', async () => {
  await using all = await world();
  const allowed = `${all.server.address}/v1/auth/oidc/oidc/callback`;
  const mode = { callback_mode: 'direct', poll_interval: 1 };
  await all.ask('auth/oidc/role/r', { user_claim: 'sub', allowed_redirect_uris: allowed, ...mode });
  const visit = async (url: string): Promise<void> => {
    const page = await fetch(url);
    assert.match(await page.text(), /Is this your login/);
    const done = await fetch(`${page.url}&confirmation=yes`);
    assert.match(await done.text(), /Logged in/);
    assert.match(done.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  };
  const { code, text } = await login(all.server.address, all.home, ['callbackmode=direct'], visit);
  assert.equal(code, 0, text);
  assert.notEqual(tokenIn(all.home), '');
});
