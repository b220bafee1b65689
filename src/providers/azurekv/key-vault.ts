/** The objects of a vault. Secrets are read, searched and written; keys and certificates read and imported. Its API has no check on writes. */
import { defined } from '../../lib/defined.ts';
import { isRefusal } from '../bearer-api.ts';
import {
  ProviderProblem,
  type Found,
  type ProviderClient,
  type Pushed,
  type Query,
  type Reference,
  type RemoteName,
} from '../contract.ts';
import { inTurns } from '../in-turns.ts';
import { membersOf } from '../members.ts';
import { namePattern } from '../name-pattern.ts';
import { selectedIn, selectedOf } from '../property.ts';
import { foreign, hasAll, MARK, textOf, without, written } from '../written.ts';
import type { Imported } from './imported.ts';
import { metadataAt, metadataMembers, textsIn, wantedOf, type Wanted } from './metadata.ts';
import { KINDS, namedBy, versionOf, type Named } from './names.ts';
import { idOf, type Vault } from './vault.ts';

type Json = Readonly<Record<string, unknown>>;

const isMarked = (held: Json): boolean => textsIn(held['tags'])[MARK.Key] === MARK.Value;

const attributesOf = ({ attributes }: Json): Json =>
  typeof attributes === 'object' && attributes !== null ? (attributes as Json) : {};

const valueOf = ({ value }: Json): Uint8Array => Buffer.from(typeof value === 'string' ? value : '', 'utf8');

/** What a reference without metadata reads of it. */
function bytesOf({ kind }: Named, held: Json, reference: Reference): Uint8Array {
  if (kind === 'secret') return selectedIn(valueOf(held), reference);
  if (kind === 'cert') return Buffer.from(typeof held['cer'] === 'string' ? held['cer'] : '', 'base64');
  return selectedOf((held['key'] ?? {}) as Json, reference);
}

/** Whether it is known by now as it is wanted: what nobody asks for is left as it is. */
const isDescribed = (held: Json, { tags, contentType, expires }: Wanted): boolean =>
  hasAll(textsIn(held['tags']), tags) &&
  (contentType === undefined || held['contentType'] === contentType) &&
  (expires === undefined || attributesOf(held)['exp'] === expires);

/** Tags are added, never taken away. */
const description = (held: Json | undefined, { tags, contentType, expires }: Wanted): Json => ({
  tags: { ...textsIn(held?.['tags']), ...tags, [MARK.Key]: MARK.Value },
  ...defined({ contentType }),
  ...(expires === undefined ? {} : { attributes: { exp: expires } }),
});

/** What is there, and what it is to be known by. */
interface Writing {
  readonly held: Json | undefined;
  readonly wanted: Wanted;
}

const UNTOLD = { contentType: undefined, expires: undefined };

/** Undefined: it is a secret. Rejects with `ProviderProblem`. */
async function importedFrom({ kind }: Named, { key, property = '', value }: Pushed): Promise<Imported | undefined> {
  if (kind === 'secret') return undefined;
  if (property !== '')
    throw new ProviderProblem('invalid', `cannot write a property of "${key}": only secrets have some`);
  // With it comes what reads PKCS #12.
  const { importedCertificate, importedKey } = await import('./imported.ts');
  return kind === 'key' ? importedKey(key, value) : importedCertificate(key, value);
}

export class KeyVault implements ProviderClient {
  readonly #vault: Vault;

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** Any answer but a refusal of who asks: which secrets may be read, a store does not say. */
  async check(signal: AbortSignal): Promise<void> {
    try {
      await this.#vault.object({ kind: 'secret', name: 'lockstep-external-secrets-check' }, '', signal);
    } catch (error) {
      // Who may read keys alone, or some secrets, is as it should be.
      if (!isRefusal(error, 'ForbiddenByPolicy', 'ForbiddenByRbac')) throw error;
    }
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const named = namedBy(reference.key);
    const held = await this.#vault.object(named, versionOf(reference.version), signal);
    if (held === undefined) return { found: false };
    const { metadata = false } = reference;
    return { found: true, value: metadata ? metadataAt(held, reference) : bytesOf(named, held, reference) };
  }

  async members(reference: Reference, signal: AbortSignal): Promise<Found<ReadonlyMap<string, Uint8Array>>> {
    const { key, metadata = false } = reference;
    const named = namedBy(key);
    if (named.kind !== 'secret') {
      throw new ProviderProblem(
        'unsuitable',
        `"${key}": extract takes values out of secrets, not out of keys and certificates`,
      );
    }
    const held = await this.#vault.object(named, versionOf(reference.version), signal);
    if (held === undefined) return { found: false };
    if (metadata) return { found: true, value: metadataMembers(held, named.name, reference) };
    return { found: true, value: membersOf(selectedIn(valueOf(held), reference), key) };
  }

  /** Of secrets that are enabled. Names have no path: how they begin is one. */
  async find({ path = '', name, tags = {} }: Query, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    const matches = namePattern(name);
    const names = await this.#vault.secrets((each) => {
      const at = idOf(each['id']).name;
      const enabled = attributesOf(each)['enabled'] !== false;
      return enabled && at.startsWith(path) && matches(at) && hasAll(textsIn(each['tags']), tags) ? [at] : [];
    }, signal);
    const found = await inTurns(names, (each) => this.#vault.object({ kind: 'secret', name: each }, '', signal));
    return new Map(names.flatMap((each, at) => (found[at] === undefined ? [] : [[each, valueOf(found[at])] as const])));
  }

  checkMetadata(metadata: unknown): void {
    wantedOf(metadata);
  }

  async push(pushed: Pushed, signal: AbortSignal): Promise<void> {
    const { key, metadata } = pushed;
    const named = namedBy(key);
    const wanted = wantedOf(metadata);
    const imported = await importedFrom(named, pushed);
    const held = await this.#vault.object(named, '', signal);
    if (held !== undefined && !isMarked(held)) throw foreign(key);
    if (imported === undefined) await this.#set(pushed, { held, wanted }, signal);
    // Of keys and certificates tags alone can be told.
    else await this.#import(named, { ...imported, held, wanted: { ...UNTOLD, tags: wanted.tags } }, signal);
  }

  async remove(remote: RemoteName, signal: AbortSignal): Promise<void> {
    const { key } = remote;
    const named = namedBy(key);
    const held = await this.#vault.object(named, '', signal);
    if (held === undefined || !isMarked(held)) return;
    const before = valueOf(held);
    const left = named.kind === 'secret' ? without(remote, before) : undefined;
    if (left === undefined) {
      const path = `${KINDS[named.kind].path}/${named.name}`;
      await this.#vault.ask({ doing: `delete "${key}"`, method: 'DELETE', path }, signal);
    } else if (!Buffer.from(left).equals(before)) {
      await this.#write(named, { ...this.#kept(held), value: textOf(left, key) }, signal);
    }
  }

  close(): void {
    this.#vault.close();
  }

  /** What another version of it is to keep. */
  #kept(held: Json): Json {
    const { contentType, tags } = held;
    const { exp } = attributesOf(held);
    return { tags, ...defined({ contentType }), ...(exp === undefined ? {} : { attributes: { exp } }) };
  }

  async #set(pushed: Pushed, { held, wanted }: Writing, signal: AbortSignal): Promise<void> {
    const named = namedBy(pushed.key);
    const before = held === undefined ? undefined : valueOf(held);
    const next = written(pushed, before);
    if (held !== undefined && before !== undefined && Buffer.from(next).equals(before)) {
      await this.#describe(named, held, wanted, signal);
      return;
    }
    const contentType = wanted.contentType ?? (held?.['contentType'] as string | undefined);
    const body = { ...description(held, wanted), ...defined({ contentType }), value: textOf(next, pushed.key) };
    await this.#write(named, body, signal);
  }

  async #import(named: Named, { body, same, held, wanted }: Imported & Writing, signal: AbortSignal): Promise<void> {
    if (held !== undefined && same(held)) {
      await this.#describe(named, held, wanted, signal);
      return;
    }
    const { kind, name } = named;
    const path = `${KINDS[kind].path}/${name}`;
    const how =
      kind === 'cert' ? ({ method: 'POST', path: `${path}/import` } as const) : ({ method: 'PUT', path } as const);
    const { tags } = description(held, wanted);
    await this.#vault.ask({ doing: `import "${kind}/${name}"`, ...how, body: { ...body, tags } }, signal);
  }

  /** Of the version that is there, whose value is right already. */
  async #describe({ kind, name }: Named, held: Json, wanted: Wanted, signal: AbortSignal): Promise<void> {
    if (isDescribed(held, wanted)) return;
    const { version } = idOf(kind === 'key' ? ((held['key'] ?? {}) as Json)['kid'] : held['id']);
    const { contentType, attributes, tags } = description(held, wanted);
    const body = kind === 'secret' ? defined({ contentType, attributes, tags }) : { tags };
    const path = `${KINDS[kind].path}/${name}/${version}`;
    await this.#vault.ask({ doing: `describe "${name}"`, method: 'PATCH', path, body }, signal);
  }

  async #write({ name }: Named, body: Json, signal: AbortSignal): Promise<void> {
    try {
      await this.#vault.ask({ doing: `write "${name}"`, method: 'PUT', path: `secrets/${name}`, body }, signal);
    } catch (error) {
      if (isRefusal(error, 'ObjectIsDeletedButRecoverable')) throw await this.#recovered(name, signal);
      throw error;
    }
  }

  /** A name that was deleted is free only once what had it is recovered. That takes a while: writing is tried again then. */
  async #recovered(name: string, signal: AbortSignal): Promise<ProviderProblem> {
    const deleted = await this.#vault.deletedSecret(name, signal);
    if (deleted !== undefined && !isMarked(deleted)) return foreign(name);
    const path = `deletedsecrets/${name}/recover`;
    await this.#vault.ask({ doing: `recover "${name}"`, method: 'POST', path }, signal);
    return new ProviderProblem(
      'unreachable',
      `"${name}" was deleted, and is being recovered: it is written at the next try`,
    );
  }
}
