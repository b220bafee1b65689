/** KV version 2: all versions of a secret, under their numbers. */
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import { isObject } from '../../client/json.ts';
import type { Data } from '../pairs.ts';
import { normal, settle } from './definition.ts';
import { equal, fingerprint } from './fingerprint.ts';
import { metadataOf, standingOf, type Metadata } from './kv-metadata.ts';
import { corrections, limitOf, planOf, sameStanding, shared, verdictOf, type Known } from './kv-plan.ts';
import type { KvSecret } from './kv-tree.ts';
import type { Mount } from './mounts.ts';
import type { Item } from './report.ts';
import { again, guarded, readData, type Run, type Scope } from './run.ts';

/** How often a secret that changes while it is read is read again. */
const TRIES = 3;
const ELSEWHERE = 'the target has other versions, not by this import: compare them, or take the source with -overwrite';
const MOVED = 'somebody wrote it at the target while it was copied';
const RESTLESS = 'it changed at the source again and again while it was read';
/** What stands for a value that the source does not show. */
const PLACEHOLDER = {};

/** The settings of a whole mount. */
export async function settleV2Settings(run: Run, scope: Scope, mount: Mount): Promise<void> {
  const path = `${mount.path}config`;
  const read = async (client: Client): Promise<Data | undefined> => {
    const found = await readData(client, path);
    if (found === undefined) return undefined;
    const { max_versions, cas_required, delete_version_after: after } = found;
    return { max_versions, cas_required, ...(after === '0s' ? {} : { delete_version_after: after }) };
  };
  await settle(run, scope, {
    kind: 'KV v2 settings',
    path,
    source: () => read(scope.source),
    target: read,
    untouched: (target) => Object.keys(normal(target)).length === 0,
    write: async (client, wanted) => {
      await client.write(path, { delete_version_after: '0s', ...wanted }, again);
    },
  });
}

/** Thrown where what was planned no longer holds. */
class Changed extends Error {}

export async function settleV2(run: Run, secret: KvSecret): Promise<void> {
  const about = { kind: 'KV v2 secret', path: secret.scope.path + secret.mount.path + secret.name } as const;
  await guarded(run, about, async () => {
    const told = await new SecretCopy(run, secret, about.path).settle();
    if (told !== undefined) run.report.add({ ...about, ...told });
  });
}

type Told = Pick<Item, 'outcome' | 'reason'>;

/** What one side tells of the secret. */
interface Seen {
  readonly metadata: Metadata;
  readonly digest: string;
}

class SecretCopy {
  readonly #run: Run;
  readonly #scope: Scope;
  readonly #key: string;
  readonly #at: (area: string) => string;

  constructor(run: Run, { scope, mount, name }: KvSecret, key: string) {
    this.#run = run;
    this.#scope = scope;
    this.#key = key;
    this.#at = (area) => `${mount.path}${area}/${name}`;
  }

  /** Undefined where the source has it no more. */
  async settle(): Promise<Told | undefined> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        return await this.#once();
      } catch (error) {
        if (!(error instanceof Changed)) throw error;
      }
    }
    return { outcome: 'failed', reason: RESTLESS };
  }

  async #once(): Promise<Told | undefined> {
    const [source, target] = await Promise.all([
      this.#metadata(this.#scope.source),
      this.#metadata(this.#scope.target),
    ]);
    if (source === undefined) return undefined;
    const known: Known = {
      source: source.metadata,
      target: target?.metadata,
      record: this.#run.state.get(this.#key),
      digests: { source: source.digest, target: target?.digest },
    };
    return this.#run.mode === 'verify' ? this.#verified(known) : this.#done(known);
  }

  async #done(known: Known): Promise<Told> {
    const plan = planOf(known);
    if (plan.step === 'none') return { outcome: 'same' };
    if (plan.step === 'write') return this.#write(known, plan.after);
    if (plan.step === 'anew') return this.#anew(known);
    const verdict = verdictOf(known, await this.#valuesAgree(known));
    if (verdict === 'same') return this.#adopt(known);
    if (verdict === 'continue') return this.#write(known, known.target?.current ?? 0);
    return verdict === 'anew' || this.#run.overwrite ? this.#anew(known) : { outcome: 'conflict', reason: ELSEWHERE };
  }

  async #verified(known: Known): Promise<Told> {
    const { source, target } = known;
    if (target === undefined) return { outcome: 'created' };
    const alike = sameStanding(source, target) && (await this.#valuesAgree(known));
    return alike ? { outcome: 'same' } : { outcome: 'conflict', reason: 'its versions, values or settings differ' };
  }

  async #valuesAgree({ source, target }: Known): Promise<boolean> {
    if (target === undefined) return true;
    for (const version of shared(source, target)) {
      const [one, other] = await Promise.all([
        this.#value(this.#scope.source, version),
        this.#value(this.#scope.target, version),
      ]);
      if (!equal(one, other)) return false;
    }
    return true;
  }

  /** It is the same already: only remembered. */
  #adopt({ source, digests }: Known): Told {
    this.#run.state.set(this.#key, { phase: 'done', ...digests, created: source.created });
    return { outcome: 'same' };
  }

  async #anew(known: Known): Promise<Told> {
    if (this.#run.mode === 'copy') {
      this.#begin(known);
      await this.#scope.target?.delete(this.#at('metadata'), again);
    }
    await this.#write({ ...known, target: undefined }, 0);
    return { outcome: 'updated', reason: this.#lost(known.source) };
  }

  async #write(known: Known, after: number): Promise<Told> {
    const { source, target: before } = known;
    const told = { outcome: before === undefined ? 'created' : 'updated', reason: this.#lost(source) } as const;
    const { target } = this.#scope;
    if (this.#run.mode !== 'copy' || target === undefined) return told;
    this.#begin(known);
    if (source.current > after && (await this.#versions(target, source, after)) === 'moved') {
      return { outcome: 'conflict', reason: MOVED };
    }
    await target.write(this.#at('metadata'), source.settings, again);
    const written = await this.#correct(target, source);
    const { digests } = known;
    this.#run.state.set(this.#key, {
      ...{ phase: 'done', source: digests.source, target: written?.digest, created: source.created },
    });
    return told;
  }

  /** Before the first write: a killed import must know it for its own. */
  #begin({ source, digests }: Known): void {
    this.#run.state.set(this.#key, { phase: 'begun', source: digests.source, created: source.created });
  }

  /** Each version is written on condition that the one before is the newest: nothing is written twice or out of order. */
  async #versions(target: Client, source: Metadata, after: number): Promise<'written' | 'moved'> {
    let lifetime: number | undefined;
    for (let version = after + 1; version <= source.current; version += 1) {
      const wanted = this.#lifetime(source, version);
      if (wanted !== lifetime) {
        const settings = { max_versions: limitOf(source), cas_required: false, delete_version_after: wanted };
        await target.write(this.#at('metadata'), settings, again);
        lifetime = wanted;
      }
      const live = standingOf(source, version) === 'live';
      const data = live ? await this.#value(this.#scope.source, version) : PLACEHOLDER;
      if (data === undefined) throw new Changed();
      if (!(await this.#put(target, version, data))) return 'moved';
    }
    return 'written';
  }

  /** Seconds; 0 for what has no end. */
  #lifetime({ versions }: Metadata, version: number): number {
    const at = versions.get(version)?.deletedAt;
    return at === undefined ? 0 : Math.max(1, Math.round((at - this.#run.now()) / 1000));
  }

  /** False where another one has written this version. */
  async #put(target: Client, version: number, data: unknown): Promise<boolean> {
    try {
      await target.write(this.#at('data'), { data, options: { cas: version - 1 } }, again);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 400) throw error;
      // A reply that was lost: the version is there, with this value. Or it is another's.
      const now = await this.#metadata(target);
      if (now?.metadata.current === version - 1 || now === undefined) throw error;
      return now.metadata.current === version && equal(await this.#value(target, version), data);
    }
  }

  /** Sets how each version stands; resolves with what the target tells afterwards. */
  async #correct(target: Client, source: Metadata): Promise<Seen | undefined> {
    const now = await this.#metadata(target);
    if (now === undefined) return undefined;
    const { deleted, undeleted, destroyed } = corrections(source, now.metadata);
    const all = Object.entries({ destroy: destroyed, delete: deleted, undelete: undeleted });
    const due = all.filter(([, versions]) => versions.length > 0);
    for (const [area, versions] of due) await target.write(this.#at(area), { versions }, again);
    return due.length === 0 ? now : this.#metadata(target);
  }

  async #metadata(client: Client | undefined): Promise<Seen | undefined> {
    const found = await readData(client, this.#at('metadata'));
    return found && { metadata: metadataOf(found, this.#run.now()), digest: fingerprint(found) };
  }

  /** Undefined where it is not shown: deleted, destroyed or gone. */
  async #value(client: Client | undefined, version: number): Promise<Data | undefined> {
    const found = await client?.read(this.#at('data'), { query: { version: String(version) } });
    const data = found?.data?.['data'];
    return isObject(data) ? data : undefined;
  }

  #lost(source: Metadata): string | undefined {
    const deleted = [...source.versions.values()].filter(({ standing }) => standing === 'deleted').length;
    return deleted === 0
      ? undefined
      : `the values of ${String(deleted)} deleted versions cannot be read: they are deleted here too, and empty`;
  }
}
