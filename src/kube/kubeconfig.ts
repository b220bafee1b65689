/** A kubeconfig (`v1`, `Config`): which API server, and by what right. Nothing that it names is run without consent. */
import { readFile, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import type { ClusterAccess, Credential } from './access.ts';
import { pluginCredential, shownCommand, type ExecPlugin } from './exec-plugin.ts';
import { KubernetesProblem } from './problem.ts';

export interface KubeconfigOptions {
  /** Default: its current one. */
  readonly context?: string | undefined;
  /** Whether a program that it names may be run. */
  readonly allowExec: boolean;
}

type Part = Readonly<Record<string, unknown>>;

const isPart = (value: unknown): value is Part => typeof value === 'object' && value !== null && !Array.isArray(value);

interface Source {
  readonly path: string;
  /** From where files are found; undefined: it may name none, nor a program. */
  readonly folder: string | undefined;
}

const problem = ({ path }: Source, why: string): KubernetesProblem => new KubernetesProblem(`${path}: ${why}`);

function text(source: Source, part: Part, name: string): string | undefined {
  const value = part[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw problem(source, `${name} is no text`);
  return value;
}

function partOf(source: Source, part: Part, name: string): Part {
  const value = part[name] ?? {};
  if (!isPart(value)) throw problem(source, `${name} is no object`);
  return value;
}

/** The entry of that name in `clusters`, `users` or `contexts`. */
function entryOf(source: Source, config: Part, [list, kind, name]: readonly [string, string, string]): Part {
  const entries: unknown = config[list];
  const found = Array.isArray(entries) ? entries.filter(isPart).find((each) => each['name'] === name) : undefined;
  if (found === undefined) throw problem(source, `it has no ${kind} "${name}"`);
  return partOf(source, found, kind);
}

async function contents(source: Source, file: string): Promise<string> {
  // Whoever wrote it would have files of this machine read.
  if (source.folder === undefined) throw problem(source, 'it names a file: put in what that holds, as …-data or token');
  const path = isAbsolute(file) ? file : join(source.folder, file);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KubernetesProblem(`${path}, which ${source.path} names, cannot be read`, { cause: error });
  }
}

/** What stands in the file as base64 (`…-data`), or in another file. */
async function given(source: Source, part: Part, name: string): Promise<string | undefined> {
  const data = text(source, part, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const file = text(source, part, name);
  return file === undefined ? undefined : contents(source, file);
}

function execOf(source: Source & { readonly folder: string }, exec: Part): ExecPlugin {
  const command = text(source, exec, 'command');
  if (command === undefined) throw problem(source, 'exec names no command');
  const args: unknown = exec['args'] ?? [];
  const env: unknown = exec['env'] ?? [];
  if (!Array.isArray(args) || !args.every((each) => typeof each === 'string'))
    throw problem(source, 'args of exec are no texts');
  if (!Array.isArray(env) || !env.every(isPart)) throw problem(source, 'env of exec is no list');
  return {
    // As kubectl: one with a slash is found from the kubeconfig on, any other on the path.
    command: command.includes('/') && !isAbsolute(command) ? join(source.folder, command) : command,
    ...{ args, folder: source.folder, apiVersion: text(source, exec, 'apiVersion') ?? '' },
    env: Object.fromEntries(env.map((each) => [text(source, each, 'name') ?? '', text(source, each, 'value') ?? ''])),
  };
}

function credentialOf(source: Source, user: Part, { allowExec }: KubeconfigOptions): () => Promise<Credential> {
  const exec = user['exec'];
  if (isPart(exec)) {
    if (source.folder === undefined) throw problem(source, 'its user logs in by a program, and none is run');
    const plugin = execOf({ ...source, folder: source.folder }, exec);
    if (!allowExec) {
      throw problem(
        source,
        `its user logs in by a program, which was not run:\n\n    ${shownCommand(plugin)}\n\nAllow that with -allow-exec`,
      );
    }
    return pluginCredential(plugin);
  }
  if (isPart(user['auth-provider'])) {
    throw problem(source, 'auth-provider is not offered, nor is it by kubectl: have an exec plug-in in its place');
  }
  if (text(source, user, 'username') !== undefined) throw problem(source, 'API servers take no passwords any more');
  const [file, token] = [text(source, user, 'tokenFile'), text(source, user, 'token')];
  return async () => {
    const bearer = file === undefined ? token : (await contents(source, file)).trim();
    const [cert, key] = [await given(source, user, 'client-certificate'), await given(source, user, 'client-key')];
    if ((cert === undefined) !== (key === undefined)) throw problem(source, 'a certificate and its key go together');
    return {
      ...(bearer === undefined ? {} : { token: bearer }),
      ...(cert === undefined || key === undefined ? {} : { certificate: { cert, key } }),
    };
  };
}

function serverOf(source: Source, cluster: Part): string {
  const server = text(source, cluster, 'server') ?? '';
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:') {
    throw problem(source, `its server "${server}" is no https:// address`);
  }
  const { username, password, search, hash } = new URL(server);
  if (username + password + search + hash !== '') throw problem(source, 'its server is more than an address');
  if (cluster['insecure-skip-tls-verify'] === true) {
    throw problem(source, 'insecure-skip-tls-verify: keys would be taken from anybody. Give its certificate-authority');
  }
  if (text(source, cluster, 'proxy-url') !== undefined) throw problem(source, 'proxy-url is not offered');
  return server.replace(/\/+$/, '');
}

function impersonated(source: Source, user: Part): Readonly<Record<string, string>> {
  const name = text(source, user, 'as');
  if (name === undefined) return {};
  if (user['as-groups'] !== undefined || user['as-user-extra'] !== undefined) {
    throw problem(source, 'as-groups and as-user-extra are not offered');
  }
  return { 'impersonate-user': name };
}

/** Real ones with hundreds of clusters have some. */
const LARGEST = 4 * 1024 * 1024;

async function documentOf(source: Source): Promise<Part> {
  const { path } = source;
  const several = path.includes(delimiter) ? ': several files are not read as one' : '';
  const unreadable = (cause: unknown): Error =>
    new KubernetesProblem(`${path} cannot be read${several}: name a kubeconfig with -kubeconfig`, { cause });
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(error);
  });
  if (!found.isFile()) throw problem(source, 'it is no file');
  if (found.size > LARGEST) throw problem(source, `it is larger than ${String(LARGEST)} bytes`);
  const written = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(error);
  });
  return parsed(source, written);
}

async function parsed(source: Source, written: string): Promise<Part> {
  const { path } = source;
  const { parse } = await import('yaml');
  let config: unknown;
  try {
    // No aliases: no kubeconfig needs them, and a few could stand for more than fits into memory.
    config = parse(written, { maxAliasCount: 0, logLevel: 'error' });
  } catch (error) {
    throw new KubernetesProblem(`${path} is no YAML, or has aliases (&, *), which are not taken`, { cause: error });
  }
  if (!isPart(config)) throw problem(source, 'it is no kubeconfig');
  return config;
}

/** Rejects with `KubernetesProblem`, which shows what would have been run where that is not allowed. */
export async function readKubeconfig(file: string, options: KubeconfigOptions): Promise<ClusterAccess> {
  const path = resolve(file);
  const source = { path, folder: dirname(path) };
  return accessOf(source, await documentOf(source), options);
}

/** One that is no file, called `path` in messages: it names no files and no program. Rejects with `KubernetesProblem`. */
export async function kubeconfigText(path: string, written: string): Promise<ClusterAccess> {
  const source = { path, folder: undefined };
  return accessOf(source, await parsed(source, written), { allowExec: false });
}

async function accessOf(source: Source, config: Part, options: KubeconfigOptions): Promise<ClusterAccess> {
  const name = options.context ?? text(source, config, 'current-context');
  if (name === undefined) throw problem(source, 'it has no current-context: name one with -context');
  const context = entryOf(source, config, ['contexts', 'context', name]);
  const cluster = entryOf(source, config, ['clusters', 'cluster', text(source, context, 'cluster') ?? '']);
  const userName = text(source, context, 'user');
  const user = userName === undefined ? {} : entryOf(source, config, ['users', 'user', userName]);
  return {
    name,
    server: serverOf(source, cluster),
    ca: await given(source, cluster, 'certificate-authority'),
    serverName: text(source, cluster, 'tls-server-name'),
    credential: credentialOf(source, user, options),
    impersonate: impersonated(source, user),
  };
}
