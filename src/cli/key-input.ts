/** Shares and PGP keys as people give them on the command line. */
import { readFileSync } from 'node:fs';
import type { Context } from './context.ts';
import { CommandError } from './errors.ts';

/** The share, and the nonce that goes with it: on a terminal the attempt's own, which is shown; else the flag's. */
export async function shareFrom(
  context: Context,
  given: string | undefined,
  nonces: { readonly flag: string | undefined; readonly attempt: string; readonly title: string; readonly key: string },
): Promise<{ readonly key: string; readonly nonce: string }> {
  if (given !== undefined) {
    const key = given === '-' ? await context.stdin() : given;
    if (nonces.flag === undefined || nonces.flag === '') {
      throw new CommandError('Missing nonce value: specify it via the -nonce flag');
    }
    return { key: key.trim(), nonce: nonces.flag };
  }
  const instead = 'Give the key on standard input with "-" and the nonce with -nonce';
  const question = `${nonces.title}: ${nonces.attempt}\n${nonces.key} Key (will be hidden): `;
  return { key: (await context.askHidden(question, instead)).trim(), nonce: nonces.attempt };
}

/** One unseal key: an argument, standard input for `-`, or asked for unseen. `instead`: what to do without a terminal. */
export async function unsealKeyFrom(context: Context, given: string | undefined, instead: string): Promise<string> {
  if (given === '-') return (await context.stdin()).trim();
  if (given !== undefined) return given.trim();
  return (await context.askHidden('Unseal Key (will be hidden): ', instead)).trim();
}

/** A public key, as the API takes it: base64 of a binary file, or the text of one that is armoured or in base64. */
export function readPgpFile(path: string): string {
  if (path.startsWith('keybase:')) {
    throw new CommandError(`${path}: keys are not fetched from Keybase: save the public key and give its file`);
  }
  let bytes: Buffer;
  try {
    bytes = readFileSync(path.replace(/^@/, ''));
  } catch (error) {
    throw new CommandError(`cannot read ${path}: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
  const text = bytes.toString('latin1').trim();
  return text.includes('-----BEGIN PGP') || /^[A-Za-z0-9+/\s]+={0,2}$/.test(text) ? text : bytes.toString('base64');
}
