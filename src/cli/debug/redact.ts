/** The last guard before a bundle leaves: its sources show no secrets, and what looks like one goes nevertheless. */

/** Tokens of Vault, OpenBao and Lockstep, PEM private keys, and values of members whose names say that they are secret. */
const TOKEN = /\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9]{4,8})?/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g;
const NAMED =
  /("(?:[a-z0-9_-]*(?:password|secret|token|private_key|secret_id|passphrase|api_key))"\s*:\s*)"(?:[^"\\]|\\.)+"/gi;

/** `known`: texts that must not occur, whatever they look like. */
export function redacted(text: string, known: readonly string[]): string {
  let clean = text.replace(TOKEN, '[redacted]').replace(PRIVATE_KEY, '[redacted]').replace(NAMED, '$1"[redacted]"');
  for (const secret of known) if (secret !== '') clean = clean.replaceAll(secret, '[redacted]');
  return clean;
}
