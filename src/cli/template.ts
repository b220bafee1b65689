/** `template`: renders a Go template on this machine, as the controller would. Nothing is asked of a server. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { externalSecretsFunctions as functions } from '../lib/go-template/external-secrets.ts';
import { parseTemplate, stringMap, TemplateError } from '../lib/go-template/template.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { CommandError } from './errors.ts';
import { flag } from './flags.ts';

export const template = command({
  summary: 'Render a Go template with given data, on this machine',
  description:
    "The template is Go's text/template with the functions of sprig that read neither clock nor chance; a key that the " +
    'data has not is an error. The data is an object, in JSON or YAML; with -secret its values are texts, as in a ' +
    'Secret. What is rendered is written as it is.',
  local: true,
  flags: {
    template: flag.text('The file of the template; "-" is standard input.', { value: 'path' }),
    data: flag.text('The file of the data, in JSON or YAML; "-" is standard input.', { value: 'path' }),
    secret: flag.boolean('Values are texts alone, as those of a Secret are; others are refused.'),
  },
  examples: [
    { note: 'A file of configuration:', line: 'template -template=app.conf.tmpl -data=values.yaml' },
    { note: 'What would stand in a Secret:', line: 'template -secret -template=dsn.tmpl -data=keys.json' },
  ],
  run: async (context, { values }) => {
    const text = await read(context, 'template', values.template);
    const data = values.data === undefined ? {} : parsed(await read(context, 'data', values.data), values.data);
    const given = values.secret ? stringMap(texts(data)) : data;
    context.terminal.stdout.write(rendered(values.template ?? '', text, given));
  },
});

async function read(context: Context, name: string, path: string | undefined): Promise<string> {
  if (path === undefined) throw new CommandError(`-${name} must name a file`);
  if (path === '-') return context.stdin();
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parsed(text: string, path: string): Readonly<Record<string, unknown>> {
  let data: unknown;
  try {
    data = parse(text, { maxAliasCount: 100 });
  } catch {
    // What the parser says repeats the line, which may hold a secret.
    throw new CommandError(`${path} is neither JSON nor YAML`);
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new CommandError(`${path} must hold an object`);
  return data as Readonly<Record<string, unknown>>;
}

function texts(data: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const wrong = Object.entries(data).find(([, value]) => typeof value !== 'string')?.[0];
  if (wrong !== undefined) throw new CommandError(`the value of "${wrong}" is no text: quote it, or leave out -secret`);
  return data as Readonly<Record<string, string>>;
}

function rendered(path: string, text: string, data: unknown): Uint8Array {
  try {
    return parseTemplate(path, text, { functions }).executeToBytes(data);
  } catch (error) {
    if (error instanceof TemplateError) throw new CommandError(error.message);
    throw error;
  }
}
