/** A secret as the bytes of its file. */
import { fail } from '../errors.ts';
import { canonicalJson } from '../lib/canonical-json.ts';

export type SecretData = Readonly<Record<string, unknown>>;

export interface Form {
  readonly format: 'value' | 'json' | 'env';
  /** Absent: all fields. */
  readonly field?: string | undefined;
}

/**
 * `value`: the field's text as it is, without a line's end. `json`: with sorted keys, on one line. `env`: lines
 * `KEY='value'` that a POSIX shell and systemd read. What is not text is written as JSON. Throws `cannotRender` for a
 * field that is missing or a name that cannot be a variable's; the message names it, never its value.
 */
export function render(data: SecretData, form: Form): Buffer {
  const { format, field } = form;
  if (field !== undefined && !Object.hasOwn(data, field)) {
    throw fail('cannotRender', `the secret has no field "${field}"`);
  }
  const value = field === undefined ? data : data[field];
  if (format === 'json') return Buffer.from(`${canonicalJson(value)}\n`);
  if (format === 'value') return Buffer.from(text(value));
  const entries = field === undefined ? Object.entries(data) : [[field, value] as const];
  const lines = entries.map(([name, item]) => line(name, text(item)));
  return Buffer.from(lines.sort().join(''));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : canonicalJson(value);
}

function line(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw fail('cannotRender', `the field "${name}" cannot be the name of a variable: use format = "json"`);
  }
  if (value.includes('\0')) throw fail('cannotRender', `the field "${name}" holds a zero byte, which no variable can`);
  return `${name}='${value.replaceAll("'", `'\\''`)}'\n`;
}
