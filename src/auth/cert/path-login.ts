/** `login`: the certificate of the connection for a token. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import type { Grant } from '../../framework/reply.ts';
import { equalSecret, sha256 } from '../../lib/crypto/hash.ts';
import { boundCidrsFor, checkLoginAddress, grantOf } from '../token-fields.ts';
import type { CertMount } from './mount.ts';
import { readRole } from './role.ts';
import type { Verified } from './verify.ts';

const at = pathsOf<CertMount>();

const fingerprint = (der: Uint8Array): string => sha256(der).toString('hex');

/** `02:ab:…`, as Go prints key identifiers. */
const withColons = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').match(/../g)?.join(':') ?? '';

async function verified(mount: CertMount, name: string, call: Call): Promise<Verified> {
  if (call.clientCertificates.length === 0) throw fail('badRequest', 'no client certificate found');
  const { verify } = await import('./verify.ts');
  return verify(mount, name, { certificates: call.clientCertificates, now: call.now, signal: call.signal() });
}

async function metadataOf({ name, role, certificate }: Verified): Promise<Record<string, string>> {
  const { textOfExtension } = await import('./constraints.ts');
  const extensions = role.metadataExtensions.flatMap((oid) => {
    const value = certificate.extensions.get(oid);
    return value === undefined ? [] : [[oid.replaceAll('.', '-'), textOfExtension(value)] as const];
  });
  return {
    cert_name: name,
    common_name: certificate.commonName,
    serial_number: certificate.serial.toString(),
    subject_key_id: withColons(certificate.subjectKeyId),
    authority_key_id: withColons(certificate.authorityKeyId),
    ...Object.fromEntries(extensions),
  };
}

async function grantFor(mount: CertMount, found: Verified, address: string): Promise<Grant> {
  const { name, role, certificate } = found;
  const { commonName, der } = certificate;
  if (commonName === '') {
    throw fail('invalidCredentials', 'the certificate has no common name, by which its holder would be known');
  }
  const metadata = await metadataOf(found);
  return grantOf(role.token, {
    displayName: role.displayName,
    role: name,
    metadata,
    alias: { name: commonName, ...(mount.config.aliasMetadata ? { metadata } : {}) },
    internal: { role: name, certificate: fingerprint(der), policies: role.token.policies },
    boundCidrs: boundCidrsFor(role.token, address),
  });
}

const login = at('login', {
  help: 'Logs in with the client certificate of the TLS connection.',
  access: 'open',
  fields: { name: field.string('The role; any that the certificate fits without.', { default: '' }) },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (mount, { name }, call) => {
        const found = await verified(mount, name, call);
        const { address } = call.client;
        checkLoginAddress(found.role.token, address);
        return { status: 200, grant: await grantFor(mount, found, address) };
      },
    },
  },
});

const samePolicies = (before: unknown, now: readonly string[]): boolean =>
  Array.isArray(before) && new Set<unknown>(before).symmetricDifference(new Set<unknown>(now)).size === 0;

/** Of a token that a login gave: the same certificate again, verified as at a login, unless the mount does not bind. */
export async function renewLogin(mount: CertMount, internal: JsonObject, call: Call): Promise<Grant> {
  const { role: name, certificate, policies } = internal;
  const role = typeof name === 'string' ? readRole(mount.view.shared, name) : undefined;
  if (role === undefined || typeof name !== 'string') {
    throw fail('badRequest', 'the role of this token is gone: log in again');
  }
  if (!samePolicies(policies, role.token.policies)) {
    throw fail('badRequest', 'policies have changed, not renewing: log in again');
  }
  if (!mount.config.disableBinding) {
    const [shown] = call.clientCertificates;
    const same = shown !== undefined && typeof certificate === 'string' && equalSecret(fingerprint(shown), certificate);
    if (!same) {
      throw fail('badRequest', 'client identity during renewal not matching client identity used during login');
    }
    await verified(mount, name, call);
  }
  return grantOf(role.token, { displayName: role.displayName });
}

export const loginPaths = [login];
