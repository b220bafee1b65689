/**
 * Where identity tokens and the OIDC provider keep what they know: below the data of the mount `identity`. What a region
 * needs to publish and check is shared; what signs, and what clients prove themselves with, never leaves the hub.
 */
import { keys } from '../../keys.ts';
import { IDENTITY_MOUNT } from '../identity-keys.ts';

/** Kinds of records that have names. */
export type NamedKind = 'key' | 'role' | 'client' | 'provider' | 'scope' | 'assignment';

export const BELOW = 'oidc/';

export function oidcKeys(namespace: string) {
  const base = keys.data('s', namespace, IDENTITY_MOUNT) + BELOW;
  const hub = keys.data('h', namespace, IDENTITY_MOUNT) + BELOW;
  return {
    config: `${base}config`,
    all: (kind: NamedKind) => `${base}${kind}/`,
    named: (kind: NamedKind, name: string) => `${base}${kind}/${name}`,
    /** The name of the client with this id. */
    clientOfId: (id: string) => `${base}client-id/${id}`,
    /** The private half of a key, PKCS #8. */
    privateKey: (kid: string) => `${hub}private-key/${kid}`,
    clientSecret: (id: string) => `${hub}client-secret/${id}`,
  } as const;
}
