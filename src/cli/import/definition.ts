/** What is written whole and read back whole: mounts, policies, roles. */
import type { Client } from '../../client/client.ts';
import { isObject } from '../../client/json.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Data } from '../pairs.ts';
import { equal, fingerprint } from './fingerprint.ts';
import type { Item, Kind } from './report.ts';
import type { Progressed } from './state.ts';
import { guarded, type Run, type Scope } from './run.ts';

export interface Definition {
  readonly kind: Kind;
  /** Its API path, without the namespace. */
  readonly path: string;
  readonly source: () => Promise<Data | undefined>;
  readonly target: (target: Client) => Promise<Data | undefined>;
  readonly write: (target: Client, wanted: Data, before: Data | undefined) => Promise<void>;
  /** Why one cannot be turned into the other, if so: then nothing is overwritten. */
  readonly incompatible?: (source: Data, target: Data) => string | undefined;
  /** There from the start, with settings that nobody chose. */
  readonly untouched?: (target: Data) => boolean;
  /** Told beside what became of it. */
  readonly note?: (source: Data) => string | undefined;
}

export interface Sides {
  readonly source: Data;
  readonly target: Data | undefined;
  readonly record: Progressed | undefined;
  readonly overwrite: boolean;
}

export type Standing = 'same' | 'create' | 'update' | 'conflict';

/** Only what this import wrote, and nobody has changed since, is written over unasked. */
export function standing({ source, target, record, overwrite }: Sides): Standing {
  if (target === undefined) return 'create';
  if (equal(normal(source), normal(target))) return 'same';
  const own = record?.target !== undefined && record.target === fingerprint(normal(target));
  // What the target cannot take was told the first time.
  if (own && record.source === fingerprint(normal(source))) return 'same';
  return own || overwrite ? 'update' : 'conflict';
}

const DIFFERS = 'it differs at the target, and not by this import: compare them, or take the source with -overwrite';

/** False where a server refused it. */
export async function settle(run: Run, scope: Scope, definition: Definition): Promise<boolean> {
  const about = { kind: definition.kind, path: scope.path + definition.path };
  if (!run.filter.takes(about.path)) return true;
  return guarded(run, about, async () => {
    const source = await definition.source();
    if (source === undefined) return;
    const target = scope.target && (await definition.target(scope.target));
    const reason = definition.note?.(source);
    const told = await settled(run, { ...about, scope, definition, source, target });
    run.report.add({ ...about, ...(reason === undefined ? {} : { reason }), ...told });
  });
}

interface Found {
  readonly path: string;
  readonly scope: Scope;
  readonly definition: Definition;
  readonly source: Data;
  readonly target: Data | undefined;
}

type Told = Pick<Item, 'outcome' | 'reason'>;

async function settled(run: Run, { path, scope, definition, source, target }: Found): Promise<Told> {
  if (run.mode === 'verify') return verified(source, target);
  const hindrance = target && definition.incompatible?.(source, target);
  if (hindrance !== undefined) return { outcome: 'conflict', reason: hindrance };
  const fresh = target !== undefined && definition.untouched?.(target) === true;
  const record = run.state.get(path);
  const stands = standing({ source, target, record, overwrite: run.overwrite || fresh });
  if (stands === 'conflict') return { outcome: 'conflict', reason: DIFFERS };
  if (run.mode === 'copy') await bring(run, { path, scope, definition, source, target }, stands);
  if (stands === 'same') return { outcome: 'same' };
  return { outcome: stands === 'create' ? 'created' : 'updated' };
}

function verified(source: Data, target: Data | undefined): Told {
  if (target === undefined) return { outcome: 'created' };
  if (equal(normal(source), normal(target))) return { outcome: 'same' };
  return { outcome: 'conflict', reason: 'it differs' };
}

async function bring(run: Run, found: Found, stands: Standing): Promise<void> {
  const { path, scope, definition, source, target } = found;
  if (scope.target === undefined) return;
  if (stands !== 'same') await definition.write(scope.target, source, target);
  const after = stands === 'same' ? target : await definition.target(scope.target);
  const record = {
    phase: 'done',
    source: fingerprint(normal(source)),
    target: after && fingerprint(normal(after)),
  } as const;
  if (!equal(record, run.state.get(path))) run.state.set(path, record);
}

/** Servers differ in whether they show what is empty, and in the order of lists that are sets. */
export function normal(data: Data): Data {
  const entries = Object.entries(data).flatMap(([name, value]): [string, unknown][] => {
    if (Array.isArray(value)) return value.length === 0 ? [] : [[name, value.map(canonicalJson).sort()]];
    if (isObject(value)) {
      const inner = normal(value);
      return Object.keys(inner).length === 0 ? [] : [[name, inner]];
    }
    return value === null || value === '' || value === 0 || value === false ? [] : [[name, value]];
  });
  return Object.fromEntries(entries);
}

/** `wanted` with what the target has beyond it set back: an absent field would stay as it is. */
export function withResets(wanted: Data, before: Data | undefined): Data {
  const resets = Object.entries(before ?? {}).flatMap(([name, value]): [string, unknown][] => {
    const given = wanted[name];
    return given === undefined || given === null ? [[name, emptied(value)]] : [];
  });
  const given = Object.entries(wanted).filter(([, value]) => value !== null);
  return Object.fromEntries([...given, ...resets]);
}

function emptied(value: unknown): unknown {
  if (Array.isArray(value) || value === null) return [];
  if (typeof value === 'number') return 0;
  return typeof value === 'boolean' ? false : '';
}
