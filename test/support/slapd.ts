/** Debian's slapd (OpenLDAP), unpacked into the user's cache, with entries that a test says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'ldapts';
import { freePort } from '../../src/cli/up/free-port.ts';
import { nextTurn } from '../../src/lib/next-turn.ts';
import { issue, type Issued } from '../../src/server/certificates.testing.ts';
import { must } from '../clients/support/run.ts';
import { besideLibraries, unpacked } from './debian.ts';

const packages = [
  'slapd',
  'libldap-2.5-0',
  'libltdl7',
  'libodbc2',
  'libwrap0',
  'libsasl2-2',
  'libperl5.36',
  'libargon2-1',
];

export const suffix = 'dc=example,dc=org';
const admin = { dn: `cn=admin,${suffix}`, password: 'admin-pw' };

/** The folder that it is in; undefined where it is neither in the cache nor to be had, or does not run here. */
export const slapd = (): Promise<string | undefined> =>
  unpacked({
    ...{ name: 'slapd', packages },
    check: (folder) => must(join(folder, 'usr/sbin/slapd'), ['-VV'], { env: besideLibraries(folder) }),
  });

export type Attributes = Readonly<Record<string, string | readonly string[]>>;

export interface SlapdOptions {
  /** Lines of the configuration, before the database and in it. */
  readonly global?: string;
  readonly database?: string;
}

export interface Slapd extends AsyncDisposable {
  readonly url: string;
  readonly secureUrl: string;
  readonly port: number;
  /** That signed its certificate, for localhost and 127.0.0.1. */
  readonly authority: Issued;
  readonly admin: { readonly dn: string; readonly password: string };
  /** As the administrator, over a connection of its own. */
  readonly change: <T>(work: (client: Client) => Promise<T>) => Promise<T>;
  readonly add: (dn: string, attributes: Attributes) => Promise<void>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves once it does nothing more, until SIGCONT. */
  readonly pause: () => Promise<void>;
  readonly stopped: Promise<unknown>;
}

/** A signal is on its way for a moment, in which threads go on. */
const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${String(pid)}/task`).every((thread) =>
    /\) T /.test(readFileSync(`/proc/${String(pid)}/task/${thread}/stat`, 'utf8')),
  );

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

interface Configured extends SlapdOptions {
  readonly place: string;
  readonly folder: string;
}

function configuration({ place, folder, global = '', database = '' }: Configured): string {
  const schemas = ['core', 'cosine', 'nis', 'inetorgperson', 'dyngroup'].map(
    (name) => `include ${join(folder, 'etc/ldap/schema', `${name}.schema`)}`,
  );
  return `${schemas.join('\n')}
modulepath ${join(folder, 'usr/lib/ldap')}
moduleload back_mdb
moduleload memberof
moduleload dynlist
TLSCACertificateFile ${join(place, 'ca.crt')}
TLSCertificateFile ${join(place, 'tls.crt')}
TLSCertificateKeyFile ${join(place, 'tls.key')}
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
${global}
database mdb
directory ${join(place, 'db')}
suffix "${suffix}"
rootdn "${admin.dn}"
rootpw ${admin.password}
maxsize 268435456
dbnosync
${database}
`;
}

export async function startSlapd(folder: string, options: SlapdOptions = {}): Promise<Slapd> {
  const place = mkdtempSync(join(tmpdir(), 'lockstep-slapd-'));
  const authority = await issue({ name: 'directory authority' });
  const served = await issue({ name: 'localhost', issuer: authority });
  mkdirSync(join(place, 'db'));
  writeFileSync(join(place, 'ca.crt'), authority.certPem);
  writeFileSync(join(place, 'tls.crt'), served.certPem);
  writeFileSync(join(place, 'tls.key'), served.keyPem);
  writeFileSync(join(place, 'slapd.conf'), configuration({ place, folder, ...options }));
  const [port, securePort] = [await freePort(), await freePort()];
  const [url, secureUrl] = [`ldap://127.0.0.1:${String(port)}`, `ldaps://127.0.0.1:${String(securePort)}`];
  const args = ['-d', 'none', '-h', `${url} ${secureUrl}`, '-f', join(place, 'slapd.conf')];
  const child = spawn(join(folder, 'usr/sbin/slapd'), args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: besideLibraries(folder),
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const stopped = once(child, 'exit');
  while (!((await listens(port)) && (await listens(securePort)))) {
    if (child.exitCode !== null) throw new Error(`slapd ended: ${said}`);
  }
  const change: Slapd['change'] = async (work) => {
    const client = new Client({ url });
    try {
      await client.bind(admin.dn, admin.password);
      return await work(client);
    } finally {
      await client.unbind();
    }
  };
  const add: Slapd['add'] = (dn, attributes) =>
    change((client) => client.add(dn, Object.fromEntries(Object.entries(attributes).map(([k, v]) => [k, [v].flat()]))));
  return {
    ...{ url, secureUrl, port, authority, admin, change, add, stopped },
    signal: (signal) => child.kill(signal),
    pause: async () => {
      child.kill('SIGSTOP');
      while (!isStopped(child.pid ?? 0)) await nextTurn();
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await stopped;
      rmSync(place, { recursive: true, force: true });
    },
  };
}

export const people = `ou=People,${suffix}`;
export const groups = `ou=Groups,${suffix}`;

/** The top of the tree, and an account that searches. */
export async function addTree({ add }: Slapd): Promise<void> {
  await add(suffix, { objectClass: ['dcObject', 'organization'], o: 'Example', dc: 'example' });
  await add(people, { objectClass: 'organizationalUnit', ou: 'People' });
  await add(groups, { objectClass: 'organizationalUnit', ou: 'Groups' });
  await add(`cn=searcher,${suffix}`, {
    objectClass: ['organizationalRole', 'simpleSecurityObject'],
    cn: 'searcher',
    userPassword: 'searcher-pw',
  });
}

/** A person below `people`, under `uid`. */
export async function addPerson({ add }: Slapd, uid: string, password: string, more: Attributes = {}): Promise<string> {
  const dn = `uid=${uid.replaceAll(/[,+"\\<>;#=]/g, String.raw`\$&`)},${people}`;
  await add(dn, {
    objectClass: ['inetOrgPerson', 'extensibleObject'],
    ...{ uid, cn: uid, sn: uid, userPassword: password, ...more },
  });
  return dn;
}

export async function addGroup({ add }: Slapd, name: string, members: readonly string[]): Promise<string> {
  const dn = `cn=${name},${groups}`;
  await add(dn, { objectClass: 'groupOfNames', cn: name, member: members });
  return dn;
}
