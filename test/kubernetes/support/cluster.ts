/** A real Kubernetes control plane on free ports of the loopback, with an issuer and keys of its own. No nodes, so no pods. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/cli/up/free-port.ts';
import { apiServerArguments, storeArguments } from '../../../src/cli/up/kubernetes/programs.ts';
import { controlPlane, type Program } from './binaries.ts';
import { startProgram, until, type RunningProgram } from '../../support/program.ts';

export interface KubernetesAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface KubernetesCluster extends AsyncDisposable {
  /** `https://127.0.0.1:…`: another one after a restart. */
  readonly address: string;
  /** PEM, of whom the API server's certificate comes from. */
  readonly authority: string;
  readonly issuer: string;
  /** PEM, of what service-account tokens are signed with. */
  readonly tokenKey: string;
  /** Its private half, PEM. */
  readonly tokenSigningKey: string;
  readonly pids: readonly number[];
  /** One request to the API server, as its administrator unless told otherwise; `/api/v1/…`. */
  readonly ask: (method: string, path: string, body?: object, token?: string) => Promise<KubernetesAnswer>;
  /** Ends the API server alone, as an outage does. */
  readonly endApiServer: () => Promise<void>;
  /** The store forgets all but the newest versions, so that no watch can go on from an older one. */
  readonly compact: () => Promise<void>;
  /** Starts it again with these keys: signs with the last one, takes tokens of all. `accounts` is the first; others are made. */
  readonly restartApiServer: (keys: readonly string[]) => Promise<void>;
  /** The path of a kubeconfig with that token, the administrator's unless told otherwise. */
  readonly kubeconfig: (server?: string, token?: string) => string;
}

const CLIENT_AUTHORITY = 'clients.crt';

interface Files {
  readonly folder: string;
  readonly publicKey: string;
  readonly admin: string;
}

export interface ClusterOptions {
  /** PEM: whose certificates prove who a client is. Default: nobody's. */
  readonly clientAuthority?: string;
}

/** Resolves once tokens can be made: the API server is ready and the controllers have made the first service account. */
export async function startCluster({ clientAuthority }: ClusterOptions = {}): Promise<KubernetesCluster> {
  const binaries = await controlPlane();
  const files = prepare(clientAuthority);
  const running: RunningProgram[] = [];
  const end = async (): Promise<void> => {
    // The store last: whoever lost it would only log about it.
    for (const program of running.toReversed()) await program.end();
    rmSync(files.folder, { recursive: true, force: true });
  };
  const start = (program: Program, args: readonly string[]): RunningProgram => {
    const started = startProgram(binaries[program], args);
    running.push(started);
    return started;
  };
  try {
    const store = await startStore(start, files.folder);
    const first = await freePort();
    let address = `https://127.0.0.1:${first}`;
    const issuer = `https://kubernetes-${first}.test`;
    let api = start('kube-apiserver', servingArguments(files, { store, port: first, issuer, keys: ['accounts'] }));
    const at = (name: string): string => join(files.folder, name);
    await until(api, () => Promise.resolve(existsSync(at('apiserver.crt')) && existsSync(at('apiserver.key'))));
    const authority = readFileSync(at('apiserver.crt'), 'utf8');
    const ask: KubernetesCluster['ask'] = (method, path, body, token = files.admin) =>
      send(`${address}${path}`, { method, body, token, authority });
    await until(api, async () => (await ask('GET', '/readyz')).status === 200);
    writeFileSync(at('kubeconfig'), kubeconfig(address, files));
    const controllers = start('kube-controller-manager', await controllerArguments(files.folder));
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await until(controllers, async () => (await ask('GET', account)).status === 200);
    let configs = 0;
    return {
      get address() {
        return address;
      },
      authority,
      issuer,
      tokenKey: files.publicKey,
      tokenSigningKey: readFileSync(at('accounts.key'), 'utf8'),
      pids: running.map(({ pid }) => pid),
      ask,
      endApiServer: () => api.end(),
      compact: () => compact(store),
      restartApiServer: async (keys) => {
        await api.end();
        for (const key of keys.filter((each) => !existsSync(at(`${each}.key`)))) makeKey(files.folder, key);
        // An ended one holds its port for some seconds.
        const port = await freePort();
        address = `https://127.0.0.1:${port}`;
        api = start('kube-apiserver', servingArguments(files, { store, port, issuer, keys }));
        await until(api, async () => (await ask('GET', '/readyz')).status === 200);
      },
      kubeconfig: (server = address, token = files.admin) => {
        configs += 1;
        const path = at(`kubeconfig-${configs}`);
        writeFileSync(path, kubeconfig(server, { ...files, admin: token }), { mode: 0o600 });
        return path;
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function prepare(clientAuthority: string | undefined): Files {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-kubernetes-'));
  const publicKey = makeKey(folder, 'accounts');
  const admin = randomUUID();
  writeFileSync(join(folder, 'tokens.csv'), `${admin},admin,admin,system:masters\n`, { mode: 0o600 });
  if (clientAuthority !== undefined) writeFileSync(join(folder, CLIENT_AUTHORITY), clientAuthority);
  return { folder, publicKey, admin };
}

/** What service-account tokens are signed with. The public half, PEM. */
function makeKey(folder: string, name: string): string {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writeFileSync(join(folder, `${name}.key`), privateKey, { mode: 0o600 });
  writeFileSync(join(folder, `${name}.pub`), publicKey);
  return publicKey;
}

async function startStore(
  start: (program: Program, args: readonly string[]) => RunningProgram,
  folder: string,
): Promise<string> {
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const store = start('etcd', storeArguments({ folder, client, peer }));
  await until(store, async () => (await fetch(`${client}/health`)).status === 200);
  return client;
}

/** By etcd's JSON gateway. */
async function compact(store: string): Promise<void> {
  const asked = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${store}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd: ${path}: ${String(answer.status)} ${await answer.text()}`);
    return answer.json();
  };
  const key = Buffer.from('none').toString('base64');
  const { header } = (await asked('range', { key })) as { readonly header: { readonly revision: string } };
  await asked('compaction', { revision: header.revision, physical: true });
}

interface Serving {
  readonly store: string;
  readonly port: number;
  readonly issuer: string;
  readonly keys: readonly string[];
}

function servingArguments({ folder }: Files, { keys, ...serving }: Serving): readonly string[] {
  const at = (name: string): string => join(folder, name);
  const [files, signingKey] = [keys.map((key) => at(`${key}.pub`)), at(`${keys.at(-1) ?? ''}.key`)];
  return [
    ...apiServerArguments({ folder, ...serving, keys: files, signingKey, tokens: at('tokens.csv') }),
    ...(existsSync(at(CLIENT_AUTHORITY)) ? [`--client-ca-file=${at(CLIENT_AUTHORITY)}`] : []),
  ];
}

async function controllerArguments(folder: string): Promise<readonly string[]> {
  return [
    `--kubeconfig=${join(folder, 'kubeconfig')}`,
    `--service-account-private-key-file=${join(folder, 'accounts.key')}`,
    '--use-service-account-credentials',
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    `--cert-dir=${folder}`,
    `--secure-port=${await freePort()}`,
  ];
}

/** JSON is YAML too. */
function kubeconfig(server: string, { folder, admin }: Files): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': join(folder, 'apiserver.crt') } }],
    users: [{ name: 'test', user: { token: admin } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  });
}

interface Sending {
  readonly method: string;
  readonly body: object | undefined;
  readonly token: string;
  readonly authority: string;
}

function send(url: string, { method, body, token, authority }: Sending): Promise<KubernetesAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const asking = request(url, { method, headers, ca: authority, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => {
        const isJson = response.headers['content-type']?.startsWith('application/json') === true;
        resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
      });
    });
    asking.once('error', reject);
    asking.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
