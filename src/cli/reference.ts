/** Writes docs/cli.md from the table of commands: `npx node src/cli/reference.ts > docs/cli.md`. */
import { commandTree, type Branch } from './command-tree.ts';
import { connectionFlags, fieldFlag, formatFlag } from './global-flags.ts';
import type { Flag } from './flags.ts';
import { flagText, spellingOf, textOf, usageOf } from './help.ts';
import type { Command } from './command.ts';

const preface = `# The command line

This page is made from the table of commands (\`npx node src/cli/reference.ts > docs/cli.md\`).

Flags are written \`-flag\` or \`--flag\`, their values after \`=\` or as the next word, before or after the arguments;
\`--\` ends them. The environment variables are Vault's (\`VAULT_ADDR\`, \`VAULT_TOKEN\` …) and their \`LOCKSTEP_\` twins;
see [configuration](configuration.md). Without \`VAULT_TOKEN\` the token is read from \`~/.vault-token\`, where
\`lockstep login\` leaves it.

Exit codes: 0 success, 1 a wrong command line or a local error, 2 an error of the server or of the connection, 127 an
unknown command. \`status\`, \`wait\` and \`operator diagnose\` say their own.

\`lockstep server\` and \`lockstep agent\` are programs of their own.
`;

export async function cliReference(): Promise<string> {
  const tree = await commandTree();
  const commands = tree.flatMap(({ path, node }) => (node?.kind === 'command' ? [commandSection(path, node)] : []));
  const shared = [
    `## Flags of every command that asks a server\n\n${flagList(connectionFlags)}`,
    `## Output flags\n\n${flagList({ ...formatFlag, ...fieldFlag })}`,
  ];
  return [preface, index(tree), ...shared, ...commands].join('\n').trimEnd().concat('\n');
}

function index(tree: readonly Branch[]): string {
  const lines = tree.flatMap(({ path, node }) =>
    node?.kind === 'command' ? [`- [\`${path.join(' ')}\`](#lockstep-${path.join('-')}): ${node.summary}`] : [],
  );
  return `${lines.join('\n')}\n`;
}

function commandSection(path: readonly string[], command: Command): string {
  const examples = (command.examples ?? []).map(({ note, line }) => `# ${note}\nlockstep ${line}`);
  const takes = { none: '', format: 'Takes `-format`.\n', field: 'Takes `-format` and `-field`.\n' }[
    command.output ?? 'none'
  ];
  return [
    `## lockstep ${path.join(' ')}\n`,
    `${textOf(command)}\n`,
    `\`\`\`\n${usageOf(path, command)}\n\`\`\`\n`,
    ...(Object.keys(command.flags ?? {}).length === 0 ? [] : [flagList(command.flags ?? {})]),
    ...(takes === '' ? [] : [takes]),
    ...(examples.length === 0 ? [] : [`\`\`\`sh\n${examples.join('\n')}\n\`\`\`\n`]),
  ].join('\n');
}

function flagList(flags: Readonly<Record<string, Flag<unknown>>>): string {
  const lines = Object.entries(flags).map(([name, it]) => `- \`${spellingOf(name, it)}\`: ${flagText(it)}`);
  return `${lines.join('\n')}\n`;
}

if (import.meta.main) process.stdout.write(await cliReference());
