/**
 * What a process counts and measures. Recording is a number added to a field: instruments are looked up once, by name
 * and labels, and kept by whoever records. Names are Vault's, with dots: `vault.core.handle_request`.
 */
import { Timing } from './timing.ts';

export type Labels = Readonly<Record<string, string>>;

export class Counter {
  count = 0;

  add(more: number = 1): void {
    this.count += more;
  }
}

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** Read when somebody looks. What it throws leaves the gauge out of that reading. */
export type Gauge = () => number | readonly Sample[];

interface Family<T> {
  readonly name: string;
  readonly help: string;
  readonly members: Map<string, { readonly labels: Labels; readonly instrument: T }>;
}

export interface Reading {
  readonly gauges: readonly Shown<Sample>[];
  readonly counters: readonly Shown<Sample>[];
  readonly timings: readonly Shown<{ readonly labels: Labels; readonly timing: Timing }>[];
}

export interface Shown<S> {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly S[];
}

export class Metrics {
  readonly #counters = new Map<string, Family<Counter>>();
  readonly #timings = new Map<string, Family<Timing>>();
  readonly #gauges = new Map<string, { readonly help: string; readonly read: Gauge }>();
  readonly #counted = new Map<string, { readonly help: string; readonly read: Gauge }>();

  /** The same name and labels give the same counter; so do names that Prometheus would show as one. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    return member(this.#counters, { name, help, labels }, () => new Counter());
  }

  timing(name: string, help: string, labels: Labels = {}): Timing {
    return member(this.#timings, { name, help, labels }, () => new Timing());
  }

  /** A later gauge of the same name takes its place. */
  gauge(name: string, help: string, read: Gauge): void {
    this.#gauges.set(name, { help, read });
  }

  /** What somebody else counts, read when somebody looks: no instrument is kept for each of its labels. */
  counters(name: string, help: string, read: Gauge): void {
    this.#counted.set(name, { help, read });
  }

  read(): Reading {
    return {
      gauges: sampled(this.#gauges),
      counters: [
        ...shown(this.#counters, (labels, counter) => ({ labels, value: counter.count })),
        ...sampled(this.#counted),
      ],
      timings: shown(this.#timings, (labels, timing) => ({ labels, timing })),
    };
  }
}

/** As Vault's: every character that Prometheus does not know in a name becomes `_`. */
export function prometheusName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_:]/g, '_');
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
}

function member<T>(families: Map<string, Family<T>>, { name, help, labels }: Described, make: () => T): T {
  const key = prometheusName(name);
  let family = families.get(key);
  if (family === undefined) {
    family = { name, help, members: new Map() };
    families.set(key, family);
  }
  const id = JSON.stringify(labels);
  const known = family.members.get(id);
  if (known !== undefined) return known.instrument;
  const instrument = make();
  family.members.set(id, { labels, instrument });
  return instrument;
}

function shown<T, S>(families: Map<string, Family<T>>, show: (labels: Labels, instrument: T) => S): Shown<S>[] {
  return [...families.values()].map(({ name, help, members }) => ({
    name,
    help,
    samples: [...members.values()].map(({ labels, instrument }) => show(labels, instrument)),
  }));
}

function sampled(gauges: ReadonlyMap<string, { readonly help: string; readonly read: Gauge }>): Shown<Sample>[] {
  return [...gauges].flatMap(([name, { help, read }]) => {
    const samples = samplesOf(read);
    return samples.length === 0 ? [] : [{ name, help, samples }];
  });
}

function samplesOf(read: Gauge): readonly Sample[] {
  try {
    const value = read();
    return typeof value === 'number' ? [{ value }] : value;
  } catch {
    // Such as a store that was closed a moment ago.
    return [];
  }
}
