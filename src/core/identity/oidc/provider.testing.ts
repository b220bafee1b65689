/** A provider with clients, for its tests. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { requestOf } from '../../../../test/support/node.ts';
import type { JsonObject } from '../../../framework/field.ts';
import type { Outcome } from '../../../framework/request.ts';
import { bodyOf, oidcWorld, type Person } from './world.testing.ts';

export const ISSUER = 'https://issuer.example:8200';
export const REDIRECT = 'https://app.example/callback';
export const PROVIDER = 'identity/oidc/provider/p';
export const VERIFIER = 'v'.repeat(64);
export const challenge = createHash('sha256').update(VERIFIER).digest('base64url');

export async function withProvider() {
  const world = await oidcWorld();
  const { write, read, asked } = world;
  await write('identity/oidc/key/k', { algorithm: 'ES256', allowed_client_ids: '*' });
  await write('identity/oidc/scope/profile', { template: '{"name": {{identity.entity.name}}}' });
  await write('identity/oidc/assignment/staff', { entity_ids: [] });
  const client = { key: 'k', redirect_uris: [REDIRECT, 'http://127.0.0.1/cb'], assignments: ['staff'] };
  await write('identity/oidc/client/app', client);
  await write('identity/oidc/client/other', { ...client, assignments: ['allow_all'] });
  await write('identity/oidc/client/spa', { ...client, assignments: ['allow_all'], client_type: 'public' });
  await write(PROVIDER, { issuer: ISSUER, allowed_client_ids: ['*'], scopes_supported: ['profile'] });
  const ann = await world.login('ann');
  await write('identity/oidc/assignment/staff', { entity_ids: [ann.entity] });
  const [app, other, spa] = await Promise.all(
    ['app', 'other', 'spa'].map(async (name) => {
      const { client_id: id, client_secret: secret } = await read(`identity/oidc/client/${name}`);
      return { client_id: String(id), ...(secret === undefined ? {} : { client_secret: String(secret) }) };
    }),
  );
  assert.ok(app !== undefined && other !== undefined && spa !== undefined);
  const wanted = { client_id: app.client_id, scope: 'openid profile', redirect_uri: REDIRECT, response_type: 'code' };
  const authorize = async (more: JsonObject = {}, person: Person = ann): Promise<Outcome> =>
    asked('POST', `${PROVIDER}/authorize`, { token: person.token, body: { ...wanted, ...more } });
  const codeOf = async (more: JsonObject = {}): Promise<string> => {
    const outcome = await authorize(more);
    assert.equal(outcome.status, 200, JSON.stringify(bodyOf(outcome)));
    return String(bodyOf(outcome)['code']);
  };
  const exchange = (code: string, more: JsonObject = {}): Promise<Outcome> =>
    asked('POST', `${PROVIDER}/token`, {
      token: '',
      body: { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, ...app, ...more },
    });
  /** With a Bearer header, as clients send it. */
  const userinfo = (token: string, provider = PROVIDER, namespace = ''): Promise<Outcome> => {
    const request = requestOf('GET', `${provider}/userinfo`, { token, namespace });
    return Promise.resolve(world.node.handle({ ...request, headers: { authorization: `Bearer ${token}` } }));
  };
  return Object.assign(world, { ann, app, other, spa, authorize, codeOf, exchange, userinfo });
}

export const refusedBy = (outcome: Outcome, status: number, error: string, words = /./): void => {
  const body = bodyOf(outcome);
  assert.equal(body['error'], error, JSON.stringify(body));
  assert.equal(outcome.status, status);
  assert.match(String(body['error_description']), words);
};
