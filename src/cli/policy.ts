import { writeFileSync } from 'node:fs';
import { command, group } from './command.ts';
import { CommandError, during, exit } from './errors.ts';
import { readText } from './pairs.ts';
import { toText } from './go-format.ts';
import { test } from './policy-test.ts';

const name = { usage: 'NAME', least: 1, most: 1 } as const;

/** The API keeps policy names in lower case. */
function policyName(text: string): string {
  return text.trim().toLowerCase();
}

const list = command({
  summary: 'List the policies',
  output: 'format',
  examples: [{ note: 'List them:', line: 'policy list' }],
  run: async (context) => {
    const found = await during('Error listing policies', context.client.list('sys/policies/acl'));
    const keys = found?.data?.['keys'];
    const names = Array.isArray(keys) ? keys.map(toText) : [];
    await context.out.value(names, () => names.join('\n'));
  },
});

const read = command({
  summary: 'Print the text of a policy',
  args: name,
  output: 'format',
  examples: [{ note: 'Print it:', line: 'policy read web' }],
  run: async (context, { args: [given = ''] }) => {
    const called = policyName(given);
    const work = context.client.read(`sys/policies/acl/${called}`);
    const text = (await during(`Error reading policy named ${called}`, work))?.data?.['policy'];
    if (typeof text !== 'string') throw new CommandError(`No policy named: ${called}`, exit.server);
    await context.out.value({ policy: text }, () => text.trim());
  },
});

const write = command({
  summary: 'Upload a policy from a file, or with "-" from standard input',
  args: { usage: 'NAME PATH', least: 2, most: 2 },
  examples: [
    { note: 'From a file:', line: 'policy write web web.hcl' },
    { note: 'From a pipe:', line: 'policy write web -' },
  ],
  run: async (context, { args: [given = '', path = ''] }) => {
    const called = policyName(given);
    const text = path === '-' ? await context.stdin() : readText(path);
    const work = context.client.write(`sys/policies/acl/${called}`, { policy: text });
    await during('Error uploading policy', work);
    context.out.print(`Success! Uploaded policy: ${called}`);
  },
});

const remove = command({
  summary: 'Delete a policy',
  description: 'Tokens that name it lose its rights at once.',
  args: name,
  examples: [{ note: 'Delete it:', line: 'policy delete web' }],
  run: async (context, { args: [given = ''] }) => {
    const called = policyName(given);
    await during(`Error deleting ${called}`, context.client.delete(`sys/policies/acl/${called}`));
    context.out.print(`Success! Deleted policy: ${called}`);
  },
});

const fmt = command({
  summary: 'Lay out a policy file anew, in place',
  args: { usage: 'PATH', least: 1, most: 1 },
  local: true,
  examples: [{ note: 'Lay it out:', line: 'policy fmt web.hcl' }],
  run: async (context, { args: [path = ''] }) => {
    const text = readText(path);
    const [{ parseHcl, HclError }, { formatHcl }] = await Promise.all([
      import('../lib/hcl/index.ts'),
      import('./hcl-format.ts'),
    ]);
    try {
      parseHcl(text, path);
      writeFileSync(
        path,
        text.trimStart().startsWith('{') ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : formatHcl(text),
      );
    } catch (error) {
      if (!(error instanceof HclError) && !(error instanceof SyntaxError)) throw error;
      throw new CommandError(`Failed to parse the policy ${path}: ${error.message}`);
    }
    context.out.print(`Success! Formatted policy: ${path}`);
  },
});

export const policy = group({
  summary: 'Read, write, list, delete, test and lay out policies',
  examples: [{ note: 'Upload one:', line: 'policy write web web.hcl' }],
  commands: { delete: remove, fmt, list, read, test, write },
});
