/** Where the fleet keeps its files, and the configuration of each process. */
import { join } from 'node:path';
import { heldBy, type RegionName } from './tree.ts';

export interface Places {
  readonly root: string;
  readonly keys: string;
  readonly logs: string;
  /** Below it one folder a region, one file a secret. */
  readonly files: string;
}

/** `memory` is a folder on a volume in memory, where there is one: keys and files in clear belong there. */
export function placesIn(root: string, memory: string): Places {
  return { root, keys: join(memory, 'keys'), logs: join(root, 'logs'), files: join(memory, 'files') };
}

const quoted = JSON.stringify;

interface ServerPlan {
  readonly name: string;
  readonly port: number;
  /** The hub's listener for regions. */
  readonly clusterPort?: number;
  /** Where this region finds its hub. */
  readonly hubPort?: number;
}

export const keyFile = (places: Places, name: string): string => join(places.keys, `${name}.key`);
export const joinTokenFile = (places: Places, name: string): string => join(places.keys, `${name}.join`);
export const rootTokenFile = (places: Places, name: string): string => join(places.keys, `${name}.token`);
export const auditFile = (places: Places, name: string): string => join(places.logs, `${name}-audit.log`);
export const secretFile = (places: Places, region: RegionName, path: string): string =>
  join(places.files, region, path.replaceAll('/', '.'));

export function serverConfig(places: Places, { name, port, clusterPort, hubPort }: ServerPlan): string {
  const role =
    hubPort === undefined
      ? `hub {\n  cluster_address = "127.0.0.1:${String(clusterPort)}"\n}\n`
      : `region ${quoted(name)} {\n  hub             = "127.0.0.1:${String(hubPort)}"\n  join_token_file = ${quoted(joinTokenFile(places, name))}\n}\n`;
  return `listener "tcp" {
  address     = "127.0.0.1:${String(port)}"
  tls_disable = true
}

storage "lmdb" {
  path = ${quoted(join(places.root, 'data', name))}
}

seal "static" {
  current_key_id = "1"
  current_key    = ${quoted(`file://${keyFile(places, name)}`)}
}

audit "file" "file" {
  options {
    file_path = ${quoted(auditFile(places, name))}
  }
}

${role}
cluster_name = ${quoted(`up-${name}`)}
log_level    = "info"
`;
}

export interface AgentPlan {
  readonly region: RegionName;
  readonly port: number;
  readonly healthPort: number;
}

export function agentConfig(places: Places, { region, port, healthPort }: AgentPlan): string {
  const credential = (kind: string): string => quoted(join(places.keys, `${region}-agent.${kind}`));
  const secrets = heldBy(region).map(
    ({ path }) => `secret ${quoted(path)} {
  path        = ${quoted(`secret/data/${path}`)}
  format      = "json"
  destination = ${quoted(secretFile(places, region, path))}
}
`,
  );
  return `vault {
  address = "http://127.0.0.1:${String(port)}"
}

auto_auth {
  method "approle" {
    config {
      role_id_file_path                   = ${credential('role-id')}
      secret_id_file_path                 = ${credential('secret-id')}
      remove_secret_id_file_after_reading = false
    }
  }
}

cache {
  persist "file" {
    path     = ${quoted(join(places.root, 'data', `${region}-agent`))}
    key_file = ${quoted(keyFile(places, `${region}-agent`))}
  }
}

listener "tcp" {
  address     = "127.0.0.1:${String(healthPort)}"
  tls_disable = true
}

consumer = ${quoted(`${region}-agent`)}

${secrets.join('\n')}`;
}
