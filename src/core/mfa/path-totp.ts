/** `identity/mfa/method/totp/generate` and its like: the secrets that entities share with TOTP methods. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import type { Transaction } from '../../storage/store.ts';
import type { IdentityMount } from '../identity/asked.ts';
import type { EntityRecord } from '../identity/records.ts';
import type { FoundMethod } from './methods.ts';
import { goneOf, shownSecret } from './totp-secrets.ts';

const at = pathsOf<IdentityMount>();

const method_id = field.string('Id of the method.', { default: '' });
const entity_id = field.string('Id of the entity.', { default: '' });

/** Without data where there is a secret already: nobody is shown it twice. */
const made = {
  200: {
    barcode: field.secret('A QR code of the URL: base64 of a PNG.'),
    url: field.secret('otpauth://…, which holds the secret.'),
  },
  204: 'empty',
} as const;

const NO_ENTITY = 'there is no entity with this id in this namespace';

function methodOf({ services }: IdentityMount, { namespace }: Call, id: string): FoundMethod {
  if (id === '') throw fail('badRequest', 'missing method_id: the id of the MFA method');
  const found = services.identities.methods.find(namespace, id);
  if (found === undefined)
    throw fail('badRequest', 'there is no MFA method with this method_id: list identity/mfa/method');
  return found;
}

/** One of the namespace that is asked; of a merged one the one that it is now. */
function entityOf({ services }: IdentityMount, { namespace }: Call, id: string): EntityRecord {
  if (id === '') throw fail('badRequest', 'missing entity_id: the id of the entity');
  const found = services.identities.known.identity(namespace.id, id);
  if (found === undefined) throw fail('badRequest', NO_ENTITY);
  return found.record;
}

async function generate(mount: IdentityMount, call: Call, id: string, entityId: string): Promise<Reply> {
  const found = methodOf(mount, call, id);
  const method = found.record;
  const { id: entity } = entityOf(mount, call, entityId);
  const owner = { namespace: call.namespace.id, entity, method };
  const secret = await mount.services.identities.totp.generate(owner, (tx: Transaction) => {
    // What was looked up before may be gone by now.
    const gone = goneOf(tx, { ...owner, method: found });
    if (gone !== undefined) throw fail('badRequest', gone === 'method' ? 'the MFA method was deleted' : NO_ENTITY);
  });
  if (secret === undefined) {
    const called = method.name === '' ? method.id : method.name;
    return { ...reply.empty, warnings: [`Entity already has a secret for MFA method "${called}"`] };
  }
  return reply.ok(await shownSecret(secret, method.totp, entity));
}

const own = at('mfa/method/totp/generate', {
  help: 'Makes the secret of whoever asks.',
  fields: { method_id },
  operations: {
    update: {
      summary: 'Make the own TOTP secret',
      writes: 'shared',
      replies: made,
      run: (mount, values, call) => {
        const { entity, entityNamespace } = call.client;
        if (entity === '' || entityNamespace !== call.namespace.id) {
          throw fail(
            'badRequest',
            'the token has no entity of this namespace: log in as somebody, or use admin-generate',
          );
        }
        return generate(mount, call, values.method_id, entity);
      },
    },
  },
});

const ofOther = at('mfa/method/totp/admin-generate', {
  help: 'Makes the secret of an entity.',
  fields: { method_id, entity_id },
  operations: {
    update: {
      summary: 'Make the TOTP secret of an entity',
      writes: 'shared',
      replies: made,
      run: (mount, values, call) => generate(mount, call, values.method_id, values.entity_id),
    },
  },
});

const destroy = at('mfa/method/totp/admin-destroy', {
  help: 'Destroys the secret of an entity, so that it can have a new one.',
  fields: { method_id, entity_id },
  operations: {
    update: {
      summary: 'Destroy the TOTP secret of an entity',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, values, call) => {
        const { record } = methodOf(mount, call, values.method_id);
        const { id: entity } = entityOf(mount, call, values.entity_id);
        await mount.services.identities.totp.destroy({ namespace: call.namespace.id, entity, method: record.id });
        return reply.empty;
      },
    },
  },
});

const selfEnroll = at('mfa/method/totp/self-enroll', {
  help: 'In the middle of a login: a secret for who has none, where the method lets them.',
  access: 'open',
  fields: {
    mfa_request_id: field.string('Of the login that waits.', { default: '' }),
    mfa_method_id: field.string('Of one of the methods that it asks for.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Make a TOTP secret in the middle of a login',
      writes: 'local',
      replies: { 200: made[200] },
      run: async ({ services }, values, call) => {
        if (values.mfa_request_id === '')
          throw fail('badRequest', 'missing mfa_request_id: the one that the login answered');
        if (values.mfa_method_id === '') throw fail('badRequest', 'missing mfa_method_id: the id of the MFA method');
        if (services.loginMfa === undefined) throw fail('internal', 'this thread serves no logins');
        return reply.ok(await services.loginMfa.offer(call, values.mfa_request_id, values.mfa_method_id));
      },
    },
  },
});

export const totpPaths = [own, ofOther, destroy, selfEnroll];
