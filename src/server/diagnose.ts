/** `lockstep operator diagnose`: what would go wrong with a configuration, before it does. It makes and changes nothing. */
import { constants, type Stats } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ServerConfig } from '../config/server.ts';
import { parseDevice } from '../core/audit/sink.ts';
import { fail, isLockstepError } from '../errors.ts';
import { createServer } from '../lib/node-http.ts';
import { silent } from '../lib/log.ts';
import { placeOf } from './acme/place.ts';
import { acmeSettings, type AcmeSettings } from './acme/settings.ts';
import { listenerSettings } from './from-config.ts';
import { listenOn } from './listen.ts';
import type { ListenerSettings } from './listener.ts';
import { openSeal } from './open-seal.ts';
import type { Seal } from '../seal/seal.ts';
import { TlsFiles } from './tls.ts';
import { errorCode } from '../lib/error-code.ts';

export type Standing = 'ok' | 'warn' | 'fail' | 'skipped';

/** What can be left out, by the peers' names: the listeners while a server runs, the storage, the seals. */
const CHECKS = ['listener', 'storage', 'autounseal'] as const;
type Check = (typeof CHECKS)[number];

export interface Finding {
  readonly name: string;
  readonly status: Standing;
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What a certificate, a disk or a clock is judged by. */
export interface Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Of the process: the text of /proc/self/limits; undefined where there is none. */
  readonly limits: string | undefined;
  /** Absent: nothing is left out. */
  readonly skip?: ReadonlySet<Check>;
}

const GIB = 1024 ** 3;
const MONTH_MS = 30 * 86_400_000;
/** Nobody runs this version before it was made. */
const OLDEST_CLOCK = Date.UTC(2026, 0, 1);

const ok = (name: string, message: string): Finding => ({ name, status: 'ok', message });
const warn = (name: string, message: string, advice: string): Finding => ({ name, status: 'warn', message, advice });
const bad = (name: string, message: string, advice: string): Finding => ({ name, status: 'fail', message, advice });

/** The catalogue's messages name the thing and the remedy, in this order, parted by a colon. */
function refusal(name: string, error: unknown): Finding {
  if (!isLockstepError(error)) return bad(name, errorCode(error), 'see the message');
  const [, message = error.message, advice = ''] = /^(.*?): ([^:]+)$/s.exec(error.message) ?? [];
  return bad(name, message, advice === '' ? 'see the message' : advice);
}

async function checkPort(name: string, settings: ListenerSettings): Promise<Finding> {
  if (settings.kind === 'unix') return checkFolder(name, dirname(settings.path), 'the socket');
  if (settings.port === 0) return { name, status: 'skipped', message: 'any free port is taken' };
  const server = createServer();
  try {
    await listenOn(server, settings);
    return ok(name, `${settings.host}:${String(settings.port)} is free`);
  } catch (error) {
    return refusal(name, error);
  } finally {
    server.close();
  }
}

async function checkTlsFiles(name: string, settings: ListenerSettings, now: number): Promise<readonly Finding[]> {
  if (settings.tls === undefined) {
    const local = settings.kind === 'unix' || /^(?:127\.|localhost$|::1$)/.test(settings.host);
    if (local) return [{ name, status: 'skipped', message: 'plain, on this machine alone' }];
    return [warn(name, 'tokens and secrets cross the network in clear', 'give it tls_cert_file and tls_key_file')];
  }
  const complaints: Finding[] = [];
  try {
    const { cert } = (
      await TlsFiles.load(settings.tls, {
        info: () => undefined,
        warn: () => undefined,
        error: (problem, { remedy } = {}) => complaints.push(bad(name, problem, String(remedy))),
      })
    ).options;
    if (complaints.length > 0) return complaints;
    const { endOfCertificate } = await import('./certificate.ts');
    const end = endOfCertificate(cert as Buffer);
    if (end - now < MONTH_MS) {
      const day = new Date(end).toISOString();
      return [
        warn(name, `the certificate ends at ${day}`, 'replace the files in time: they are read anew by themselves'),
      ];
    }
    return [ok(name, 'certificate and key belong together')];
  } catch (error) {
    return [refusal(name, error)];
  }
}

/** Without asking the ACME server for anything: orders are counted there. */
async function checkAcme(name: string, acme: AcmeSettings, others: () => Promise<readonly Finding[]>) {
  const { cachePath, domains, directory } = acme;
  const stats = await found(cachePath);
  const folder =
    stats === undefined
      ? await checkFolder(name, dirname(cachePath), 'the directory of certificates')
      : (stats.mode & 0o077) === 0
        ? await checkFolder(name, cachePath, 'certificates')
        : bad(name, `others may look into ${cachePath}, where private keys lie`, `chmod 0700 ${cachePath}`);
  if ((await found(placeOf(acme).certificate)) !== undefined) return [folder, ...(await others())];
  const message = `a certificate for ${domains.join(', ')} is ordered at ${directory} once the server runs`;
  return [folder, { name, status: 'skipped', message } as const];
}

/** Whether this process may make files in a folder. */
async function checkFolder(name: string, folder: string, what: string): Promise<Finding> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return ok(name, `${what} can be made in ${folder}`);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return bad(name, `${folder} does not exist`, 'create it');
    return bad(name, `${what} cannot be made in ${folder} (${code})`, 'give the folder to the user of the server');
  }
}

async function found(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}

async function checkStorage({ storage }: ServerConfig): Promise<readonly Finding[]> {
  const name = 'storage';
  if (storage.type === 'inmem') {
    return [warn(name, 'everything is lost when the server ends', 'use storage "lmdb" for what is to stay')];
  }
  const { path } = storage;
  const stats = await found(path);
  if (stats === undefined) return [await checkFolder(name, dirname(path), 'the data directory'), await checkDisk(path)];
  if (!stats.isDirectory()) return [bad(name, `${path} is no directory`, 'give the path of a directory of its own')];
  const folder = await checkFolder(name, path, 'data');
  const open = (stats.mode & 0o077) === 0;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  const rights = open
    ? ok(name, `${path} belongs to its user alone`)
    : warn(name, `${path} has the mode ${mode}: others can look into it`, `chmod 0700 ${path}`);
  return [folder, rights, await checkHolder(path), await checkDisk(path)];
}

/** Who runs on the directory, by what it wrote there; the server itself looks at the lock. */
async function checkHolder(path: string): Promise<Finding> {
  const name = 'storage lock';
  const text = await readFile(join(path, 'holder.json'), 'utf8').catch(() => '{}');
  const pid = Number(/"pid":(\d+)/.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(pid) || !isAlive(pid)) return ok(name, 'nobody uses the data directory');
  const message = `process ${String(pid)} uses the data directory`;
  return warn(name, message, 'end it before you start another server there');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** The folder, or the nearest one above that is there. */
async function nearest(path: string): Promise<string> {
  let at = path;
  while ((await found(at)) === undefined && dirname(at) !== at) at = dirname(at);
  return at;
}

async function checkDisk(path: string, name: string = 'disk space'): Promise<Finding> {
  const at = await nearest(path);
  const { bavail, bsize, blocks } = await statfs(at);
  const free = bavail * bsize;
  const shown = `${(free / GIB).toFixed(1)} GiB are free at ${at}`;
  if (free < GIB / 8) return bad(name, shown, 'make room: a server whose disk is full refuses writes');
  if (free < GIB || bavail < blocks / 20) return warn(name, shown, 'make room before it is full');
  return ok(name, shown);
}

async function checkSeals({ seal, storage }: ServerConfig): Promise<readonly Finding[]> {
  return Promise.all(
    seal.map(async (config): Promise<Finding> => {
      const { type } = config;
      const name = config.name === type ? 'seal' : `seal "${config.name}"`;
      try {
        using opened = disposable(await openSeal(config, storage, silent));
        if (opened.type === 'shamir') return ok(name, 'people bring shares after each start');
        if (type === 'transit' || type === 'awskms') {
          const place = type === 'transit' ? config.address : `the service in ${config.region}`;
          return { name, status: 'skipped', message: `the key lies at ${place}, which is asked at start` };
        }
        return ok(name, `the key of seal "${type}" can be read`);
      } catch (error) {
        return refusal(name, error);
      }
    }),
  );
}

const disposable = (seal: Seal): Disposable & { readonly type: string } => ({
  type: seal.type,
  [Symbol.dispose]: () => seal[Symbol.dispose]?.(),
});

async function checkAudit({ audit, dev, ...config }: ServerConfig): Promise<readonly Finding[]> {
  const prefixing = config.allow_audit_log_prefixing;
  if (audit.length === 0 && dev === undefined) {
    return [warn('audit', 'nothing is put on record', 'declare a device: audit "file" "main" { … }')];
  }
  const findings = audit.map(async (device): Promise<Finding> => {
    const { path, type, options } = device;
    const name = `audit "${path}"`;
    try {
      await parseDevice({ ...device, declared: true }, { prefixing });
    } catch (error) {
      return refusal(name, error);
    }
    // Whether the other side is there is no condition of a start.
    if (type !== 'file') return ok(name, `sends by ${type}, from a spool beside the data`);
    const file = options['file_path'] ?? options['path'] ?? '';
    if (file === 'stdout' || file === 'discard') return ok(name, `writes to ${file}`);
    if ((await found(file)) === undefined) return checkFolder(name, dirname(file), 'the file');
    return access(file, constants.W_OK).then(
      () => ok(name, `${file} can be written`),
      (error: unknown) =>
        bad(name, `${file} cannot be written (${errorCode(error)})`, 'give the file to the user of the server'),
    );
  });
  const uncovered = audit.length > 0 && audit.every(({ options }) => (options['filter'] ?? '') !== '');
  const advice = 'give one of them `fallback = "true"` instead';
  const all = uncovered ? [bad('audit', 'every audit device has a `filter`: the node will not unseal', advice)] : [];
  return [...all, ...(await Promise.all(findings))];
}

async function checkSnapshots({ snapshot }: ServerConfig): Promise<readonly Finding[]> {
  const findings = snapshot.map(async (config): Promise<readonly Finding[]> => {
    const { storage_type: type, path_prefix: folder, aws_s3_bucket: bucket = '' } = config;
    const name = `snapshot "${config.name}"`;
    if (type === 'local') {
      const at = await nearest(folder);
      if ((await found(at))?.isDirectory() !== true) {
        return [bad(name, `${at} is no directory`, 'give the path of a directory to path_prefix')];
      }
      const what = at === folder ? 'snapshots' : `the directory ${folder}`;
      return [await checkFolder(name, at, what), await checkDisk(folder, `${name} disk space`)];
    }
    const secrets = [config.aws_secret_access_key, config.aws_session_token];
    for (const path of secrets.flatMap((secret) => (secret?.from === 'file' ? [secret.path] : []))) {
      const code = await access(path, constants.R_OK).then(() => undefined, errorCode);
      if (code !== undefined) {
        return [bad(name, `${path} cannot be read (${code})`, 'give the file to the user of the server')];
      }
    }
    return [{ name, status: 'skipped', message: `the bucket ${bucket} is asked when a snapshot is due` }];
  });
  return (await Promise.all(findings)).flat();
}

function checkProcess({ now, limits }: Surroundings): readonly Finding[] {
  const clock =
    now < OLDEST_CLOCK
      ? bad('clock', `the clock says ${new Date(now).toISOString()}`, 'set it: tokens end by it')
      : ok('clock', `the clock says ${new Date(now).toISOString()}`);
  const [, most] = /^Max open files +(\d+|unlimited)/m.exec(limits ?? '') ?? [];
  const name = 'open files';
  if (most === undefined) return [clock, { name, status: 'skipped', message: 'the limit is not known here' }];
  const few = most !== 'unlimited' && Number(most) < 4_096;
  const shown = `this process may have ${most} files and connections open`;
  return [clock, few ? warn(name, shown, 'raise it: LimitNOFILE= of systemd, or ulimit -n 65536') : ok(name, shown)];
}

/** Of `-skip`, given several times or with commas. Throws `invalidConfig` for another name: nothing is left out by mistake. */
export function checksOf(given: readonly string[] = []): ReadonlySet<Check> {
  const names = given.flatMap((each) => each.split(',')).map((name) => name.trim());
  const checks = CHECKS.filter((check) => names.includes(check));
  const unknown = names.find((name) => !checks.some((check) => check === name));
  if (unknown === undefined) return new Set(checks);
  throw fail('invalidConfig', `-skip knows no check "${unknown}": give ${CHECKS.join(', ')}`);
}

const leftOut = (name: string): Finding => ({ name, status: 'skipped', message: 'left out, as -skip says' });

/** All findings, the listeners' first. */
export async function diagnose(config: ServerConfig, surroundings: Surroundings): Promise<readonly Finding[]> {
  const { skip } = surroundings;
  const listeners = config.listener.map(async (listener, at): Promise<readonly Finding[]> => {
    const settings = listenerSettings(listener);
    const name = `listener ${String(at + 1)}`;
    if (skip?.has('listener') === true) return [leftOut(name)];
    const tls = `${name} TLS`;
    const files = () => checkTlsFiles(tls, settings, surroundings.now);
    const acme = acmeSettings(listener);
    return [await checkPort(name, settings), ...(await (acme === undefined ? files() : checkAcme(tls, acme, files)))];
  });
  const warnings = config.warnings.map((each) =>
    warn('configuration', each, 'remove the key, or see why it is ignored'),
  );
  return [
    ok('configuration', 'it can be read'),
    ...warnings,
    ...(await Promise.all(listeners)).flat(),
    ...(skip?.has('storage') === true ? [leftOut('storage')] : await checkStorage(config)),
    ...(skip?.has('autounseal') === true ? [leftOut('seal')] : await checkSeals(config)),
    ...(await checkAudit(config)),
    ...(await checkSnapshots(config)),
    ...checkProcess(surroundings),
  ];
}

/** Vault's: 1 where something fails, 2 where something is to be looked at. */
export function exitCodeOf(findings: readonly Finding[]): number {
  if (findings.some(({ status }) => status === 'fail')) return 1;
  return findings.some(({ status }) => status === 'warn') ? 2 : 0;
}

const WORDS: Readonly<Record<Standing, string>> = {
  ok: 'success',
  warn: 'warning',
  fail: 'failure',
  skipped: 'skipped',
};

export function findingsText(findings: readonly Finding[]): string {
  const lines = findings.map(({ name, status, message, advice }) => {
    const remedy = advice === undefined ? '' : `\n              ${advice}`;
    return `[ ${WORDS[status]} ] ${name}: ${message}${remedy}\n`;
  });
  return lines.join('');
}

export function findingsJson(findings: readonly Finding[]): string {
  const status = (['ok', 'fail', 'warn'] as const)[exitCodeOf(findings)];
  return `${JSON.stringify({ name: 'diagnose', status, children: findings }, undefined, 2)}\n`;
}
