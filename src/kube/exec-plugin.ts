/** A program that a kubeconfig names for credentials (`client.authentication.k8s.io`). It runs only where that was allowed. */
import { execFile } from 'node:child_process';
import { inheritedEnvironment } from '../config/inherited.ts';
import type { Credential } from './access.ts';
import { KubernetesProblem } from './problem.ts';

export interface ExecPlugin {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  /** Where a relative path of a command begins: the folder of the kubeconfig. */
  readonly folder: string;
}

/** Milliseconds until it has to have answered: some ask in a browser. */
const ANSWER_MS = 120_000;
const ANSWER_BYTES = 256 * 1024;

/** What a terminal would act upon, or show in another order, as its code point. */
const visible = (text: string): string =>
  text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);

const quoted = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** As a shell would take it, for people to judge: its variables too, since they can change what a program does. */
export function shownCommand({ command, args, env }: Pick<ExecPlugin, 'command' | 'args' | 'env'>): string {
  const variables = Object.entries(env).map(([name, value]) => `${quoted(name)}=${quoted(value)}`);
  return visible([...variables, quoted(command), ...args.map(quoted)].join(' '));
}

function output({ command, args, env, apiVersion, folder }: ExecPlugin): Promise<string> {
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  const options = {
    ...{ timeout: ANSWER_MS, maxBuffer: ANSWER_BYTES, cwd: folder, encoding: 'utf8' as const },
    env: inheritedEnvironment({ ...env, KUBERNETES_EXEC_INFO: JSON.stringify(info) }),
  };
  return new Promise((resolve, reject) => {
    execFile(command, [...args], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      // What it wrote may be a credential.
      else reject(new KubernetesProblem(`the plug-in ${command} failed (${String(error.code ?? error.signal)})`));
    });
  });
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

function statusOf(answer: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const { status } = JSON.parse(answer) as { readonly status?: Readonly<Record<string, unknown>> };
    return typeof status === 'object' ? status : undefined;
  } catch {
    return undefined;
  }
}

function credentialOf(plugin: ExecPlugin, answer: string): { readonly credential: Credential; readonly until: number } {
  const status = statusOf(answer) ?? {};
  const [token, cert, key] = ['token', 'clientCertificateData', 'clientKeyData'].map((name) => text(status[name]));
  const certificate = cert === undefined || key === undefined ? {} : { certificate: { cert, key } };
  const credential = { ...(token === undefined ? {} : { token }), ...certificate };
  if (Object.keys(credential).length === 0) {
    throw new KubernetesProblem(`the plug-in ${plugin.command} answered with no ExecCredential`);
  }
  const end = Date.parse(text(status['expirationTimestamp']) ?? '');
  return { credential, until: Number.isNaN(end) ? Number.POSITIVE_INFINITY : end };
}

/** Kept until the plug-in's own expiry; it runs once for all who wait. Rejects with `KubernetesProblem`. */
export function pluginCredential(plugin: ExecPlugin): () => Promise<Credential> {
  let known: ReturnType<typeof credentialOf> | undefined;
  let coming: Promise<Credential> | undefined;
  const run = async (): Promise<Credential> => {
    known = credentialOf(plugin, await output(plugin));
    return known.credential;
  };
  return async () => {
    if (known !== undefined && Date.now() < known.until) return known.credential;
    coming ??= run().finally(() => {
      coming = undefined;
    });
    return coming;
  };
}
