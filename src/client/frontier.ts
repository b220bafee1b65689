/**
 * The newest indexes that a client has seen. An index is opaque, so two cannot be compared: one replaces another only
 * when the request that brought it had carried the other. Requests in parallel therefore leave several, all of which the
 * next request carries, one `X-Vault-Index` header each.
 */
export class IndexFrontier {
  /** More than this many replies in parallel are remembered by the newest ones only. */
  static readonly most = 16;
  #indexes: ReadonlySet<string> = new Set();

  get current(): readonly string[] {
    return [...this.#indexes];
  }

  /** A reply showed `index`; its request had carried `carried`. */
  replace(carried: readonly string[], index: string): void {
    const rest = [...this.#indexes].filter((known) => !carried.includes(known) && known !== index);
    this.#indexes = new Set([...rest, index].slice(-IndexFrontier.most));
  }
}
