/** What every auth method has at a hub, and the logins by it that are tried at a region of it. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { OAuth2Server } from 'oauth2-mock-server';
import type { JsonObject } from '../../../src/framework/field.ts';
import type { Outcome } from '../../../src/framework/request.ts';
import { credentials, sts } from '../../../src/auth/aws/sts.testing.ts';
import { signedCallerIdentity } from '../../../src/lib/aws/signed-caller-identity.ts';
import { documentOfKeys, issuerServer, publishing, signed, signingKey } from '../../../src/lib/jwt/issuer.testing.ts';
import { makeAuthority, makeClient, type Made } from '../../../src/lib/x509/authority.testing.ts';
import { bundleText } from '../../../src/auth/spiffe/mount.testing.ts';
import type { TestHub } from '../../support/cluster.ts';
import { ask, requestOf } from '../../support/node.ts';
import { addPerson, addTree, people, slapd, startSlapd } from '../../support/slapd.ts';

export type At = Pick<TestHub, 'node' | 'root'>;

/** A login at a region, and how it is answered; `error`: where it is refused. */
export interface Login {
  readonly at: (region: At) => Promise<Outcome>;
  readonly status: number;
  readonly error?: RegExp;
}

/** Makes at the hub what it needs, and says which logins there are. What it starts is ended with the stack. */
type Method = (hub: At, started: AsyncDisposableStack) => Promise<Readonly<Record<string, Login>>>;

export async function must({ node, root }: At, path: string, body: JsonObject = {}): Promise<JsonObject> {
  const outcome = await ask(node, 'POST', path, { token: root, body });
  assert.ok(outcome.status < 300, `${path}: ${(outcome.errors ?? []).join()}`);
  return outcome.reply?.data ?? {};
}

const enable = (hub: At, type: string, mount = type): Promise<JsonObject> => must(hub, `sys/auth/${mount}`, { type });

const login =
  (path: string, body: JsonObject = {}) =>
  ({ node }: At): Promise<Outcome> =>
    ask(node, 'POST', `auth/${path}`, { body });

const shown = (chain: readonly Made[], path: string, body: JsonObject = {}) => {
  const clientCertificates = chain.map(({ der }) => der);
  return ({ node }: At): Promise<Outcome> =>
    Promise.resolve(node.handle({ ...requestOf('POST', `auth/${path}`, { body }), clientCertificates }));
};

const works = (at: Login['at']): Login => ({ at, status: 200 });
const refused = (at: Login['at'], status: number, error: RegExp): Login => ({ at, status, error });

const now = (): number => Math.floor(Date.now() / 1_000);
const claimsOf = (change: object): object => ({ aud: 'us', iat: now(), nbf: now(), exp: now() + 3_600, ...change });

const userpass: Method = async (hub) => {
  await enable(hub, 'userpass');
  await must(hub, 'auth/userpass/users/ann', { password: 'right-pass' });
  await must(hub, 'auth/userpass/users/few', { password: 'right-pass', token_num_uses: 2 });
  await must(hub, 'auth/userpass/users/batch', { password: 'right-pass', token_type: 'batch' });
  const right = { password: 'right-pass' };
  return {
    'the right password': works(login('userpass/login/ann', right)),
    'a wrong password': refused(login('userpass/login/ann', { password: 'x' }), 400, /invalid username or password/),
    'for a token with a number of uses': works(login('userpass/login/few', right)),
    'for a batch token': works(login('userpass/login/batch', right)),
  };
};

const approle: Method = async (hub) => {
  await enable(hub, 'approle');
  await must(hub, 'auth/approle/role/app', { role_id: 'app' });
  await must(hub, 'auth/approle/role/address', {
    ...{ role_id: 'address', bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.0/8' },
  });
  const issued = async (at: At, body: JsonObject = {}): Promise<JsonObject> => {
    const { secret_id } = await must(at, 'auth/approle/role/app/secret-id', body);
    return { role_id: 'app', secret_id };
  };
  const [shared, limited] = [await issued(hub), await issued(hub, { num_uses: 5 })];
  return {
    'a secret-id of the hub': works(login('approle/login', shared)),
    'a secret-id of the hub with a number of uses': refused(
      login('approle/login', limited),
      503,
      /^this secret_id has a use limit, so the region that issued it must take the login$/,
    ),
    'a secret-id that the region issues': works(async (region) => login('approle/login', await issued(region))(region)),
    'a secret-id that the region issues, with one use': works(async (region) =>
      login('approle/login', await issued(region, { num_uses: 1 }))(region),
    ),
    'the same once more': refused(
      async (region) => {
        const once = login('approle/login', await issued(region, { num_uses: 1 }));
        await once(region);
        return once(region);
      },
      400,
      /invalid role or secret ID/,
    ),
    'an address alone': works(login('approle/login', { role_id: 'address' })),
  };
};

const jwt: Method = async (hub, started) => {
  const [held, unknown] = [await signingKey('RS256', 'one'), await signingKey('RS256', 'two')];
  const server = started.use(await issuerServer());
  server.answer(
    publishing(
      () => server,
      () => documentOfKeys(held),
    ),
  );
  const configs = {
    jwt: { jwt_validation_pubkeys: [held.pem] },
    published: { jwks_url: `${server.url}/keys`, jwks_ca_pem: server.ca },
    discovered: { oidc_discovery_url: server.url, oidc_discovery_ca_pem: server.ca },
  };
  for (const [mount, config] of Object.entries(configs)) {
    await enable(hub, 'jwt', mount);
    await must(hub, `auth/${mount}/config`, config);
    await must(hub, `auth/${mount}/role/job`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
    const expression =
      'claims.sub == "job" ? pb.Auth{policies: ["default"], alias: logical.Alias{name: claims.sub}} : "not " + claims.sub';
    await must(hub, `auth/${mount}/cel/role/job`, { cel_program: { expression }, bound_audiences: 'us' });
  }
  const body = { role: 'job', jwt: await signed(held, claimsOf({ sub: 'job', iss: server.url })) };
  const other = { role: 'job', jwt: await signed(held, claimsOf({ sub: 'else', iss: server.url })) };
  const foreign = { role: 'job', jwt: await signed(unknown, claimsOf({ sub: 'job', iss: server.url })) };
  return {
    'by keys of the configuration': works(login('jwt/login', body)),
    'by keys that the issuer publishes': works(login('published/login', body)),
    'by discovery': works(login('discovered/login', body)),
    'by a key that is none of them': refused(login('published/login', foreign), 400, /./),
    'by a program, with keys of the configuration': works(login('jwt/cel/login', body)),
    'by a program, with keys that the issuer publishes': works(login('published/cel/login', body)),
    'by a program, by discovery': works(login('discovered/cel/login', body)),
    'whom a program refuses': refused(login('jwt/cel/login', other), 400, /message: not else/),
    'by a program, with a key that is none of them': refused(login('published/cel/login', foreign), 400, /./),
  };
};

const REDIRECT = 'http://localhost:8250/oidc/callback';

/** A person with a browser, who follows where the region sends them. */
const oidc: Method = async (hub, started) => {
  const issuer = new OAuth2Server();
  await issuer.issuer.keys.generate('RS256');
  await issuer.start(0, '127.0.0.1');
  started.defer(() => issuer.stop());
  issuer.service.on('beforeTokenSigning', (token: { payload: Record<string, unknown> }) => {
    token.payload['aud'] ??= 'me';
  });
  await enable(hub, 'oidc');
  await must(hub, 'auth/oidc/config', {
    ...{ oidc_discovery_url: issuer.issuer.url ?? '', oidc_client_id: 'me', oidc_client_secret: 's' },
  });
  await must(hub, 'auth/oidc/role/person', { user_claim: 'sub', allowed_redirect_uris: REDIRECT });
  return {
    'by browser': works(async ({ node }) => {
      const body = { role: 'person', redirect_uri: REDIRECT, client_nonce: 'n' };
      const begun = await ask(node, 'POST', 'auth/oidc/oidc/auth_url', { body });
      const { headers } = await fetch(String(begun.reply?.data?.['auth_url']), { redirect: 'manual' });
      const back = Object.fromEntries(new URL(headers.get('location') ?? '').searchParams);
      return ask(node, 'GET', 'auth/oidc/oidc/callback', { query: { client_nonce: 'n', ...back } });
    }),
  };
};

const cert: Method = async (hub) => {
  await enable(hub, 'cert');
  const authority = await makeAuthority('CN=authority');
  await must(hub, 'auth/cert/certs/web', { certificate: authority.pem });
  const [web, stranger] = [
    await makeClient('CN=web', authority),
    await makeClient('CN=web', await makeAuthority('CN=authority')),
  ];
  return {
    'a certificate of the authority': works(shown([web], 'cert/login')),
    'another’s certificate': refused(shown([stranger], 'cert/login'), 400, /./),
  };
};

const ID = 'spiffe://example.org/ns/shop/sa/app';

const spiffe: Method = async (hub, started) => {
  const key = await signingKey('ES256', 'one');
  const authority = await makeAuthority('CN=authority', { names: [{ type: 'url', value: 'spiffe://example.org' }] });
  const bundle = bundleText({ keys: [key], anchors: [Buffer.from(authority.der).toString('base64')] });
  const server = started.use(await issuerServer());
  server.answer((_path, response) => {
    response.end(bundle);
  });
  const usual = { trust_domain: 'example.org', audience: 'us' };
  const configs = {
    spiffe: { profile: 'static', bundle },
    fetched: { profile: 'https_web_bundle', endpoint_url: server.url, endpoint_root_ca_truststore_pem: server.ca },
  };
  for (const [mount, config] of Object.entries(configs)) {
    await enable(hub, 'spiffe', mount);
    await must(hub, `auth/${mount}/config`, { ...usual, ...config });
    await must(hub, `auth/${mount}/role/app`, { workload_id_patterns: '/ns/shop/*' });
  }
  const svid = await makeClient('CN=app', authority, { names: [{ type: 'url', value: ID }] });
  const body = { role: 'app', jwt: await signed(key, claimsOf({ sub: ID }), { typ: 'JWT' }) };
  return {
    'a JWT-SVID by a bundle of the configuration': works(login('spiffe/login', body)),
    'an X.509-SVID by it': works(shown([svid], 'spiffe/login', { role: 'app' })),
    'a JWT-SVID by a bundle that is fetched': works(login('fetched/login', body)),
    'an X.509-SVID by that': works(shown([svid], 'fetched/login', { role: 'app' })),
  };
};

const kubernetes: Method = async (hub, started) => {
  const key = await signingKey('RS256', 'one');
  const issuer = 'https://cluster.test';
  const account = { namespace: 'shop', serviceaccount: { name: 'app', uid: 'uid-1' } };
  const user = { username: 'system:serviceaccount:shop:app', uid: 'uid-1' };
  const server = started.use(await issuerServer());
  server.answer((_path, response) => {
    const status = { authenticated: true, user, audiences: ['us'] };
    response.writeHead(201, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'TokenReview', status }));
  });
  const configs = {
    kubernetes: { pem_keys: [key.pem], issuer },
    asks: { kubernetes_host: server.url, kubernetes_ca_cert: server.ca, token_reviewer_jwt: 'r.e.v' },
  };
  for (const [mount, config] of Object.entries(configs)) {
    await enable(hub, 'kubernetes', mount);
    await must(hub, `auth/${mount}/config`, config);
    await must(hub, `auth/${mount}/role/app`, {
      ...{ bound_service_account_names: 'app', bound_service_account_namespaces: 'shop', audience: 'us' },
    });
  }
  const claims = { iss: issuer, aud: ['us'], sub: user.username, 'kubernetes.io': account };
  const body = { role: 'app', jwt: await signed(key, claimsOf(claims)) };
  return {
    'by keys': works(login('kubernetes/login', body)),
    'by the cluster’s TokenReview': works(login('asks/login', body)),
  };
};

const folder = await slapd();

const aws: Method = async (hub, started) => {
  const cloud = started.use(await sts());
  await enable(hub, 'aws');
  await must(hub, 'auth/aws/config/client', { sts_endpoint: cloud.address });
  const bound_iam_principal_arn = 'arn:aws:iam::123456789012:role/web';
  await must(hub, 'auth/aws/role/web', { bound_iam_principal_arn, resolve_aws_unique_ids: false });
  const signed = { role: 'web', ...(await signedCallerIdentity({ credentials })) };
  const unsigned = { ...signed, iam_request_headers: {} };
  return {
    'a request that STS answers for': works(login('aws/login', signed)),
    'one without a signature': refused(login('aws/login', unsigned), 400, /Signature Version 4/),
  };
};

const ldap: Method = async (hub, started) => {
  const directory = started.use(await startSlapd(folder ?? ''));
  await addTree(directory);
  await addPerson(directory, 'ada', 'ada-pw');
  await enable(hub, 'ldap');
  await must(hub, 'auth/ldap/config', { url: directory.url, userdn: people, userattr: 'uid' });
  return {
    'a password of the directory': works(login('ldap/login/ada', { password: 'ada-pw' })),
    'a wrong one': refused(login('ldap/login/ada', { password: 'x' }), 400, /invalid username or password/),
  };
};

/** Of any method; here of passwords. */
const secondFactor: Method = async (hub) => {
  await enable(hub, 'userpass', 'people');
  await must(hub, 'auth/people/users/eve', { password: 'right-pass' });
  const { method_id: method } = await must(hub, 'identity/mfa/method/totp', { issuer: 'x' });
  const outcome = await ask(hub.node, 'GET', 'sys/auth/people', { token: hub.root });
  await must(hub, 'identity/mfa/login-enforcement/people', {
    ...{ mfa_method_ids: [method], auth_method_accessors: [outcome.reply?.data?.['accessor']] },
  });
  return {
    'with a second factor': refused(
      login('people/login/eve', { password: 'right-pass' }),
      503,
      /^this login needs a second factor, which the hub alone can check: log in there$/,
    ),
  };
};

export const METHODS: Readonly<Record<string, { readonly make: Method; readonly skip?: string | false }>> = {
  userpass: { make: userpass },
  approle: { make: approle },
  jwt: { make: jwt },
  oidc: { make: oidc },
  cert: { make: cert },
  spiffe: { make: spiffe },
  kubernetes: { make: kubernetes },
  ldap: { make: ldap, skip: folder === undefined ? 'the Debian package slapd cannot be had' : false },
  aws: { make: aws, skip: false },
  'login MFA': { make: secondFactor },
};
