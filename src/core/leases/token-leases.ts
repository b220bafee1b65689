/**
 * Tokens as leases, which they are in Vault: operators list who is logged in by a method and log all of them out by
 * `revoke-prefix auth/approle/login`. They keep no entries of their own for that, since a login would pay for it: a scan
 * of the namespace's tokens in pages finds them.
 */
import { recordAt } from '../../lib/record.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Store } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import { FIRST_TOKEN_PATH, secondsLeft, tokenKeyIn, type Token, type TokenRecord } from '../tokens/token.ts';
import type { TokenStore } from '../tokens/token-store.ts';
import { folderOf } from './lease-lists.ts';

const PAGE = 200;
/** Tokens come from auth methods, and nothing else is mounted there. */
const AUTH = 'auth/';
/** As Vault shows the hash of a token; ours is 32 bytes too. */
const LAST = /^h([0-9a-f]{64})(?:\.([0-9A-Za-z]+))?$/;

/** Whether tokens may lie at or below a prefix. */
export const holdsTokens = (prefix: string): boolean => prefix === '' || folderOf(prefix).startsWith(AUTH);

function lastOf(key: string): string {
  const [hmac = '', namespace] = key.split('.', 2);
  const hex = Buffer.from(hmac, 'base64url').toString('hex');
  return `h${hex}${namespace === undefined ? '' : `.${namespace}`}`;
}

export const tokenLeaseId = ({ key, record }: Pick<Token, 'key' | 'record'>): string => `${record.path}/${lastOf(key)}`;

/** The token that a lease id of that namespace names. */
export function tokenOfLease(tokens: TokenStore, namespace: string, id: string): Token | undefined {
  const at = id.lastIndexOf('/');
  const [, hex, suffix = ROOT_NAMESPACE] = LAST.exec(id.slice(at + 1)) ?? [];
  if (hex === undefined || suffix !== namespace || !id.startsWith(AUTH)) return undefined;
  const token = tokens.byKey(tokenKeyIn(namespace, Buffer.from(hex, 'hex').toString('base64url')));
  return token?.record.path === id.slice(0, at) && token.record.path !== FIRST_TOKEN_PATH ? token : undefined;
}

/** `data` of a look-up, as of any lease. */
export function describeTokenLease(token: Token, now: number): JsonObject {
  const { record } = token;
  const rfc3339 = (ms: number): string => new Date(ms).toISOString();
  return {
    id: tokenLeaseId(token),
    path: record.path,
    issue_time: rfc3339(record.createdAt),
    expire_time: record.expiresAt === 0 ? null : rfc3339(record.expiresAt),
    last_renewal: record.lastRenewal === undefined ? null : rfc3339(record.lastRenewal),
    renewable: record.renewable && record.expiresAt !== 0,
    ttl: secondsLeft(record, now),
  };
}

interface Found {
  readonly key: string;
  readonly record: TokenRecord;
}

/** Live tokens of a namespace whose lease id begins with the prefix, page by page, with a turn for others in between. */
export async function* tokensBelow(
  store: Store,
  { namespace, prefix, now }: { readonly namespace: string; readonly prefix: string; readonly now: number },
): AsyncGenerator<readonly Found[]> {
  if (!holdsTokens(prefix)) return;
  const folder = folderOf(prefix);
  const all = keys.tokens(namespace);
  for (let after: string | undefined; ;) {
    const { page, found } = read(store, all, after);
    const live = found.filter(
      ({ record: { path, expiresAt } }) =>
        `${path}/`.startsWith(folder) &&
        path.startsWith(AUTH) &&
        path !== FIRST_TOKEN_PATH &&
        (expiresAt === 0 || expiresAt > now),
    );
    if (live.length > 0) yield live;
    if (page.length < PAGE) return;
    after = page.at(-1);
    await nextTurn();
  }
}

function read(store: Store, all: string, after: string | undefined) {
  using snapshot = store.snapshot();
  const page = snapshot.list(all, { limit: PAGE, ...(after === undefined ? {} : { after }) });
  const found = page.flatMap((at): readonly Found[] => {
    const record = recordAt<TokenRecord>(snapshot, at);
    return record === undefined ? [] : [{ key: at.slice(all.length), record }];
  });
  return { page, found };
}

/** What lies right below a folder: names of tokens and folders, sorted. More than `most` are not looked for. */
export async function tokenNames(
  store: Store,
  asked: { readonly namespace: string; readonly prefix: string; readonly now: number },
  most: number,
): Promise<readonly string[]> {
  const folder = folderOf(asked.prefix);
  const names = new Set<string>();
  for await (const page of tokensBelow(store, asked)) {
    for (const { key, record } of page) {
      const below = `${record.path}/${lastOf(key)}`.slice(folder.length);
      const slash = below.indexOf('/');
      names.add(slash === -1 ? below : below.slice(0, slash + 1));
    }
    if (names.size > most) break;
  }
  return [...names].sort();
}
