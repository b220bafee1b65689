/** Figures about the agent, in the text format of Prometheus (version 0.0.4). Labels are names from the configuration. */

type Labels = Readonly<Record<string, string>>;

const families = {
  logins_total: ['counter', 'Logins, by result.'],
  renewals_total: ['counter', 'Renewals of the token, by result.'],
  token_expires_seconds: ['gauge', 'Life of the token when it was last given or renewed; 0 never ends.'],
  sink_writes_total: ['counter', 'Tokens written to sinks, by result.'],
  reads_total: ['counter', 'Secrets read, by answer.'],
  file_writes_total: ['counter', 'Files replaced, by secret.'],
  file_failures_total: ['counter', 'Files that could not be put in place, by secret.'],
  secret_in_place: ['gauge', '1 when the file of a secret is in place and fresh, otherwise 0.'],
  secret_age_seconds: ['gauge', 'Time since the server last confirmed what is in the file.'],
  stream_connected: ['gauge', '1 while changes are pushed, otherwise 0.'],
  events_total: ['counter', 'Changes that were pushed.'],
  acknowledgements_total: ['counter', 'Indexes acknowledged.'],
  apply_seconds_sum: ['counter', 'Seconds from pushed changes to their files, added up.'],
  apply_seconds_count: ['counter', 'Pushed changes that were put into files.'],
  cache_entries: ['gauge', 'Secrets in the encrypted cache.'],
  commands_total: ['counter', 'Commands run after a file had changed, by secret and result.'],
} as const satisfies Readonly<Record<string, readonly ['counter' | 'gauge', string]>>;

type Family = keyof typeof families;

const prefix = 'lockstep_agent_';

function labelled(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

export class Metrics {
  readonly #values = new Map<Family, Map<string, number>>();

  add(family: Family, labels: Labels = {}, value: number = 1): void {
    const series = this.#series(family);
    const key = labelled(labels);
    series.set(key, (series.get(key) ?? 0) + value);
  }

  set(family: Family, value: number, labels: Labels = {}): void {
    this.#series(family).set(labelled(labels), value);
  }

  text(): string {
    const lines: string[] = [];
    for (const [family, series] of this.#values) {
      const [type, help] = families[family];
      lines.push(`# HELP ${prefix}${family} ${help}`, `# TYPE ${prefix}${family} ${type}`);
      for (const [labels, value] of series) lines.push(`${prefix}${family}${labels} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #series(family: Family): Map<string, number> {
    const found = this.#values.get(family);
    if (found !== undefined) return found;
    const made = new Map<string, number>();
    this.#values.set(family, made);
    return made;
  }
}
