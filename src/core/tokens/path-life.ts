/** `auth/token/renew…`, `revoke…`, `tidy`: how tokens go on and end. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { boundTtl, identityPoliciesOf } from '../requests/grants.ts';
import { foundByAccessor, ownToken, tokenIn } from './path-lookup.ts';
import { readRole } from './path-roles.ts';
import { smallest } from './terms.ts';
import { authBlock, type Token, type TokenRecord } from './token.ts';
import type { TokenAuth } from './token-auth.ts';

const at = pathsOf<TokenAuth>();

/** The longest that the token may live from now on, seconds, by its explicit maximum; Infinity without one. */
function leftOf(record: TokenRecord, limit: number, now: number): number {
  return limit === 0 ? Infinity : Math.max(0, Math.floor((record.createdAt + limit * 1000 - now) / 1000));
}

interface Terms {
  readonly ttl: number;
  readonly period: number;
  readonly maxTtl: number;
  readonly explicitMaxTtl: number;
  readonly mount: { readonly default: number; readonly max: number };
}

/** A token without a login: by the terms of its role as they are today, or else by its own. */
function createdTerms(auth: TokenAuth, { record }: Token, call: Call): Terms {
  const own = { ttl: record.creationTtl, maxTtl: 0, mount: auth.services.ttl(auth.config(call)) };
  const { period, explicitMaxTtl } = record;
  if (record.role === undefined || record.role === '') return { ...own, period, explicitMaxTtl };
  const role = readRole(auth, record.role)?.record;
  if (role === undefined) {
    throw fail('badRequest', `the token role "${record.role}" is gone: its tokens are renewed no more`);
  }
  return { ...own, period: role.period, explicitMaxTtl: smallest(explicitMaxTtl, role.explicitMaxTtl) };
}

/** A login is renewed by the terms of its role as they are today. */
async function termsOf(auth: TokenAuth, token: Token, call: Call): Promise<Terms> {
  const { services } = auth;
  const { record } = token;
  if (record.login === undefined) return createdTerms(auth, token, call);
  const { explicitMaxTtl } = record;
  const mounted = services.mounts.byUuid(record.login.mount);
  if (mounted === undefined) throw fail('badRequest', 'the auth mount of this token is gone: log in again');
  const grant = await mounted.plugin.renewLogin?.(mounted.instance, record.login.internal, call);
  if (grant?.alias !== undefined) {
    await services.identities.logins.renewed(token.namespace, mounted.record, grant.alias, record.entity);
  }
  const mount = services.ttl(mounted.record.config);
  return grant === undefined
    ? { ttl: 0, period: record.period, maxTtl: record.maxTtl, explicitMaxTtl, mount }
    : { ttl: grant.ttl, period: grant.period, maxTtl: grant.maxTtl, explicitMaxTtl, mount };
}

async function renew(auth: TokenAuth, token: Token, increment: number | undefined, call: Call): Promise<Reply> {
  const { record } = token;
  if (record.type === 'batch') throw fail('badRequest', 'batch tokens cannot be renewed');
  if (!record.renewable) throw fail('badRequest', 'lease is not renewable');
  const { ttl: usual, period, maxTtl, explicitMaxTtl, mount } = await termsOf(auth, token, call);
  const asked = period > 0 || increment === undefined || increment === 0 ? usual : increment;
  const { ttl: wanted, warnings } = boundTtl({ ttl: asked, period, maxTtl: 0, explicitMaxTtl: 0 }, mount);
  const limits = [maxTtl, explicitMaxTtl, period > 0 ? 0 : mount.max];
  const left = Math.min(...limits.map((limit) => leftOf(record, limit, call.now)));
  if (left <= 0) throw fail('badRequest', 'past the max TTL, cannot renew: log in again');
  const renewed = await auth.services.tokens.renew(token, Math.min(wanted, left));
  const capped =
    wanted > left ? [`TTL of ${String(wanted)} s exceeds the ${String(left)} s that are left: capped`] : [];
  return {
    status: 200,
    auth: authBlock(renewed, '', identityPoliciesOf(auth.services, renewed)),
    warnings: [...warnings, ...capped],
  };
}

const withToken = (answer: Reply, id: string): Reply =>
  answer.auth === undefined ? answer : { ...answer, auth: { ...answer.auth, client_token: id } };

const increment = field.duration('By how much; the limits of the token hold.');

const renewToken = at('renew', {
  help: 'Renews a token.',
  fields: { token: field.secret('The token; the calling one if there is none.'), increment },
  operations: {
    update: {
      summary: 'Renew a token',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (auth, values, call) => {
        const id = values.token ?? call.token ?? '';
        const token = tokenIn(auth, call, id);
        if (token === undefined) throw fail('badRequest', 'token not found');
        return withToken(await renew(auth, token, values.increment, call), id);
      },
    },
  },
});

const renewSelf = at('renew-self', {
  help: 'Renews the calling token.',
  fields: { token: field.secret('Ignored: the calling token is meant.'), increment },
  operations: {
    update: {
      summary: 'Renew the calling token',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (auth, values, call) => {
        const token = ownToken(auth, call);
        return withToken(await renew(auth, token, values.increment, call), call.token ?? '');
      },
    },
  },
});

const renewAccessor = at('renew-accessor', {
  help: 'Renews the token of an accessor.',
  fields: { accessor: field.required(field.string('The accessor.')), increment },
  operations: {
    update: {
      summary: 'Renew a token by its accessor',
      writes: 'local',
      replies: { 200: 'empty' },
      run: (auth, values, call) => renew(auth, foundByAccessor(auth, call, values.accessor), values.increment, call),
    },
  },
});

function checkRevocable({ record }: Token): void {
  if (record.type === 'batch') throw fail('badRequest', 'batch tokens cannot be revoked');
}

async function revoke(auth: TokenAuth, token: Token): Promise<Reply> {
  checkRevocable(token);
  await auth.services.revocation.revoke(token.key);
  return reply.empty;
}

const revokeToken = at('revoke', {
  help: 'Revokes a token and its children.',
  fields: { token: field.required(field.secret('The token.')) },
  operations: {
    update: {
      summary: 'Revoke a token',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (auth, { token }, call) => {
        const there = tokenIn(auth, call, token);
        return there === undefined ? reply.empty : revoke(auth, there);
      },
    },
  },
});

const revokeSelf = at('revoke-self', {
  help: 'Revokes the calling token and its children.',
  fields: { token: field.secret('Ignored: the calling token is meant.') },
  operations: {
    update: {
      summary: 'Revoke the calling token',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (auth, _values, call) => revoke(auth, ownToken(auth, call)),
    },
  },
});

const revokeAccessor = at('revoke-accessor', {
  help: 'Revokes the token of an accessor and its children.',
  fields: { accessor: field.required(field.string('The accessor.')) },
  operations: {
    update: {
      summary: 'Revoke a token by its accessor',
      writes: 'local',
      replies: { 200: 'empty', 204: 'empty' },
      run: (auth, { accessor }, call) => {
        const there = auth.services.tokens.byAccessor(call.namespace.id, accessor);
        return there === undefined
          ? { status: 200, warnings: ['No token found with this accessor'] }
          : revoke(auth, there);
      },
    },
  },
});

const revokeOrphan = at('revoke-orphan', {
  help: 'Revokes a token alone: its children become orphans.',
  access: 'root',
  fields: { token: field.required(field.secret('The token.')) },
  operations: {
    update: {
      summary: 'Revoke a token and orphan its children',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (auth, { token }, call) => {
        const there = tokenIn(auth, call, token);
        if (there === undefined) throw fail('badRequest', 'token to revoke not found');
        checkRevocable(there);
        await auth.services.revocation.revokeOrphan(there.key);
        return reply.empty;
      },
    },
  },
});

const tidy = at('tidy', {
  help: 'Ends what is due at once, and finishes revocations that were cut off.',
  access: 'root',
  fields: {},
  operations: {
    update: {
      summary: 'Tidy tokens',
      writes: 'local',
      replies: { 202: 'empty' },
      run: async (auth) => {
        await auth.services.revocation.resume();
        while (await auth.services.revocation.expire(auth.services.now()));
        return { status: 202, warnings: ['Tidy operation successfully completed.'] };
      },
    },
  },
});

export const lifePaths = [
  renewToken,
  renewSelf,
  renewAccessor,
  revokeToken,
  revokeSelf,
  revokeAccessor,
  revokeOrphan,
  tidy,
];
