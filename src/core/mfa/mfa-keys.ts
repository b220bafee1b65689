/**
 * Where login MFA lies. Methods are shared data of `identity/`. What asks for them is shared too, under keys of its own: every
 * region that takes logins must know of it (`src/regions/layout.ts`). Secrets, and which codes were used, never leave the
 * hub.
 */
import { keys } from '../keys.ts';
import { IDENTITY_MOUNT } from '../identity/identity-keys.ts';

const named = (name: string): string => encodeURIComponent(name.toWellFormed());

export function mfaKeys(namespace: string) {
  const shared = `${keys.data('s', namespace, IDENTITY_MOUNT)}mfa/`;
  const secrets = `${keys.data('h', namespace, IDENTITY_MOUNT)}mfa/totp/`;
  return {
    methods: `${shared}method/`,
    method: (id: string) => `${shared}method/${named(id)}`,
    /** The id of the method that has it. */
    methodName: (name: string) => `${shared}method-name/${named(name)}`,
    enforcements: keys.loginEnforcements(namespace),
    enforcement: (name: string) => keys.loginEnforcements(namespace) + named(name),
    /** Of the namespace's entities; the method may be one of a namespace above. */
    secrets,
    secretsOf: (entity: string) => `${secrets}${named(entity)}/`,
    secret: (entity: string, method: string) => `${secrets}${named(entity)}/${named(method)}`,
  } as const;
}
