/** Second factors, as administrators set them up. A namespace has its own, and may use those of the ones above it. */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { encodeRecord, recordAt, textAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Snapshot, Store } from '../../storage/store.ts';
import { checkName } from '../identity/records.ts';
import { assertThere } from '../namespaces/namespace-changes.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { mfaKeys } from './mfa-keys.ts';
import { checkTotp, type EnforcementRecord, type MethodRecord, type TotpConfig } from './records.ts';

export interface FoundMethod {
  readonly namespace: Namespace;
  readonly record: MethodRecord;
}

type Reads = Pick<Snapshot, 'get'>;

/** A namespace, then the one above it, and so on up to the root one. */
export function upwards(namespaces: NamespaceTable, { id }: Namespace): readonly Namespace[] {
  const found: Namespace[] = [];
  for (let next: string | undefined = id; next !== undefined; next = namespaces.record(next)?.parent) {
    const namespace = namespaces.byId(next);
    if (namespace !== undefined) found.push(namespace);
  }
  return found;
}

export class Methods {
  readonly #store: Store;
  readonly #namespaces: NamespaceTable;

  constructor(store: Store, namespaces: NamespaceTable) {
    this.#store = store;
    this.#namespaces = namespaces;
  }

  /** One of the namespace, or of those above it. */
  find(namespace: Namespace, id: string, from: Reads = this.#store): FoundMethod | undefined {
    for (const each of upwards(this.#namespaces, namespace)) {
      const record = recordAt<MethodRecord>(from, mfaKeys(each.id).method(id));
      if (record !== undefined) return { namespace: each, record };
    }
    return undefined;
  }

  /** All that `find` finds, in the order of their ids. */
  all(namespace: Namespace): readonly FoundMethod[] {
    const found: FoundMethod[] = [];
    using snapshot = this.#store.snapshot();
    for (const each of upwards(this.#namespaces, namespace)) {
      for (const key of everyKey(snapshot, mfaKeys(each.id).methods)) {
        const record = recordAt<MethodRecord>(snapshot, key);
        if (record !== undefined) found.push({ namespace: each, record });
      }
    }
    return found.sort((a, b) => (a.record.id < b.record.id ? -1 : 1));
  }

  /**
   * A new one, or without an id the one that has the name: its id. An empty name changes none. Throws `badRequest` when none
   * has the id, or another one the name.
   */
  async put(
    namespace: Namespace,
    { id, name, totp }: { readonly id?: string; readonly name: string; readonly totp: TotpConfig },
  ): Promise<string> {
    checkTotp(totp);
    checkMethodName(name);
    const { method, methodName } = mfaKeys(namespace.id);
    const { value } = await this.#store.transact((tx) => {
      assertThere(tx, namespace);
      const named = name === '' ? undefined : textAt(tx, methodName(name));
      if (id !== undefined && named !== undefined && named !== id) {
        throw fail('badRequest', 'another MFA method has this name');
      }
      const before = known(tx, method, id ?? named);
      const base = before ?? { id: uuid(), name: '', type: 'totp' as const };
      const record: MethodRecord = { ...base, totp, ...(name === '' ? {} : { name }) };
      if (base.name !== '') tx.delete(methodName(base.name));
      if (record.name !== '') tx.put(methodName(record.name), encodeRecord(record.id));
      tx.put(method(record.id), encodeRecord(record));
      return record.id;
    });
    return value;
  }

  /** With the secrets that entities have of it. Throws `badRequest` while an enforcement names it. */
  async delete(namespace: Namespace, id: string): Promise<void> {
    const places = [namespace, ...this.#namespaces.below(namespace, true)].map((each) => mfaKeys(each.id));
    const { method, methodName } = mfaKeys(namespace.id);
    const { value: gone } = await this.#store.transact((tx) => {
      const record = recordAt<MethodRecord>(tx, method(id));
      if (record === undefined) return false;
      for (const key of places.flatMap(({ enforcements }) => [...everyKey(tx, enforcements)])) {
        const enforcement = recordAt<EnforcementRecord>(tx, key);
        if (enforcement?.methods.includes(id) === true) {
          throw fail(
            'badRequest',
            `methodID is still used by an enforcement configuration with ID: ${enforcement.id} ("${enforcement.name}")`,
          );
        }
      }
      tx.delete(method(id));
      if (record.name !== '') tx.delete(methodName(record.name));
      return true;
    });
    if (gone) for (const { secrets } of places) await this.#dropSecrets(secrets, id);
  }

  /** Nothing can be done with them any more, since ids never come back: so this may be many short transactions. */
  async #dropSecrets(prefix: string, id: string): Promise<void> {
    const ending = `/${id}`;
    for (let after: string | undefined = ''; after !== undefined;) {
      using snapshot = this.#store.snapshot();
      const page = snapshot.list(prefix, { limit: PAGE, ...(after === '' ? {} : { after }) });
      const own = page.filter((key) => key.endsWith(ending));
      if (own.length > 0) {
        await this.#store.transact((tx) => {
          for (const key of own) tx.delete(key);
        });
      }
      after = page.length < PAGE ? undefined : page.at(-1);
    }
  }
}

const PAGE = 500;

function known(from: Reads, key: (id: string) => string, id: string | undefined): MethodRecord | undefined {
  if (id === undefined) return undefined;
  const record = recordAt<MethodRecord>(from, key(id));
  if (record !== undefined) return record;
  throw fail('badRequest', 'no MFA method of type totp has this ID in this namespace');
}

/** It stands in headers, before a colon and between commas. */
function checkMethodName(name: string): void {
  if (name === '') return;
  checkName('name of the MFA method', name);
  if (/[,:/]/.test(name)) throw fail('badRequest', 'the name of the MFA method has a comma, a colon or a slash');
}
