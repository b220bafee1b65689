/** Workflows as they are kept: one record each, in their namespace, replicated as policies are. */
import { fail } from '../../errors.ts';
import { checkVersion } from '../../framework/check-version.ts';
import { children, descendants, type Listing } from '../../framework/listing.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { assertThere } from '../namespaces/namespace-changes.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import { parseWorkflow, type Workflow } from './document.ts';

export interface WorkflowRecord {
  readonly workflow: string;
  readonly description: string;
  /** From 1, one more with each write. */
  readonly version: number;
  readonly casRequired: boolean;
  readonly allowUnauthenticated: boolean;
}

export interface WorkflowChange extends Omit<WorkflowRecord, 'version'> {
  /** The version that it takes the place of; -1: there is none. undefined: whatever is there. */
  readonly cas: number | undefined;
}

type Place = Pick<Namespace, 'id'>;

const LONGEST_PATH = 512;

/**
 * Throws `badRequest` for what is no path of a workflow. One with capitals is refused and not mended: it would be another
 * spelling of a path that policies speak of.
 */
export function workflowPath(path: string): string {
  const canonical = path.toLowerCase() === path && path.split('/').every((each) => each !== '' && each.trim() === each);
  if (canonical && path.length <= LONGEST_PATH) return path;
  throw fail(
    'badRequest',
    `the path of a workflow is written in small letters, without blanks around its parts, in ${String(LONGEST_PATH)} characters at most`,
  );
}

export class WorkflowStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get(namespace: Place, path: string): WorkflowRecord | undefined {
    return recordAt<WorkflowRecord>(this.#store, keys.workflow(namespace.id, path));
  }

  /** Throws `badRequest` for a document that is none, and for a version that is not there. */
  async put(namespace: Place, path: string, { cas, ...change }: WorkflowChange): Promise<WorkflowRecord> {
    parsed(change.workflow);
    const { value } = await this.#store.transact((tx) => {
      assertThere(tx, namespace);
      const key = keys.workflow(namespace.id, path);
      const before = recordAt<WorkflowRecord>(tx, key);
      const version = before?.version ?? 0;
      checkVersion({ cas, version, nothing: -1, required: change.casRequired || before?.casRequired === true });
      const record: WorkflowRecord = { ...change, version: version + 1 };
      tx.put(key, encodeRecord(record));
      return record;
    });
    return value;
  }

  async delete(namespace: Place, path: string): Promise<void> {
    await this.#store.transact((tx) => {
      tx.delete(keys.workflow(namespace.id, path));
    });
  }

  /** One level below a folder; with `deep` all of them. */
  list(namespace: Place, folder: string, deep: boolean): Listing {
    const from = keys.workflows(namespace.id);
    const data = {
      children: (prefix: string, page: Parameters<Listing['read']>[0]) => {
        using snapshot = this.#store.snapshot();
        return snapshot.children(from + prefix, page);
      },
      list: (prefix: string, page: Parameters<Listing['read']>[0]) => {
        using snapshot = this.#store.snapshot();
        const { after } = page;
        const found = snapshot.list(from + prefix, after === undefined ? page : { ...page, after: from + after });
        return found.map((key) => key.slice(from.length));
      },
    };
    return deep ? descendants(data, folder) : children(data, folder);
  }
}

/** Of the last documents that were used, by their text: what is kept for one that was changed is never found again. */
const known = new Map<string, Workflow>();
const MOST_KNOWN = 64;

/** Throws `badRequest`. */
export function parsed(document: string): Workflow {
  const found = known.get(document) ?? parseWorkflow(document);
  known.delete(document);
  known.set(document, found);
  for (const [oldest] of known) {
    if (known.size <= MOST_KNOWN) break;
    known.delete(oldest);
  }
  return found;
}
