/** `crls/…`: lists of revoked certificates. */
import { fail } from '../../errors.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { children, listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { decodeRecord, encodeRecord } from '../../lib/record.ts';
import type { CertificateRefused } from '../../lib/x509/refusal.ts';
import type { RevocationList } from '../../lib/x509/revocation-list.ts';
import { mustBeRoleName } from '../role-name.ts';
import { fetchList, type FetchedList } from './fetch.ts';
import { listsPrefix, MOST_LISTS, type CertMount, type ListRecord } from './mount.ts';

const at = pathsOf<CertMount>();
const MOST_BYTES = 1024 * 1024;

const keyOf = (name: string): string => listsPrefix + name.toLowerCase();

const readList = ({ view }: CertMount, name: string): ListRecord | undefined =>
  view.shared.kept(keyOf(name), decodeRecord<ListRecord>);

const lists = at('crls', {
  help: 'Names of all lists.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List the lists',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ view }, asked) => listed(children(view.shared, listsPrefix), asked),
    },
  },
});

async function uploaded(text: string): Promise<FetchedList> {
  const { derOfList, parseRevocationList } = await import('../../lib/x509/revocation-list.ts');
  // DER as text is what JSON makes of it; upstream takes it so.
  const der = derOfList(new Uint8Array(Buffer.from(text, text.includes('-----BEGIN') ? 'utf8' : 'latin1')));
  if (der.length > MOST_BYTES) throw fail('badRequest', `crl is longer than ${String(MOST_BYTES)} bytes`);
  return { der, list: parseRevocationList(der) };
}

async function given(crl: string | undefined, url: string | undefined): Promise<FetchedList> {
  if (crl !== undefined) return uploaded(crl);
  if (url === undefined) throw fail('badRequest', "one of 'crl' or 'url' must be provided");
  if (url === '') throw fail('badRequest', 'empty CRL url');
  return fetchList(url);
}

const until = ({ nextUpdate }: RevocationList): string =>
  nextUpdate === undefined ? '' : new Date(nextUpdate).toISOString();

/** Told by what is wrong with it: who uploads a list may know. */
async function parsedOrRefused(work: Promise<FetchedList>, now: number): Promise<FetchedList> {
  const found = await work.catch((error: unknown) => {
    const { check, detail } = error as Partial<CertificateRefused>;
    if (check === undefined) throw error;
    throw fail('badRequest', `failed to parse CRL: ${detail ?? ''}`, { cause: error });
  });
  const { nextUpdate } = found.list;
  if (nextUpdate !== undefined && nextUpdate < now) throw fail('badRequest', 'the list has expired: give a newer one');
  return found;
}

async function shown({ list, url, validUntil }: ListRecord): Promise<JsonObject> {
  const { parseRevocationList } = await import('../../lib/x509/revocation-list.ts');
  const { serials } = parseRevocationList(new Uint8Array(Buffer.from(list, 'base64')));
  return {
    ...(serials.size === 0 ? {} : { serials: Object.fromEntries([...serials].map((serial) => [String(serial), {}])) }),
    ...(url === '' ? {} : { cdp: { url, valid_until: validUntil } }),
  };
}

const list = at('crls/:name', {
  help: 'A list of revoked certificates, which logins are held against.',
  fields: {
    name: field.name('Name of the list, in any case.'),
    crl: field.string('The list, PEM or DER.'),
    url: field.string('Where it is published: it is fetched now, and anew each hour.'),
  },
  operations: {
    read: {
      summary: 'Read a list',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: async (mount, { name }) => {
        const found = readList(mount, name);
        if (found === undefined) throw fail('badRequest', `no such CRL ${name.slice(0, 128)}`);
        return reply.ok(await shown(found));
      },
    },
    update: {
      summary: 'Write a list',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { name, crl, url }, call) => {
        mustBeRoleName(name);
        const { der, list: parsed } = await parsedOrRefused(given(crl, url), call.now);
        const record: ListRecord = {
          list: Buffer.from(der).toString('base64'),
          url: crl === undefined ? (url ?? '') : '',
          validUntil: until(parsed),
        };
        await view.shared.transact((tx) => {
          const isOneMore = !tx.has(keyOf(name));
          if (isOneMore && tx.list(listsPrefix, { limit: MOST_LISTS }).length >= MOST_LISTS) {
            throw fail('badRequest', `more than ${String(MOST_LISTS)} lists: delete one, or make another mount`);
          }
          tx.put(keyOf(name), encodeRecord(record));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a list',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { name }) => {
        await view.shared.transact((tx) => {
          if (!tx.has(keyOf(name))) throw fail('badRequest', `no such CRL ${name.slice(0, 128)}`);
          tx.delete(keyOf(name));
        });
        return reply.empty;
      },
    },
  },
});

export const listPaths = [lists, list];
