/** Secrets of a project, or of a project in one region. A new version is made without a check, as the API has none. */
import { isObject } from '../../client/json.ts';
import { isRefusal, type BearerApi } from '../bearer-api.ts';
import { contended } from '../contended.ts';
import {
  ProviderProblem,
  type Found,
  type ProviderClient,
  type Pushed,
  type Query,
  type Reference,
  type RemoteName,
} from '../contract.ts';
import { inTurns, MOST_FOUND, tooMany } from '../in-turns.ts';
import { namePattern } from '../name-pattern.ts';
import { selectedIn } from '../property.ts';
import { foreign, hasAll, MARK, without, written } from '../written.ts';
import { described, gcpsmMetadata, making, type Described } from './metadata.ts';
import { metadataAt } from './metadata-read.ts';

type Json = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

export interface SecretManagerOptions {
  readonly api: BearerApi;
  /** `https://…/v1/projects/p`, or with `/locations/l` behind it. */
  readonly parent: string;
  readonly regional: boolean;
  /** Whether the newest version that is enabled stands in for a latest one that is not. */
  readonly fetchEnabled: boolean;
}

interface Secret extends Described {
  readonly etag: string;
}

const LATEST = 'latest';
const PAGE = '250';

const textsIn = (value: unknown): Texts =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).flatMap(([name, each]) =>
      typeof each === 'string' ? [[name, each]] : [],
    ),
  );

const secretIn = ({ labels, annotations, etag }: Json): Secret => ({
  ...{ labels: textsIn(labels), annotations: textsIn(annotations) },
  etag: typeof etag === 'string' ? etag : '',
});

const isMarked = ({ labels }: Described): boolean => labels[MARK.Key] === MARK.Value;

const same = (one: Texts, other: Texts): boolean =>
  Object.keys(one).length === Object.keys(other).length && hasAll(one, other);

/** It was changed meanwhile: its etag is another. */
class Changed extends Error {}

/** Another write came between: it was made meanwhile, or changed. */
const isConflict = (error: unknown): boolean => error instanceof Changed || isRefusal(error, 'ALREADY_EXISTS');

/** Of a request with an etag. */
async function ifUnchanged<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isRefusal(error, 'ABORTED', 'FAILED_PRECONDITION')) throw new Changed('its etag is another', { cause: error });
    throw error;
  }
}

async function orGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isRefusal(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

export class SecretManager implements ProviderClient {
  readonly #options: SecretManagerOptions;

  constructor(options: SecretManagerOptions) {
    this.#options = options;
  }

  /** Any answer but a refusal of who asks: which secrets may be read, a store does not say. */
  async check(signal: AbortSignal): Promise<void> {
    try {
      await this.#secret('lockstep-external-secrets-check', signal);
    } catch (error) {
      // An account that may read some secrets only is as it should be.
      if (!isRefusal(error, 'PERMISSION_DENIED')) throw error;
    }
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const { key, version = '', metadata = false } = reference;
    if (metadata) {
      const secret = await this.#secret(key, signal);
      return secret === undefined ? { found: false } : { found: true, value: metadataAt(secret, reference) };
    }
    const value = await this.#selected(key, version, signal);
    return value === undefined ? { found: false } : { found: true, value: selectedIn(value, reference) };
  }

  async find({ path = '', name, tags = {} }: Query, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    const matches = namePattern(name);
    // As in External Secrets Operator labels are looked at where no name is asked for.
    const wanted = name === undefined ? tags : {};
    const listed = await this.#list(wanted, signal);
    const names = listed.flatMap(([key, labels]) =>
      key.startsWith(path) && matches(key) && hasAll(labels, wanted) ? [key] : [],
    );
    const found = await inTurns(names, (each) => this.#selected(each, '', signal));
    return new Map(names.flatMap((each, at) => (found[at] === undefined ? [] : [[each, found[at]] as const])));
  }

  checkMetadata(metadata: unknown): void {
    gcpsmMetadata(metadata);
  }

  push(pushed: Pushed, signal: AbortSignal): Promise<void> {
    const { key, metadata } = pushed;
    return contended({ key, isConflict }, async () => {
      const there = (await this.#secret(key, signal)) ?? (await this.#create(pushed, signal));
      if (!isMarked(there)) throw foreign(key, 'label');
      const wanted = described(metadata, there);
      if (!same(wanted.labels, there.labels) || !same(wanted.annotations, there.annotations)) {
        const url = this.#url(key);
        url.searchParams.set('updateMask', 'labels,annotations');
        const body = { ...wanted, ...(there.etag === '' ? {} : { etag: there.etag }) };
        await ifUnchanged(this.#options.api.ask({ doing: `describe "${key}"`, method: 'PATCH', url, body }, signal));
      }
      const before = await this.#selected(key, '', signal);
      const next = written(pushed, before);
      if (before === undefined || !Buffer.from(next).equals(before)) await this.#add(key, next, signal);
    });
  }

  remove(name: RemoteName, signal: AbortSignal): Promise<void> {
    const { key } = name;
    return contended({ key, isConflict }, async () => {
      const there = await this.#secret(key, signal);
      if (there === undefined || !isMarked(there)) return;
      const before = await this.#selected(key, '', signal);
      const left = before === undefined ? undefined : without(name, before);
      if (left !== undefined) {
        if (!Buffer.from(left).equals(before ?? left)) await this.#add(key, left, signal);
        return;
      }
      const url = this.#url(key);
      if (there.etag !== '') url.searchParams.set('etag', there.etag);
      await ifUnchanged(orGone(this.#options.api.ask({ doing: `delete "${key}"`, method: 'DELETE', url }, signal)));
    });
  }

  close(): void {
    this.#options.api.close();
  }

  /** A name that Google's rules do not allow would be another path. Throws `ProviderProblem`. */
  #url(key: string, version?: string): URL {
    const valid = /^[\w-]{1,255}$/.test(key) && (version === undefined || /^[\w-]{1,63}$/.test(version));
    if (!valid) {
      const rule = 'letters, digits, - and _; a version is a number or an alias';
      throw new ProviderProblem('invalid', `"${key}" is no name of a secret of Google: ${rule}`);
    }
    const path = version === undefined ? key : `${key}/versions/${version}:access`;
    return new URL(`${this.#options.parent}/secrets/${path}`);
  }

  async #secret(key: string, signal: AbortSignal): Promise<Secret | undefined> {
    const found = await orGone(this.#options.api.ask({ doing: `look up "${key}"`, url: this.#url(key) }, signal));
    return found === undefined ? undefined : secretIn(found);
  }

  /** The value of that version; without one, of the latest that can be read under the store's policy. */
  async #selected(key: string, version: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      return await this.#value(key, version === '' ? LATEST : version, signal);
    } catch (error) {
      const standsIn = this.#options.fetchEnabled && version === '' && isRefusal(error, 'FAILED_PRECONDITION');
      if (!standsIn) throw error;
      const enabled = await this.#newestEnabled(key, signal);
      if (enabled === undefined) throw error;
      return this.#value(key, enabled, signal);
    }
  }

  async #value(key: string, version: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const url = this.#url(key, version);
    const found = await orGone(this.#options.api.ask({ doing: `read "${key}"`, url }, signal));
    if (found === undefined) return undefined;
    const { payload } = found;
    // Of an empty value JSON says nothing.
    const { data = '' } = isObject(payload) ? payload : { data: undefined };
    if (isObject(payload) && typeof data === 'string') return Buffer.from(data, 'base64');
    throw new ProviderProblem('unreachable', `cannot read "${key}": Google answers without a payload`);
  }

  /** Versions are counted up. */
  async #newestEnabled(key: string, signal: AbortSignal): Promise<string | undefined> {
    const url = new URL(`${this.#url(key).href}/versions`);
    url.searchParams.set('filter', 'state:ENABLED');
    const versions = await this.#pages({ doing: `list the versions of "${key}"`, url, of: 'versions' }, signal);
    const numbers = versions.flatMap(({ name, state }) => {
      const number = typeof name === 'string' ? Number(name.split('/').at(-1)) : Number.NaN;
      return state === 'ENABLED' && Number.isSafeInteger(number) ? [number] : [];
    });
    return numbers.length === 0 ? undefined : String(numbers.reduce((one, other) => Math.max(one, other)));
  }

  async #create({ key, metadata }: Pushed, signal: AbortSignal): Promise<Secret> {
    const { parent, regional, api } = this.#options;
    this.#url(key);
    const url = new URL(`${parent}/secrets`);
    url.searchParams.set('secretId', key);
    const body = { ...making(metadata, regional), ...described(metadata, { labels: {}, annotations: {} }) };
    return secretIn(await api.ask({ doing: `make "${key}"`, method: 'POST', url, body }, signal));
  }

  async #add(key: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    const url = new URL(`${this.#url(key).href}:addVersion`);
    const body = { payload: { data: Buffer.from(value).toString('base64') } };
    await this.#options.api.ask({ doing: `write "${key}"`, method: 'POST', url, body }, signal);
  }

  async #list(labels: Texts, signal: AbortSignal): Promise<readonly (readonly [key: string, labels: Texts])[]> {
    const url = new URL(`${this.#options.parent}/secrets`);
    // What cannot stand in a filter cannot be a label either; all are looked at again.
    const filters = Object.entries(labels).filter((each) =>
      each.every((text) => /^[\p{Ll}\p{Lo}\p{N}_-]+$/u.test(text)),
    );
    if (filters.length > 0) {
      url.searchParams.set('filter', filters.map(([key, value]) => `labels.${key}=${value}`).join(' AND '));
    }
    const secrets = await this.#pages({ doing: 'list secrets', url, of: 'secrets' }, signal);
    return secrets.flatMap((each) => {
      const key = typeof each['name'] === 'string' ? (each['name'].split('/').at(-1) ?? '') : '';
      return key === '' ? [] : [[key, textsIn(each['labels'])] as const];
    });
  }

  async #pages(
    { doing, url, of }: { readonly doing: string; readonly url: URL; readonly of: string },
    signal: AbortSignal,
  ): Promise<readonly Json[]> {
    const all: Json[] = [];
    let next = '';
    do {
      const page = new URL(url);
      page.searchParams.set('pageSize', PAGE);
      if (next !== '') page.searchParams.set('pageToken', next);
      const answer = await this.#options.api.ask({ doing, url: page }, signal);
      const items = answer[of];
      all.push(...(Array.isArray(items) ? items.filter(isObject) : []));
      if (all.length > MOST_FOUND) throw tooMany();
      next = typeof answer['nextPageToken'] === 'string' ? answer['nextPageToken'] : '';
    } while (next !== '');
    return all;
  }
}
