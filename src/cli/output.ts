import type { Pair } from 'yaml';
import type { Envelope } from '../client/envelope.ts';
import { CommandError, exit } from './errors.ts';
import { byteOrder, toJson, toText } from './go-format.ts';
import { envelopeRows, envelopeStruct, namedField, toPlain, type Row } from './secret-view.ts';
import { keyValueTable } from './table.ts';
import type { Terminal } from './terminal.ts';

export type Format = 'table' | 'json' | 'yaml' | 'raw';
const warningWidth = 78;

/** Writes results to standard output in the form asked for, and everything else to standard error. */
export class Output {
  readonly format: Format;
  readonly field: string | undefined;
  readonly #terminal: Terminal;
  /** A wrapped reply is what was asked for. */
  readonly #wraps: boolean;

  constructor(terminal: Terminal, format: Format, field: string | undefined, wraps: boolean = false) {
    this.#terminal = terminal;
    this.format = format;
    this.field = field;
    this.#wraps = wraps;
  }

  /** True when people read it, so words around the data do no harm. */
  get isTable(): boolean {
    return this.format === 'table' && this.field === undefined;
  }

  withField(field: string): Output {
    return new Output(this.#terminal, this.format, field, this.#wraps);
  }

  /** Where a wrapped reply is nothing to wonder about. */
  get wrapping(): Output {
    return new Output(this.#terminal, this.format, this.field, true);
  }

  print(line: string): void {
    this.#terminal.stdout.write(`${line}\n`);
  }

  note(line: string): void {
    this.#terminal.stderr.write(`${line}\n`);
  }

  /** A sentence for people; nothing in the other formats. */
  success(line: string): void {
    if (this.isTable) this.print(line);
  }

  /** Anything, in JSON or YAML; in a table by `rows`. */
  async value(value: unknown, rows: () => string): Promise<void> {
    if (this.format === 'table') this.print(rows());
    else this.print(await this.#serialise(value));
  }

  async envelope(envelope: Envelope): Promise<void> {
    if (this.field !== undefined) return this.oneField(namedField(envelope, this.field), 'secret');
    const rows = envelopeRows(envelope);
    if (this.format !== 'table') await this.value(envelopeStruct(envelope), () => '');
    else if (rows.length > 0) this.print(keyValueTable(rows));
    this.#approval(envelope);
    this.warnings(envelope);
  }

  /** Nobody asked for a wrapped reply: the request waits for others to approve it. */
  #approval({ wrap_info: wrap }: Envelope): void {
    if (wrap === undefined || this.#wraps || !this.isTable) return;
    this.note(
      '\nNothing is done yet: others have to approve this request first. An approver runs\n\n' +
        `    lockstep write sys/control-group/authorize accessor=${wrap.accessor}\n\n` +
        'and after that it is done, and its reply shown, by\n\n' +
        `    lockstep unwrap ${wrap.token}\n\n` +
        'How it stands: lockstep write sys/control-group/request accessor=…',
    );
  }

  async rows(rows: readonly Row[], value: unknown): Promise<void> {
    await this.value(value, () => keyValueTable(rows));
  }

  /** What `-field` asked for, bare. A missing one ends the command. */
  async oneField(value: unknown, holder: string): Promise<void> {
    if (value === undefined) throw new CommandError(`Field "${this.field}" not present in ${holder}`, exit.local);
    const text = this.format === 'table' || this.format === 'raw' ? toText(value) : await this.#serialise(value);
    this.#terminal.stdout.write(this.#terminal.stdout.isTTY === true ? `${text}\n` : text);
  }

  warnings({ warnings }: Envelope): void {
    if (warnings === null || warnings.length === 0 || !this.isTable) return;
    this.note('WARNING! The following warnings were returned from Lockstep:\n');
    for (const warning of warnings) this.note(`${wrapText(`* ${warning}`, warningWidth, '  ')}\n`);
  }

  async #serialise(value: unknown): Promise<string> {
    if (this.format !== 'yaml') return toJson(value);
    const { stringify } = await import('yaml');
    const sortMapEntries = (a: Pair, b: Pair): number => byteOrder(String(keyOf(a)), String(keyOf(b)));
    const layout = { lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false } as const;
    return stringify(toPlain(value), { version: '1.1', sortMapEntries, ...layout }).trimEnd();
  }
}

function keyOf({ key }: Pair): unknown {
  return typeof key === 'object' && key !== null && 'value' in key ? key.value : key;
}

/** Lines of at most `width` characters, each behind `indent`. */
export function wrapText(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, indent + line].join('\n');
}
