/** What a mount of the method keeps: one trust domain, and its bundle as it was fetched last. */
import { fail } from '../../errors.ts';
import type { MountView } from '../../framework/plugin.ts';
import { decodeRecord, encodeRecord, recordAt } from '../../lib/record.ts';
import { bundleOfDocument, bundleOfPem, type Bundle } from '../../lib/spiffe/bundle.ts';
import type { Transaction } from '../../storage/store.ts';
import { documentName, FetchedDocuments } from '../fetched-documents.ts';
import { bundleSource, type BundleSource } from './bundle-source.ts';
import { isFetched, type SpiffeConfig } from './config.ts';

const CONFIG = 'config';
/** What the endpoint last said. */
export interface FetchedBundle {
  readonly fetchedAt: number;
  readonly bundle: Bundle;
}

const NEVER = new AbortController().signal;

const parse = ({ profile }: SpiffeConfig, text: string): Bundle =>
  profile === 'https_web_pem' ? bundleOfPem(text) : bundleOfDocument(text);

/** One on each thread. */
export class SpiffeMount {
  readonly view: MountView;
  readonly #documents: FetchedDocuments;
  #opened: { readonly config: SpiffeConfig; readonly source: BundleSource } | undefined;

  constructor(view: MountView) {
    this.view = view;
    this.#documents = new FetchedDocuments(view.local);
  }

  get config(): SpiffeConfig | undefined {
    return this.view.shared.kept(CONFIG, decodeRecord<SpiffeConfig>);
  }

  /** Throws `badRequest` where nothing is configured. */
  mustConfig(): SpiffeConfig {
    const { config } = this;
    if (config === undefined) throw fail('badRequest', 'could not load configuration: write config first');
    return config;
  }

  /** Of the same configuration the same one: it holds what was fetched. `now`: milliseconds since the epoch. */
  bundles(config: SpiffeConfig, now: number): BundleSource {
    const opened = this.#opened;
    // A record is one object until it changes, but for the first time after it was written here.
    if (opened?.config === config) return opened.source;
    const isSame = opened !== undefined && documentName(opened.config) === documentName(config);
    const source = isSame ? opened.source : this.open(config, now);
    this.#opened = { config, source };
    return source;
  }

  /**
   * Asks for the bundle when its publisher wants that, whether anybody logs in or not: whoever sleeps through a change of
   * authorities would know neither SVIDs nor the endpoint afterwards. Never throws.
   */
  refresh(now: number): void {
    const { config } = this;
    if (config === undefined || !isFetched(config)) return;
    // What went wrong is told to those who log in.
    this.bundles(config, now)
      .current(NEVER)
      .catch(() => undefined);
  }

  /** One for a configuration that may not be written yet. Throws `ServerUnavailable`. */
  open(config: SpiffeConfig, now: number): BundleSource {
    const name = documentName(config);
    const { held, keep } = this.#documents.kept(name, [name], now);
    return bundleSource({
      config,
      file: this.view.file,
      held: held === undefined ? undefined : { bundle: parse(config, held.text), age: held.age },
      keep: ({ text }) => keep(text),
    });
  }

  /** From now on `source` is that of the configuration. */
  adopt(config: SpiffeConfig, source: BundleSource): void {
    this.#opened = { config, source };
  }

  /** undefined: for this configuration none was fetched yet. */
  fetched(config: SpiffeConfig): FetchedBundle | undefined {
    const kept = isFetched(config) ? this.#documents.find(documentName(config)) : undefined;
    if (kept === undefined) return undefined;
    return { fetchedAt: kept.fetchedAt, bundle: parse(config, kept.text) };
  }

  /** Throws `conflict` unless it is the version after the one that is there: its bundle was fetched as that version's. */
  putConfig(tx: Transaction, config: SpiffeConfig): void {
    const before = recordAt<SpiffeConfig>(tx, CONFIG);
    if ((before?.version ?? 0) + 1 !== config.version) {
      throw fail('conflict', 'somebody else has written the configuration meanwhile: read it, and write again');
    }
    tx.put(CONFIG, encodeRecord(config));
  }
}
