/** What every way of logging in has: files with credentials, and the grant that a login gives. */
import { open } from 'node:fs/promises';
import type { Client } from '../client/client.ts';
import type { Auth } from '../client/envelope.ts';
import { fail } from '../errors.ts';
import { errorCode } from '../lib/error-code.ts';
import { Secret } from '../lib/secret.ts';

/** A token and its life. */
export interface Grant {
  readonly token: Secret<string>;
  readonly accessor: string;
  /** Seconds; 0 never expires. */
  readonly ttl: number;
  readonly renewable: boolean;
}

export interface Credentials {
  /** Logs in with what the files hold now. Rejects as `Client` does, or with `noCredentials`. */
  readonly login: (client: Client) => Promise<Grant>;
  /** Whether the files hold something else than the last login used. */
  readonly changed: () => Promise<boolean>;
  /** The files to look at for new credentials. */
  readonly files: readonly string[];
  /** Who logs in, as a text that is the same after a restart; undefined while it cannot be known. */
  readonly identity: () => Promise<string | undefined>;
  /** A login secret that is still there after a restart. Absent: what logs in ends, and what is encrypted under it with it. */
  readonly durableSecret?: () => Promise<Secret<string> | undefined>;
}

const largestFile = 64 * 1024;

/** The file's text without white space around it; undefined where there is no file or it is empty. */
export async function readCredential(path: string): Promise<Secret<string> | undefined> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fail('noCredentials', `cannot read ${path}: ${errorCode(error)}`);
  });
  if (file === undefined) return undefined;
  try {
    const buffer = Buffer.alloc(largestFile + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > largestFile) throw fail('noCredentials', `${path} is too long for a credential`);
    const text = buffer.toString('utf8', 0, bytesRead).trim();
    buffer.fill(0);
    return text === '' ? undefined : new Secret(text);
  } finally {
    await file.close();
  }
}

/** Whether the file holds another one than was used; what cannot be read is none. */
export async function holdsAnother(path: string, used: Secret<string> | undefined): Promise<boolean> {
  const found = await readCredential(path).catch(() => undefined);
  return found !== undefined && found.expose() !== used?.expose();
}

export function granted(auth: Auth | undefined): Grant {
  if (auth === undefined || auth.client_token === '') {
    throw fail('noCredentials', 'the login gave no token: is `mount_path` that of an auth method?');
  }
  const { client_token, accessor, lease_duration: ttl, renewable } = auth;
  return { token: new Secret(client_token), accessor, ttl, renewable };
}
