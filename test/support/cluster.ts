/** A hub and its regions in this process, over real TLS connections on loopback. */
import type { RegionConfig } from '../../src/config/server.ts';
import { keys } from '../../src/core/keys.ts';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hub } from '../../src/regions/hub.ts';
import { RegionLink } from '../../src/regions/region-link.ts';
import { decodeJoinToken } from '../../src/regions/join-token.ts';
import { registry } from '../../src/registry.ts';
import { Secret } from '../../src/lib/secret.ts';
import { createLogger, silent } from '../../src/lib/log.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import type { Node } from '../../src/core/node.ts';
import type { Store } from '../../src/storage/store.ts';
import { ask, runningNode, type TestNodeOptions } from './node.ts';

export interface TestHub {
  readonly node: Node;
  readonly root: string;
  readonly store: Store;
  /** Those that its regions have too. */
  readonly engines?: TestNodeOptions['engines'] | undefined;
}

const log =
  process.env['LOCKSTEP_TEST_LOG'] === '1'
    ? createLogger({ level: 'trace', format: 'standard', write: (line) => process.stderr.write(line), now: Date.now })
    : silent;

export async function testHub(
  port = 0,
  options: Pick<TestNodeOptions, 'trail' | 'now' | 'engines'> = {},
): Promise<TestHub> {
  const store = openMemoryStore();
  const { node, root } = await runningNode({
    ...options,
    store,
    log,
    snapshots: { store, folder: join(tmpdir(), `lockstep-spool-${randomUUID()}`) },
    cluster: (services) => Hub.open({ services, registry, listen: { host: '127.0.0.1', port }, advertised: undefined }),
  });
  return { node, root, store, engines: options.engines };
}

export interface TestRegion extends TestHub {
  readonly name: string;
  readonly config: RegionConfig;
  /** Its store behind the barrier. */
  readonly behind: Store;
}

/** Gives the join token. */
export async function addRegion(hub: TestHub, name: string, paths: readonly string[]): Promise<string> {
  const added = await ask(hub.node, 'POST', `sys/regions/${name}`, { token: hub.root, body: { paths } });
  return String(added.reply?.data?.['join_token']);
}

/** Adds the region at the hub and starts it; with a file, its join token lies there. */
export async function testRegion(
  hub: TestHub,
  name: string,
  paths: readonly string[],
  tokenFile?: string,
): Promise<TestRegion> {
  const text = await addRegion(hub, name, paths);
  if (tokenFile !== undefined) writeFileSync(tokenFile, text);
  const [host = '', port = ''] = decodeJoinToken(text).hub.split(':');
  const token = tokenFile === undefined ? new Secret(text) : undefined;
  const config = { name, hub: { host, port: Number(port) }, join_token_file: tokenFile, join_token: token };
  const store = openMemoryStore();
  const identity: { from?: Store } = {};
  const { node, root } = await runningNode({
    store,
    log,
    engines: hub.engines,
    settings: { region: name },
    cluster: (services) => {
      identity.from = services().store;
      return RegionLink.open({ store: services().store, registry, config, log });
    },
  });
  return { name, node, root, store, config, behind: identity.from ?? store };
}

/** A second node with everything that the region's node has: its key and certificate too. */
export async function cloneOf({ config, behind, name }: TestRegion): Promise<Node> {
  const { node } = await runningNode({
    log,
    settings: { region: name },
    cluster: async (services) => {
      const { store } = services();
      using snapshot = behind.snapshot();
      const stolen = snapshot.get(keys.hubIdentity);
      await store.transact((tx) => {
        if (stolen !== undefined) tx.put(keys.hubIdentity, stolen);
      });
      return RegionLink.open({ store, registry, config, log });
    },
  });
  return node;
}
