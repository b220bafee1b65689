/** Every verb, one line each. A verb's file is loaded when it is the one that runs. */
import type { Node } from './command.ts';

export const verbs: Readonly<Record<string, () => Promise<Node>>> = {
  read: async () => (await import('./data.ts')).read,
  write: async () => (await import('./data.ts')).write,
  patch: async () => (await import('./data.ts')).patch,
  delete: async () => (await import('./data.ts')).remove,
  list: async () => (await import('./data.ts')).list,
  scan: async () => (await import('./data.ts')).scan,
  recover: async () => (await import('./snapshot-loaded.ts')).recover,
  login: async () => (await import('./login.ts')).login,
  status: async () => (await import('./status.ts')).status,
  unwrap: async () => (await import('./data.ts')).unwrap,
  wait: async () => (await import('./wait.ts')).wait,
  audit: async () => (await import('./audit.ts')).audit,
  auth: async () => (await import('./auth.ts')).auth,
  clusters: async () => (await import('./clusters/index.ts')).clusters,
  completion: async () => (await import('./completion.ts')).completion,
  debug: async () => (await import('./debug/command.ts')).debug,
  kv: async () => (await import('./kv.ts')).kv,
  lease: async () => (await import('./lease.ts')).lease,
  monitor: async () => (await import('./monitor.ts')).monitor,
  namespace: async () => (await import('./namespace.ts')).namespace,
  operator: async () => (await import('./operator.ts')).operator,
  'path-help': async () => (await import('./data.ts')).pathHelp,
  plugin: async () => (await import('./plugin.ts')).pluginGroup,
  policy: async () => (await import('./policy.ts')).policy,
  print: async () => (await import('./print.ts')).print,
  regions: async () => (await import('./regions.ts')).regions,
  secrets: async () => (await import('./secrets.ts')).secrets,
  template: async () => (await import('./template.ts')).template,
  token: async () => (await import('./token.ts')).token,
  'who-can': async () => (await import('./who-can.ts')).whoCan,
  version: async () => (await import('./version.ts')).version,
  'version-history': async () => (await import('./version.ts')).versionHistory,
};

/** Subcommands with a program of their own, which `src/main.ts` starts. */
export const programs: Readonly<Record<string, string>> = {
  server: 'Start a node: a hub or a region',
  agent: 'Start an agent, which brings secrets to files',
  up: 'Start a hub, two regions and their agents on this machine, to try',
};
