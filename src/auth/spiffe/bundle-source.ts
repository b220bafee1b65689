/** Where a mount has its trust bundle from, and how it is kept while that place is away. */
import { bundleBounds, bundleOf, bundleOfDocument, bundleOfPem, type Bundle } from '../../lib/spiffe/bundle.ts';
import { FETCH_MS } from '../../lib/jwt/discovery.ts';
import { documentOf, type Reach } from '../../lib/outgoing/ask.ts';
import type { KeyList, KeySource } from '../../lib/jwt/keys.ts';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import { remote, remoteTimes, type RemoteSource, type RemoteTimes } from '../../lib/jwt/remote-keys.ts';
import { pemOfAnchor } from '../../lib/crypto/trust-anchors.ts';
import type { SpiffeConfig } from './config.ts';

export type BundleSource = RemoteSource<Bundle>;

/** What an SVID is held against. */
export interface Verifying {
  readonly config: SpiffeConfig;
  readonly source: BundleSource;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
}

export interface SourceOptions {
  readonly config: SpiffeConfig;
  /** The text of a file of this node that mounts may read. */
  readonly file: (path: string, most: number) => Promise<string>;
  /** What was fetched for this configuration once; age in milliseconds. */
  readonly held?: { readonly bundle: Bundle; readonly age: number } | undefined;
  /** Told of each bundle that was fetched. Never rejects. */
  readonly keep: (bundle: Bundle) => Promise<void>;
}

/** Authorities are changed without waiting for us: who shows a new one waits a moment, and is not refused. */
const FETCHED: RemoteTimes = { ...remoteTimes, between: 1_000, afterFailure: 10_000, waitsForNewer: true };
const READ: RemoteTimes = { ...FETCHED, between: 100, afterFailure: 1_000, fresh: 1_000 };

/** How the endpoint is known: by a bundle's own authorities (SPIFFE Federation, section 5.2.2), or as any web server. */
async function reachOf({ profile, endpointSpiffeId, endpointCa }: SpiffeConfig, { anchors }: Bundle): Promise<Reach> {
  if (profile !== 'https_spiffe_bundle') return { ca: endpointCa === '' ? undefined : endpointCa };
  if (anchors.length === 0) throw new ServerUnavailable('the trust bundle has no authority to know its endpoint by');
  const { endpointProblem } = await import('./x509-svid.ts');
  return {
    ca: anchors.map(pemOfAnchor),
    checkServer: (certificate) => endpointProblem(certificate, endpointSpiffeId),
  };
}

const EMPTY: Bundle = bundleOfDocument('{"keys":[]}');

/** Throws `ServerUnavailable`: an older one, which somebody kept, would bring back keys that were withdrawn. */
function checkSequence(next: Bundle, last: Bundle): void {
  if (last.sequence !== undefined && (next.sequence ?? -1) < last.sequence) {
    throw new ServerUnavailable(
      `the trust bundle goes backwards, from spiffe_sequence ${String(last.sequence)} to ${String(next.sequence ?? 'none')}: write the configuration again if that is meant`,
    );
  }
}

function fetched({ config, held, keep }: SourceOptions): BundleSource {
  const parse = config.profile === 'https_web_pem' ? bundleOfPem : bundleOfDocument;
  let last = held?.bundle ?? (config.bundle === '' ? EMPTY : bundleOf(config.bundle));
  return remote<Bundle>({
    load: async () => {
      const reach = await reachOf(config, last);
      const text = await documentOf(config.endpointUrl, { ...reach, timeout: FETCH_MS, bytes: bundleBounds.bytes });
      // The same object for the same text: its keys are made ready once.
      const next = text === last.text ? last : parse(text);
      checkSequence(next, last);
      last = next;
      await keep(next);
      return next;
    },
    held: held === undefined ? undefined : { value: held.bundle, age: held.age },
    hint: ({ refreshHint }) => (refreshHint === undefined ? undefined : refreshHint * 1_000),
    times: FETCHED,
  });
}

function read({ config, file }: SourceOptions): BundleSource {
  let last: Bundle | undefined;
  return remote<Bundle>({
    load: async () => {
      const text = await file(config.bundleFile, bundleBounds.bytes).catch((error: unknown) => {
        throw new ServerUnavailable(error instanceof Error ? error.message : 'unknown', { cause: error });
      });
      if (text === last?.text) return last;
      const next = bundleOf(text);
      if (last !== undefined) checkSequence(next, last);
      last = next;
      return next;
    },
    times: READ,
  });
}

/** Throws `ServerUnavailable` for a bundle in the configuration that is none. */
export function bundleSource(options: SourceOptions): BundleSource {
  const { config } = options;
  if (config.profile === 'file') return read(options);
  if (config.profile !== 'static') return fetched(options);
  const bundle = bundleOf(config.bundle);
  return { current: () => Promise.resolve(bundle), newer: () => Promise.resolve(undefined) };
}

/** The keys of JWT-SVIDs. For one verification: it remembers which bundle they came from. */
export function keysOf(source: BundleSource): KeySource {
  let last: Bundle | undefined;
  return {
    current: async (signal) => {
      last = await source.current(signal);
      return last.keys;
    },
    newer: async (_than: KeyList, signal) => {
      last = last === undefined ? undefined : await source.newer(last, signal);
      return last?.keys;
    },
  };
}
