/** Requests to one vault (Azure Key Vault REST API, version 7.4). */
import { isObject } from '../../client/json.ts';
import { isRefusal, type ApiRequest, type BearerApi } from '../bearer-api.ts';
import { ProviderProblem } from '../contract.ts';
import { MOST_FOUND, tooMany } from '../in-turns.ts';
import { KINDS, type Named } from './names.ts';

type Json = Readonly<Record<string, unknown>>;

const API_VERSION = '7.4';

/** What a request is about. */
interface Asked extends Pick<ApiRequest, 'doing' | 'method' | 'body'> {
  /** Segments behind the vault's address, which are names of Azure's. */
  readonly path: string;
}

/** The last segments of an `id` or `kid`: `https://…/secrets/<name>/<version>`. */
export function idOf(id: unknown): { readonly name: string; readonly version: string } {
  const [, , name = '', version = ''] =
    typeof id === 'string' && URL.canParse(id) ? new URL(id).pathname.split('/') : [];
  return { name, version };
}

export class Vault {
  readonly #api: BearerApi;
  readonly #origin: string;

  constructor(api: BearerApi, origin: string) {
    this.#api = api;
    this.#origin = origin;
  }

  /** Undefined: there is none of that name or version. */
  async object({ kind, name }: Named, version: string, signal: AbortSignal): Promise<Json | undefined> {
    const { path, gone } = KINDS[kind];
    try {
      return await this.ask({ doing: `read "${name}"`, path: `${path}/${name}/${version}` }, signal);
    } catch (error) {
      if (isRefusal(error, gone)) return undefined;
      throw error;
    }
  }

  /** Those that were deleted, and can be recovered. */
  async deletedSecret(name: string, signal: AbortSignal): Promise<Json | undefined> {
    try {
      return await this.ask({ doing: `look up deleted "${name}"`, path: `deletedsecrets/${name}` }, signal);
    } catch (error) {
      if (isRefusal(error, 'SecretNotFound')) return undefined;
      throw error;
    }
  }

  ask({ path, ...asked }: Asked, signal: AbortSignal): Promise<Json> {
    const url = new URL(`${this.#origin}/${path.replace(/\/$/, '')}`);
    url.searchParams.set('api-version', API_VERSION);
    return this.#api.ask({ ...asked, url }, signal);
  }

  /** What `take` gives of each, of all pages. Rejects with `ProviderProblem` where they are too many, or lead elsewhere. */
  async secrets(take: (secret: Json) => readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const all: string[] = [];
    let seen = 0;
    const first = new URL(`${this.#origin}/secrets`);
    first.searchParams.set('api-version', API_VERSION);
    first.searchParams.set('maxresults', '25');
    let next: URL | undefined = first;
    while (next !== undefined) {
      const page: Json = await this.#api.ask({ doing: 'list secrets', url: next }, signal);
      const { value, nextLink } = page;
      const secrets = Array.isArray(value) ? value.filter(isObject) : [];
      for (const each of secrets) all.push(...take(each));
      // A page counts as well: a server can lead from one that is empty to the next without end.
      seen += 1 + secrets.length;
      if (seen > MOST_FOUND) throw tooMany();
      next = this.#nextOf(nextLink);
    }
    return all;
  }

  close(): void {
    this.#api.close();
  }

  /** The token goes with it: to this vault alone. */
  #nextOf(link: unknown): URL | undefined {
    if (typeof link !== 'string' || link === '') return undefined;
    const url = URL.canParse(link, this.#origin) ? new URL(link, this.#origin) : undefined;
    if (url?.origin === this.#origin) return url;
    throw new ProviderProblem('unreachable', 'cannot list secrets: the vault names a next page that is not its own');
  }
}
