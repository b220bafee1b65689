/** `identity/mfa/method/…`: second factors, as administrators set them up. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { totpAlgorithms } from '../../lib/crypto/totp.ts';
import type { IdentityMount } from '../identity/asked.ts';
import type { FoundMethod } from './methods.ts';
import type { TotpConfig } from './records.ts';

const at = pathsOf<IdentityMount>();

const shown = {
  id: field.string('Its id.'),
  name: field.string('Its name.'),
  type: field.string('Its type.'),
  namespace_id: field.string('Of the namespace that it belongs to.'),
  namespace_path: field.string('Of the namespace that it belongs to.'),
  issuer: field.string('Who issues the codes, as an authenticator app shows it.'),
  period: field.integer('Seconds that a code counts.'),
  key_size: field.integer('Bytes of a new secret.'),
  qr_size: field.integer('Pixels on each side of the QR code; 0: none.'),
  algorithm: field.string('The hash.'),
  digits: field.integer('Of a code.'),
  skew: field.integer('Periods that a code may be off.'),
  max_validation_attempts: field.integer('Wrong codes before a pause.'),
  enable_self_enrollment: field.boolean('Whether a login may make the secret that it lacks.'),
};

const methodId = field.name('Id of the method.');

const fields = {
  method_name: field.string('A name, unique in the namespace.', { default: '' }),
  issuer: field.string('Who issues the codes, as an authenticator app shows it.', { default: '' }),
  period: field.duration('How long a code counts.', { default: 30 }),
  key_size: field.integer('Bytes of a new secret.', { default: 20 }),
  qr_size: field.integer('Pixels on each side of the QR code; 0: none.', { default: 200 }),
  algorithm: field.string(`The hash: ${totpAlgorithms.join(', ')}.`, { default: 'SHA1' }),
  digits: field.integer('Of a code: 6 or 8.', { default: 6 }),
  skew: field.integer('Periods that a code may be off: 0 or 1.', { default: 1 }),
  max_validation_attempts: field.integer('Wrong codes before a pause.', { default: 5 }),
  enable_self_enrollment: field.boolean('Lets who has no secret make one in the middle of a login.', {
    default: false,
  }),
} as const;

interface Given {
  readonly issuer: string;
  readonly period: number;
  readonly key_size: number;
  readonly qr_size: number;
  readonly algorithm: string;
  readonly digits: number;
  readonly skew: number;
  readonly max_validation_attempts: number;
  readonly enable_self_enrollment: boolean;
}

const USUAL_ATTEMPTS = 5;

function configOf(given: Given): TotpConfig {
  const algorithm = totpAlgorithms.find((each) => each === given.algorithm);
  if (algorithm === undefined) throw fail('badRequest', `algorithm is one of ${totpAlgorithms.join(', ')}`);
  const { issuer, period, key_size: keySize, qr_size: qrSize, digits, skew, max_validation_attempts: asked } = given;
  if (digits !== 6 && digits !== 8) throw fail('badRequest', 'digits can only be 6 or 8');
  return {
    ...{ issuer, period, keySize, qrSize, algorithm, digits, skew },
    maxAttempts: asked === 0 ? USUAL_ATTEMPTS : asked,
    selfEnrollment: given.enable_self_enrollment,
  };
}

function shownMethod({ namespace, record }: FoundMethod): JsonObject {
  const { issuer, period, keySize, qrSize, algorithm, digits, skew, maxAttempts, selfEnrollment } = record.totp;
  return {
    ...{ id: record.id, name: record.name, type: record.type },
    ...{ namespace_id: namespace.id, namespace_path: namespace.path },
    ...{ issuer, period, key_size: keySize, qr_size: qrSize, algorithm, digits, skew },
    ...{ max_validation_attempts: maxAttempts, enable_self_enrollment: selfEnrollment },
  };
}

function read({ services }: IdentityMount, { namespace }: Call, id: string): Reply {
  const found = services.identities.methods.find(namespace, id);
  return found === undefined ? reply.missing : reply.ok(shownMethod(found));
}

function list({ services }: IdentityMount, { namespace }: Call): Reply {
  const all = services.identities.methods.all(namespace);
  return reply.keys(
    all.map(({ record }) => record.id),
    { key_info: Object.fromEntries(all.map((each) => [each.record.id, shownMethod(each)])) },
  );
}

const listed = {
  200: { keys: field.list('Ids.'), key_info: field.object('By id: the method.') },
  404: 'empty',
} as const;

const any = at('mfa/method', {
  help: 'MFA methods of this namespace and of those above it.',
  fields: {},
  operations: {
    list: { summary: 'List MFA methods', writes: 'nothing', replies: listed, run: (m, _v, c) => list(m, c) },
  },
});

const anyById = at('mfa/method/:method_id', {
  help: 'One MFA method, whatever its type.',
  fields: { method_id: methodId },
  operations: {
    read: {
      summary: 'Read an MFA method',
      writes: 'nothing',
      replies: { 200: shown, 404: 'empty' },
      run: (mount, values, call) => read(mount, call, values.method_id),
    },
  },
});

const totp = at('mfa/method/totp', {
  help: 'MFA methods of type totp: codes of an authenticator app.',
  fields,
  operations: {
    update: {
      summary: 'Create a TOTP method',
      writes: 'shared',
      replies: { 200: { method_id: field.string('Its id.') } },
      run: async ({ services }, values, { namespace }) => {
        const { method_name: name } = values;
        const id = await services.identities.methods.put(namespace, { name, totp: configOf(values) });
        return reply.ok({ method_id: id });
      },
    },
    list: { summary: 'List TOTP methods', writes: 'nothing', replies: listed, run: (m, _v, c) => list(m, c) },
  },
});

const totpById = at('mfa/method/totp/:method_id', {
  help: 'One MFA method of type totp.',
  fields: { ...fields, method_id: methodId },
  operations: {
    read: {
      summary: 'Read a TOTP method',
      writes: 'nothing',
      replies: { 200: shown, 404: 'empty' },
      run: (mount, values, call) => read(mount, call, values.method_id),
    },
    update: {
      summary: 'Write a TOTP method anew; secrets that exist stay as they were made',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, values, { namespace }) => {
        const { method_id: id, method_name: name } = values;
        await services.identities.methods.put(namespace, { id, name, totp: configOf(values) });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a TOTP method, with the secrets made for it',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, values, { namespace }) => {
        await services.identities.methods.delete(namespace, values.method_id);
        return reply.empty;
      },
    },
  },
});

export const methodPaths = [any, anyById, totp, totpById];
