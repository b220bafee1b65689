/** A real SPIRE server with an agent on free ports and sockets of the loopback: a trust domain of its own. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { freePort } from '../../../src/cli/up/free-port.ts';
import { must, run } from '../../clients/support/run.ts';
import { startProgram, until, type RunningProgram } from '../../support/program.ts';
import { spire } from './binaries.ts';

export interface X509Svid {
  /** PEM: the SVID, and what stands between it and an authority. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

export type Kind = 'jwt' | 'x509';

export interface TrustDomain extends AsyncDisposable {
  readonly name: string;
  /** Where the bundle is served, by `https_spiffe`. */
  readonly endpoint: string;
  /** The SPIFFE ID of that endpoint. */
  readonly endpointId: string;
  /** What the endpoint's certificate is known by at this moment. */
  readonly endpointCertificate: () => Promise<string>;
  /** The number of the bundle that the endpoint serves; the server's own cache is up to a second behind. */
  readonly published: () => Promise<number>;
  /** The bundle in the SPIFFE format, or PEM. */
  readonly bundle: (format?: 'spiffe' | 'pem') => Promise<string>;
  /** Lets this process, as the unix attestor knows it, be the workload; resolves once the agent hands SVIDs out. */
  readonly register: (path: string) => Promise<void>;
  /** A JWT-SVID from the Workload API. */
  readonly jwtSvid: (path: string, ...audiences: readonly string[]) => Promise<string>;
  /** The X.509-SVID of the last workload that was registered, from the Workload API. */
  readonly x509Svid: () => Promise<X509Svid>;
  /** The next authority of the kind comes into the bundle; gives its id. */
  readonly prepare: (kind: Kind) => Promise<string>;
  readonly activate: (kind: Kind, authority: string) => Promise<void>;
  /** What an authority that was in use before has signed is renewed. */
  readonly taint: (kind: Kind, authority: string) => Promise<void>;
  /** It leaves the bundle, once it is tainted. */
  readonly revoke: (kind: Kind, authority: string) => Promise<void>;
  /** The id of the authority that signs. */
  readonly active: (kind: Kind) => Promise<string>;
  /** Ends the server, and with it the endpoint. */
  readonly endServer: () => Promise<void>;
}

interface Place {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  readonly bundlePort: number;
}

const serverConfig = ({ name, folder, port, bundlePort }: Place): string => `
server {
  bind_address = "127.0.0.1"
  bind_port = ${String(port)}
  trust_domain = "${name}"
  data_dir = "${folder}/server"
  socket_path = "${folder}/server.sock"
  log_level = "WARN"
  ca_ttl = "2h"
  default_x509_svid_ttl = "1h"
  default_jwt_svid_ttl = "5m"
  federation {
    bundle_endpoint {
      address = "127.0.0.1"
      port = ${String(bundlePort)}
      refresh_hint = "1m"
      profile "https_spiffe" {}
    }
  }
}
plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = "${folder}/server/datastore.sqlite3"
    }
  }
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
}
`;

const agentConfig = ({ name, folder, port }: Place): string => `
agent {
  data_dir = "${folder}/agent"
  log_level = "WARN"
  server_address = "127.0.0.1"
  server_port = ${String(port)}
  socket_path = "${folder}/agent.sock"
  trust_bundle_path = "${folder}/bootstrap.pem"
  trust_domain = "${name}"
  experimental { sync_interval = "1s" }
}
plugins {
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`;

/** The one text that a command says under `name`, in lines such as `Token: …`. */
function said(text: string, name: RegExp): string {
  const found = new RegExp(`${name.source}\\s*:\\s*(\\S+)`).exec(text)?.[1];
  if (found === undefined) throw new Error(`no ${name.source} in: ${text}`);
  return found;
}

/** The JWT-SVIDs of an answer of `spire-agent api fetch jwt -output json`. */
function tokenOf(text: string): string {
  const answers = JSON.parse(text) as readonly { readonly svids?: readonly { readonly svid: string }[] }[];
  const token = answers.flatMap(({ svids = [] }) => svids)[0]?.svid;
  if (token === undefined) throw new Error('the agent has given no JWT-SVID');
  return token;
}

/** Whoever it is of. */
async function certificateAt(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** Whoever serves it. */
async function sequenceAt(port: number): Promise<number> {
  const asking = get({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false });
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const { spiffe_sequence: sequence } = JSON.parse(Buffer.concat(chunks).toString()) as { spiffe_sequence: number };
  return sequence;
}

async function startServer(place: Place, binary: string): Promise<RunningProgram> {
  const at = join(place.folder, 'server.conf');
  writeFileSync(at, serverConfig(place));
  const server = startProgram(binary, ['run', '-config', at]);
  const socket = ['-socketPath', join(place.folder, 'server.sock')];
  await until(server, async () => (await run(binary, ['healthcheck', ...socket])).code === 0);
  return server;
}

/** Once there is an agent by this name in the trust domain. */
async function startAgent(place: Place, binary: string, token: string): Promise<RunningProgram> {
  const at = join(place.folder, 'agent.conf');
  writeFileSync(at, agentConfig(place));
  const agent = startProgram(binary, ['run', '-config', at, '-joinToken', token]);
  const socket = ['-socketPath', join(place.folder, 'agent.sock')];
  await until(agent, async () => (await run(binary, ['healthcheck', ...socket])).code === 0);
  return agent;
}

/** Resolves once the agent is attested. */
export async function startTrustDomain(name: string): Promise<TrustDomain> {
  const programs = await spire();
  // Paths of sockets are short.
  const folder = mkdtempSync(join(tmpdir(), 'spire-'));
  const place: Place = { name, folder, port: await freePort(), bundlePort: await freePort() };
  for (const sub of ['server', 'agent', 'svid']) mkdirSync(join(folder, sub));
  const running: RunningProgram[] = [];
  const end = async (): Promise<void> => {
    for (const program of running.toReversed()) await program.end();
    rmSync(folder, { recursive: true, force: true });
  };
  const serverSocket = ['-socketPath', join(folder, 'server.sock')];
  const server = (...args: readonly string[]): Promise<string> =>
    must(programs['spire-server'], [...args, ...serverSocket]);
  try {
    const started = await startServer(place, programs['spire-server']);
    running.push(started);
    writeFileSync(join(folder, 'bootstrap.pem'), await server('bundle', 'show'));
    const token = said(await server('token', 'generate'), /Token/);
    const agent = await startAgent(place, programs['spire-agent'], token);
    running.push(agent);
    const parent = `spiffe://${name}/spire/agent/join_token/${token}`;
    return trustDomain({ place, parent, server, agent, binary: programs['spire-agent'], started, end });
  } catch (error) {
    await end();
    throw error;
  }
}

interface Started {
  readonly place: Place;
  /** The SPIFFE ID of the agent. */
  readonly parent: string;
  readonly server: (...args: readonly string[]) => Promise<string>;
  readonly started: RunningProgram;
  readonly agent: RunningProgram;
  /** Of the agent, whose commands are those of a workload. */
  readonly binary: string;
  readonly end: () => Promise<void>;
}

function trustDomain({ place, parent, server, started, agent, binary, end }: Started): TrustDomain {
  const { name, folder, bundlePort } = place;
  const socket = ['-socketPath', join(folder, 'agent.sock')];
  const uid = `unix:uid:${String(process.getuid?.() ?? 0)}`;
  const idOf = (path: string): string => `spiffe://${name}${path}`;
  const jwt = (path: string, audiences: readonly string[]): readonly string[] => {
    const asked = ['-audience', audiences.join(','), '-spiffeID', idOf(path)];
    return ['api', 'fetch', 'jwt', ...asked, '-output', 'json', ...socket];
  };
  const authority = (kind: Kind, ...args: readonly string[]): Promise<string> =>
    server('localauthority', kind, ...args);
  return {
    name,
    endpoint: `https://127.0.0.1:${String(bundlePort)}`,
    endpointId: idOf('/spire/server'),
    endpointCertificate: () => certificateAt(bundlePort),
    published: () => sequenceAt(bundlePort),
    bundle: (format = 'spiffe') => server('bundle', 'show', '-format', format),
    register: async (path) => {
      await server('entry', 'create', '-spiffeID', idOf(path), '-parentID', parent, '-selector', uid);
      await until(agent, async () => (await run(binary, jwt(path, ['probe']))).code === 0);
    },
    jwtSvid: async (path, ...audiences) => tokenOf(await must(binary, jwt(path, audiences))),
    x509Svid: async () => {
      const into = join(folder, 'svid');
      await must(binary, ['api', 'fetch', 'x509', '-write', into, ...socket]);
      const read = (file: string): string => readFileSync(join(into, file), 'utf8');
      return { chain: read('svid.0.pem'), key: read('svid.0.key') };
    },
    prepare: async (kind) => said(await authority(kind, 'prepare'), /Authority ID/),
    activate: async (kind, id) => {
      await authority(kind, 'activate', '-authorityID', id);
    },
    taint: async (kind, id) => {
      await authority(kind, 'taint', '-authorityID', id);
    },
    revoke: async (kind, id) => {
      await authority(kind, 'revoke', '-authorityID', id);
    },
    active: async (kind) => said(await authority(kind, 'show'), /Active[^:]*:\s*Authority ID/),
    endServer: () => started.end(),
    [Symbol.asyncDispose]: end,
  };
}
