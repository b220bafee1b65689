/** Identity tokens and the OIDC provider, for requests. */
import type { Store } from '../../../storage/store.ts';
import { namespacesReread } from '../../keys.ts';
import { AuthorizationCodes } from './codes.ts';
import { OidcRecords } from './oidc-store.ts';
import { Published } from './published.ts';
import { Signer } from './signer.ts';

export class Oidc implements Disposable {
  readonly published: Published;
  readonly signer: Signer;
  readonly codes = new AuthorizationCodes();
  /** Scheme, host and port at which clients reach this node; empty when nobody has said. */
  readonly address: string;
  readonly #store: Store;
  readonly #observation: Disposable;

  constructor(store: Store, address: string) {
    this.#store = store;
    this.address = address;
    this.published = new Published(store);
    this.signer = new Signer(store);
    this.#observation = store.observe((batch) => {
      this.codes.drop(namespacesReread(batch));
    });
  }

  [Symbol.dispose](): void {
    for (const part of [this.#observation, this.published, this.signer, this.codes]) part[Symbol.dispose]();
  }

  records(namespace: string): OidcRecords {
    return new OidcRecords(this.#store, namespace);
  }

  /** Of what lies at `path` below a namespace: `identity/oidc`. `issuer`: in place of the node's own address. */
  issuerOf(issuer: string, { path }: { readonly path: string }, below: string): string {
    return `${issuer === '' ? this.address : issuer}/v1/${path}identity/oidc${below}`;
  }
}
