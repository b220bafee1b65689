/** A Kubernetes control plane for one region of the fleet: an API server and its store. No nodes, so no pods. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../../errors.ts';
import { KubernetesApi } from '../../../kube/api.ts';
import { newPrivateKey, publicKeyOf } from '../../../lib/crypto/certificates.ts';
import { randomBytes } from '../../../lib/crypto/random.ts';
import type { Child, ChildOptions } from '../child.ts';
import { freePort } from '../free-port.ts';
import type { Places } from '../layout.ts';
import { apiServerArguments, storeArguments, type Programs } from './programs.ts';

/** What starts processes that end with the fleet, and waits for what they do. */
export interface Ground {
  readonly places: Places;
  readonly spawn: (options: ChildOptions) => Promise<Child>;
  readonly until: <T>(what: string, ask: () => Promise<T | undefined>) => Promise<T>;
}

export interface ControlPlane {
  readonly api: KubernetesApi;
  /** The path of one with that token. */
  readonly kubeconfig: (user: string, token: string) => Promise<string>;
  /** Its administrator's. */
  readonly adminKubeconfig: string;
}

/** Resolves once its API server is ready. */
export async function startControlPlane(ground: Ground, name: string, programs: Programs): Promise<ControlPlane> {
  const { places, until } = ground;
  const folder = join(places.root, 'kubernetes', name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const store = await startStore(ground, { name, folder, program: programs.etcd });
  const keys = await writeKeys(places, name);
  const port = await freePort();
  const issuer = `https://${name}.lockstep-up.test`;
  const server = await ground.spawn({
    ...{ name: `${name}-api`, program: programs.apiServer, log: join(places.logs, `${name}-api.log`) },
    args: apiServerArguments({ folder, store, port, issuer, ...keys.files }),
  });
  const authority = join(folder, 'apiserver.crt');
  const address = `https://127.0.0.1:${String(port)}`;
  const ca = await until(`${name} to have a certificate`, async () => {
    if (!server.running) throw fail('internal', `${name} has ended: see ${join(places.logs, `${name}-api.log`)}`);
    return readFile(authority, 'utf8').catch(() => undefined);
  });
  const credential = () => Promise.resolve({ token: keys.admin });
  const access = { name, server: address, ca, serverName: undefined, credential, impersonate: {} };
  const api = new KubernetesApi(access, { connections: 4, largest: 16 * 1024 * 1024 });
  await until(`${name} to be ready`, async () => ((await api.text('/readyz')) === 'ok' ? true : undefined));
  const kubeconfig = (user: string, token: string) =>
    writeKubeconfig(places, { name, address, authority, user, token });
  return { api, kubeconfig, adminKubeconfig: await kubeconfig('admin', keys.admin) };
}

async function startStore(
  { places, spawn, until }: Ground,
  { name, folder, program }: { readonly name: string; readonly folder: string; readonly program: string },
): Promise<string> {
  const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${String(port)}`);
  if (client === undefined || peer === undefined) throw fail('internal', 'no port is free');
  const log = join(places.logs, `${name}-etcd.log`);
  await spawn({ name: `${name}-etcd`, program, log, args: storeArguments({ folder, client, peer }) });
  await until(`the store of ${name}`, async () => ((await fetch(`${client}/health`)).ok ? true : undefined));
  return client;
}

const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

/** What service-account tokens are signed with, and the administrator's token. */
async function writeKeys({ keys }: Places, name: string) {
  const at = (suffix: string): string => join(keys, `${name}.${suffix}`);
  const key = newPrivateKey();
  const admin = randomBytes(32).toString('base64url');
  await writeFile(at('accounts.key'), key, { mode: 0o600 });
  await writeFile(at('accounts.pub'), pem('PUBLIC KEY', publicKeyOf(key)), { mode: 0o600 });
  await writeFile(at('tokens.csv'), `${admin},admin,admin,system:masters\n`, { mode: 0o600 });
  return { admin, files: { keys: [at('accounts.pub')], signingKey: at('accounts.key'), tokens: at('tokens.csv') } };
}

interface Config {
  readonly name: string;
  readonly address: string;
  readonly authority: string;
  readonly user: string;
  readonly token: string;
}

/** JSON is YAML too. */
async function writeKubeconfig({ keys }: Places, { name, user, ...to }: Config): Promise<string> {
  const path = join(keys, `${name}.${user}.kubeconfig`);
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': name },
    clusters: [{ name, cluster: { server: to.address, 'certificate-authority': to.authority } }],
    users: [{ name: user, user: { token: to.token } }],
    contexts: [{ name, context: { cluster: name, user } }],
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
