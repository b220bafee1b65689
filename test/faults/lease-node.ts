/**
 * The node that lease fault tests end: over LMDB, with the engine of files, asked through the channel to its parent.
 * Usage: fork('lease-node.ts', [data folder, failpoints]).
 */
import type { LeaseRecord } from '../../src/core/leases/lease.ts';
import type { Node } from '../../src/core/node.ts';
import { armFailpoints } from '../../src/lib/failpoint.ts';
import { decodeFound } from '../../src/lib/record.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { openLmdbStore } from '../../src/storage/lmdb/open.ts';
import { files } from '../support/file-engine.ts';
import { leaseCounts, type LeaseCounts } from '../support/lease-counts.ts';
import { ask, testNode, type Asking } from '../support/node.ts';

/** What it is asked. `settle`: works off what is due, `seconds` later. */
export type Order =
  | { readonly do: 'ask'; readonly method: string; readonly path: string; readonly asking: Asking }
  | { readonly do: 'init' }
  | { readonly do: 'unseal'; readonly share: string }
  | { readonly do: 'settle'; readonly seconds: number }
  | { readonly do: 'leases' };

export interface Shown {
  readonly id: string;
  readonly standing: string;
  readonly user: string;
}

export interface Told {
  readonly status: number;
  readonly leaseId: string;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly token?: string;
  readonly share?: string;
  readonly leases?: readonly Shown[];
  readonly counts?: LeaseCounts;
}

const DONE: Told = { status: 200, leaseId: '' };
let ahead = 0;

function leasesOf(node: Node): readonly Shown[] {
  using snapshot = node.services.store.snapshot();
  return [...everyKey(snapshot, 'l/root/leases/')].flatMap((key) => {
    const record = decodeFound<LeaseRecord>(snapshot.get(key));
    return record === undefined
      ? []
      : [{ id: record.id, standing: record.state.kind, user: String(record.internal['user']) }];
  });
}

async function serve(node: Node, order: Order): Promise<Told> {
  switch (order.do) {
    case 'init': {
      const { unsealShares, rootToken } = await node.initialize({ secretShares: 1, secretThreshold: 1 });
      return { ...DONE, token: rootToken, share: unsealShares.hex[0] ?? '' };
    }
    case 'unseal':
      await node.unseal(Buffer.from(order.share, 'hex'));
      return DONE;
    case 'settle':
      ahead += order.seconds * 1_000;
      await node.tick();
      await node.services.leaseExpiry.idle();
      return DONE;
    case 'leases':
      return { ...DONE, leases: leasesOf(node), counts: leaseCounts(node.services.store) };
    case 'ask': {
      const { status, leaseId, reply, auth } = await ask(node, order.method, order.path, order.asking);
      return { status, leaseId, data: reply?.data, token: String(auth?.['client_token']) };
    }
  }
}

async function main(path: string, from: number, failpoints: string): Promise<void> {
  ahead = from;
  const store = await openLmdbStore({ path });
  const node = testNode({ store, engines: { files }, now: () => Date.now() + ahead });
  await node.start(AbortSignal.timeout(10_000));
  process.on('message', ({ id, order }: { readonly id: number; readonly order: Order }) => {
    // What is opened is opened before anything may end.
    if (order.do === 'ask' || order.do === 'settle') armFailpointsOnce(failpoints);
    serve(node, order).then(
      (told) => process.send?.({ id, told }),
      (error: unknown) => process.send?.({ id, told: { ...DONE, status: 500, data: { error: String(error) } } }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ id: 0, told: DONE });
}

let armed = false;
function armFailpointsOnce(failpoints: string): void {
  if (!armed) armFailpoints(failpoints);
  armed = true;
}

const [, script, path, from, failpoints] = process.argv;
if (script === import.meta.filename && path !== undefined) await main(path, Number(from), failpoints ?? '');
