/** What a thread must know to serve reads, kept up to date with all that threads are told. */
import type { KeyObject } from '../lib/crypto/hash.ts';
import type { Roots } from '../seal/session.ts';
import type { FollowedDevice } from './audit/known-device.ts';
import type { NamespaceUnsealing, Unsealing } from './threads.ts';

export class KnownUnsealing {
  #current: Unsealing | undefined;

  /** undefined: it is sealed. */
  get current(): Unsealing | undefined {
    return this.#current;
  }

  unseal(unsealing: Unsealing): void {
    this.#current = unsealing;
  }

  seal(): void {
    this.#current = undefined;
  }

  expectRoot(root: KeyObject): void {
    this.#change(({ expected = [] }) => ({ expected: [...expected, root] }));
  }

  unsealNamespace({ id, root }: NamespaceUnsealing): void {
    this.#changeNamespaces((known) => known.set(id, [root]));
  }

  expectNamespaceRoot({ id, root }: NamespaceUnsealing): void {
    this.#changeNamespaces((known) => {
      const roots = known.get(id);
      if (roots !== undefined) known.set(id, [...roots, root]);
    });
  }

  sealNamespaces(ids: readonly string[]): void {
    this.#changeNamespaces((known) => {
      for (const id of ids) known.delete(id);
    });
  }

  /** What is opened later has the devices of then, not those that it was unsealed with. */
  enable(device: FollowedDevice): void {
    this.#change(({ devices }) => ({ devices: [...devices, device] }));
  }

  disable(path: string): void {
    this.#change(({ devices }) => ({ devices: devices.filter((each) => each.path !== path) }));
  }

  #changeNamespaces(change: (known: Map<string, Roots>) => void): void {
    this.#change(({ namespaces }) => {
      const known = new Map(namespaces);
      change(known);
      return { namespaces: known };
    });
  }

  #change(change: (known: Unsealing) => Partial<Unsealing>): void {
    if (this.#current !== undefined) this.#current = { ...this.#current, ...change(this.#current) };
  }
}
