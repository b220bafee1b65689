/** `identity/oidc/token` and `introspect`: a token says who its holder is, and whether that still holds. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply, type Reply } from '../../../framework/reply.ts';
import type { Call } from '../../../framework/call.ts';
import { defaultLeeways } from '../../../lib/jwt/claims.ts';
import { fixedKeys } from '../../../lib/jwt/keys.ts';
import { TokenRefused, type Check } from '../../../lib/jwt/refusal.ts';
import { verifyToken } from '../../../lib/jwt/verify.ts';
import type { IdentityMount } from '../asked.ts';
import type { Identity } from '../identity-store.ts';
import { claimsOf, withClaims } from './claims.ts';
import { allows, SIGNING_ALGORITHMS } from './named-key.ts';

const at = pathsOf<IdentityMount>();

/** The entity that asks, which must be of the namespace that is asked: a token of another one says nothing here. */
export function entityOf({ services }: IdentityMount, { client, namespace }: Call): Identity | undefined {
  if (client.entity === '' || client.entityNamespace !== namespace.id) return undefined;
  return services.identities.known.identity(namespace.id, client.entity);
}

async function tokenOf(mount: IdentityMount, name: string, call: Call): Promise<Reply> {
  const { namespace, now } = call;
  const { oidc } = mount.services.identities;
  const records = oidc.records(namespace.id);
  const role = records.get('role', name);
  if (role === undefined) throw fail('badRequest', `role "${name}" not found`);
  const key = records.key(role.key);
  if (key === undefined) throw fail('badRequest', `key "${role.key}" not found`);
  if (!allows(key, role.clientId)) {
    throw fail(
      'badRequest',
      `the key "${role.key}" does not list the client ID of the role "${name}" as an allowed client ID`,
    );
  }
  const who = entityOf(mount, call);
  if (who === undefined) throw fail('badRequest', "no entity associated with the request's token");
  const issued = Math.floor(now / 1_000);
  const life = Math.min(role.ttl, key.verificationTtl);
  const own = {
    iss: oidc.issuerOf(records.config().issuer, namespace, ''),
    ...{ namespace: namespace.id, sub: who.record.id, aud: role.clientId, exp: issued + life, iat: issued },
  };
  const token = await oidc.signer.sign(namespace.id, key, withClaims(own, claimsOf(role.template, who, now)));
  return reply.ok({ client_id: role.clientId, token, ttl: role.ttl });
}

const token = at('oidc/token/:name', {
  help: 'A token that says who asks, signed.',
  fields: { name: field.name('Name of the role.') },
  operations: {
    read: {
      summary: 'Make an identity token',
      writes: 'nothing',
      replies: {
        200: {
          client_id: field.string('For whom it is.'),
          token: field.secret('The token.'),
          ttl: field.duration('How long it is good for.'),
        },
      },
      run: (mount, { name }, call) => tokenOf(mount, name, call),
    },
  },
});

const WORDS: Readonly<Partial<Record<Check, string>>> = {
  malformed: 'error parsing token',
  algorithm: 'error parsing token',
  key: 'unable to validate the token signature',
  signature: 'unable to validate the token signature',
};

/** undefined: it holds. */
async function problemOf({ services }: IdentityMount, given: string, client: string, call: Call) {
  const { namespace, now } = call;
  const { oidc, known } = services.identities;
  const { list } = oidc.published.ofRoles(namespace.id, now);
  const issuer = oidc.issuerOf(oidc.records(namespace.id).config().issuer, namespace, '');
  const expected = { now, leeways: defaultLeeways, algorithms: SIGNING_ALGORITHMS, issuers: [issuer] };
  try {
    const audiences = client === '' ? 'any' : [client];
    const claims = await verifyToken(given, fixedKeys(list), { ...expected, audiences }, call.signal());
    const { sub } = claims;
    const entity = typeof sub === 'string' ? known.identity(namespace.id, sub) : undefined;
    if (entity === undefined) return 'entity was not found';
    return entity.record.disabled ? 'entity is disabled' : undefined;
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    return WORDS[error.check] ?? `error validating claims: ${error.check}`;
  }
}

const introspect = at('oidc/introspect', {
  help: 'Whether an identity token holds, and its entity is there and not disabled.',
  fields: {
    token: field.secret('The token.', { default: '' }),
    client_id: field.string('For whom it must be; any if not given.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Check an identity token',
      writes: 'nothing',
      form: 'bare',
      replies: {
        200: { active: field.boolean('Whether it holds.'), error: field.string('Why it does not.') },
      },
      run: async (mount, { token: given, client_id: client }, call) => {
        const error = await problemOf(mount, given, client, call);
        return { status: 200, bare: error === undefined ? { active: true } : { active: false, error } };
      },
    },
  },
});

export const tokenPaths = [token, introspect];
