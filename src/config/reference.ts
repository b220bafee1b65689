/** Writes docs/configuration.md from the schemas: `npx node src/config/reference.ts > docs/configuration.md`. */
import { agentKeys } from './agent-schema.ts';
import { clientKeys } from './client-schema.ts';
import { flagName } from './overlay.ts';
import { serverKeys } from './server-schema.ts';
import type { Key, Keys, Member } from './schema.ts';

const introduction = `# Configuration

Every key of the server, the agent and the command line. This page is written from the schema that the program checks
configurations with (\`src/config/\`); a test keeps it current.

- Files are HCL (version 1, as Vault reads it) or JSON. \`-config\` names a file or a directory, and can be repeated. A
  directory stands for its \`.hcl\` and \`.json\` files by name. Of a key that is given in several files the last one
  counts; blocks that can be repeated are appended. A key that is given twice in one file is an error.
- A flag goes before the environment, the environment before files. \`LOCKSTEP_X\` goes before \`VAULT_X\`.
- An unknown key, or a value of the wrong type, is an error that names the key, the place and what was probably meant.
  Keys of Vault and OpenBao that have no meaning here are accepted with a warning, unless leaving them out would be
  unsafe: then they are errors.
- Durations are numbers with units (\`90s\`, \`1h30m\`, \`250ms\`, \`2d\`) or whole seconds. Sizes are bytes or carry a unit
  (\`1GiB\`). Lists are \`["a", "b"]\` or \`"a,b"\`. File modes are octal text (\`"0640"\`).
`;

const serverExample = `\`\`\`hcl
listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/etc/lockstep/tls.crt"
  tls_key_file  = "/etc/lockstep/tls.key"
}
storage "lmdb" {
  path = "/var/lib/lockstep"
}
audit "file" "main" {
  options {
    file_path = "/var/log/lockstep/audit.log"
  }
}

hub {
  cluster_address = "0.0.0.0:8201"
}
\`\`\`

In a region, instead of \`hub\`:

\`\`\`hcl
region "eu" {
  hub             = "hub.lockstep.example:8201"
  join_token_file = "/run/lockstep/join-token"
}
\`\`\`

\`storage "raft"\` and \`storage "file"\` are taken as \`"lmdb"\` in the same path, with a warning; data that Vault wrote is
not read. The development server (\`-dev\`) needs no file; it also takes \`-dev-root-token-id\`
(\`VAULT_DEV_ROOT_TOKEN_ID\`) and \`-dev-listen-address\` (\`VAULT_DEV_LISTEN_ADDRESS\`). \`-dev-tls\` serves it over TLS:
authority, certificate and key lie in \`-dev-tls-cert-dir\`, or a directory of their own, until it ends.
`;

const agentExample = `\`\`\`hcl
vault {
  address = "https://eu.lockstep.example:8200"
}
auto_auth {
  method "approle" {
    config {
      role_id_file_path   = "/etc/lockstep/role-id"
      secret_id_file_path = "/run/lockstep/secret-id"
    }
  }
  sink "file" {
    config {
      path = "/run/lockstep/token"
    }
  }
}
secret "database" {
  path        = "secret/data/app/database"
  format      = "env"
  destination = "/run/app/database.env"
}
\`\`\`
`;

/** The whole page. */
export function configurationReference(): string {
  return [
    introduction,
    '## Server\n',
    serverExample,
    keysOf(serverKeys, 3, ''),
    '## Agent\n',
    agentExample,
    keysOf(agentKeys, 3, ''),
    '## Command line\n',
    'Flags and variables of every verb that talks to a server. The token comes from `VAULT_TOKEN`, or else from\n`~/.vault-token`, never from a flag.\n',
    keysOf(clientKeys, 3, ''),
  ].join('\n');
}

/** The keys of one level as a list, its blocks as headings below it, then what has no effect. */
function keysOf(keys: Keys, level: number, above: string): string {
  const members = Object.entries(keys);
  const lines = members.flatMap(([name, member]) => lineOf(name, member, keys));
  const blocks = members.flatMap(([name, member]) => blockSections(name, member, level, above));
  const rest = [
    ...withoutEffect(members, 'ignored', 'Accepted without effect'),
    ...withoutEffect(members, 'refused', 'Not offered'),
  ];
  return [lines.length > 0 ? `${lines.join('\n')}\n` : '', ...rest, ...blocks].filter((part) => part !== '').join('\n');
}

function lineOf(name: string, member: Member, keys: Keys): readonly string[] {
  if (member.role === 'free') return [`- \`${name}\` (${member.type}): ${member.help}`];
  return member.role === 'key' ? [keyLine(name, member, keys)] : [];
}

function keyLine(name: string, key: Key<unknown>, keys: Keys): string {
  const facts = [
    key.type,
    key.required ? 'required' : undefined,
    key.shown === undefined ? undefined : `default \`${key.shown}\``,
    key.flag ? `flag \`${flagName(name)}\`` : undefined,
    key.variable === undefined ? undefined : `variable \`VAULT_${key.variable}\``,
  ];
  const others = Object.entries(keys).flatMap(([other, member]) =>
    member.role === 'alias' && member.of === name ? [other] : [],
  );
  const also = others.length === 0 ? '' : ` Also \`${others.join('`, `')}\`.`;
  return `- \`${name}\` (${facts.filter((fact) => fact !== undefined).join(', ')}): ${key.help}${also}`;
}

function blockSections(name: string, member: Member, level: number, above: string): readonly string[] {
  const heading = (shown: string): string => `${'#'.repeat(level)} ${above}\`${shown}\`\n`;
  const within = (shown: string): string => `${above}\`${shown}\` › `;
  switch (member.role) {
    case 'section':
      return [heading(name), `${member.help}\n`, keysOf(member.keys, level + 1, within(name))];
    case 'named': {
      const shown = [name, ...member.labels.map((label) => `"${label}"`)].join(' ');
      return [heading(shown), `${member.help}\n`, keysOf(member.keys, level + 1, within(shown))];
    }
    case 'typed':
      return [
        heading(name),
        `${member.help} Types: ${Object.keys(member.variants)
          .map((type) => `\`${type}\``)
          .join(', ')}.\n`,
        ...Object.entries(member.variants).flatMap(([type, keys]) => {
          const shown = `${name} "${type}"`;
          const text = keysOf(keys, level + 2, within(shown));
          return text === '' ? [] : [`#${heading(shown)}`, text];
        }),
      ];
    case 'map':
      return [heading(name), `${member.help}\n`];
    default:
      return [];
  }
}

/** Names by their reason. */
function withoutEffect(
  members: readonly (readonly [string, Member])[],
  role: 'ignored' | 'refused',
  title: string,
): readonly string[] {
  const reasons = new Map<string, string[]>();
  for (const [name, member] of members) {
    if (member.role === role) reasons.set(member.why, [...(reasons.get(member.why) ?? []), `\`${name}\``]);
  }
  if (reasons.size === 0) return [];
  return [`${title}:\n`, [...reasons].map(([why, names]) => `- ${names.join(', ')}: ${why}.\n`).join('')];
}

if (import.meta.main) process.stdout.write(configurationReference());
