/** A thread that reads: it listens where the node listens, serves what writes nothing, and hands over the rest. */
import { pipeline, type Duplex } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import { InFlight } from '../../core/in-flight.ts';
import { ReadingNode } from '../../core/reading-node.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import { LogSource } from '../../lib/log-source.ts';
import { Places } from '../../lib/places.ts';
import { Board } from '../../lib/threads/board.ts';
import { Line, type Port } from '../../lib/threads/line.ts';
import { SharedAge } from '../../lib/threads/shared-age.ts';
import { SharedWindows } from '../../lib/threads/shared-windows.ts';
import { openReadingLink } from '../../regions/reading-link.ts';
import { registry } from '../../registry.ts';
import { followLmdbStore } from '../../storage/lmdb/follow.ts';
import type { UpgradeRequest } from '../endpoint.ts';
import { serve, type Serving } from '../http.ts';
import type { ListenerSettings } from '../listener.ts';
import type { ReaderAsks, ThreadData, WriterAsks } from './asks.ts';
import { handed, outcomeOf } from './handover.ts';
import { Tunnels } from './tunnel.ts';

const data = workerData as ThreadData;
const port = parentPort as Port | null;
if (port === null) throw new Error('this module is the start of a thread');

const logs = new LogSource({
  ...data.log,
  write: () => undefined,
  handOver: (record) => {
    // As text, since a detail can be anything, and not all of it can cross.
    const details = JSON.parse(JSON.stringify(record.details)) as Readonly<Record<string, unknown>>;
    line.tell('log', { ...record, details });
  },
  now: Date.now,
});
const { log } = logs;
const inFlight = new InFlight(Date.now);

const handedOver = new Places<Request>();

async function handOver(request: Request): Promise<Outcome> {
  const place = handedOver.take(request);
  try {
    const asked = line.ask('request', handed(request, place));
    // After the question: a client can be gone already.
    request.whenGone?.(() => {
      // Once it is answered the place is another's.
      if (handedOver.at(place) === request) line.tell('gone', place);
    });
    return outcomeOf(request, await asked, tunnels);
  } finally {
    handedOver.leave(place);
  }
}

const board = new Board(data.board);
const age = new SharedAge(data.age);
const windows = new SharedWindows(data.windows);
const node = new ReadingNode({
  ...{ registry, settings: data.settings, log, handOver, windows },
  open: () => followLmdbStore(data.path, board),
  audit: { ...data.audit, stdout: process.stdout },
  now: Date.now,
  link: (store) => {
    const { region } = data.settings;
    return region === undefined ? undefined : openReadingLink(region, store, age);
  },
});

/** undefined: it is not told to listen yet, or cannot. */
let listening: Promise<Serving | undefined> = Promise.resolve(undefined);
let lastTunnel = 0;

/** WebSockets are served by the thread that knows all subscribers. */
function upgrade(request: UpgradeRequest, socket: Duplex, head: Buffer, parsed: Request): void {
  const id = ++lastTunnel;
  pipeline(socket, tunnels.open(id), socket, () => undefined);
  const { method = '', url = '', headers } = request;
  line.tell('tunnelOpen', { id, method, url, headers, head: Uint8Array.from(head), parsed: handed(parsed) });
}

async function listen(listeners: readonly ListenerSettings[]): Promise<void> {
  const serving = serve({ handler: node, listeners, log, upgrade, inFlight });
  listening = serving.catch(() => undefined);
  await serving;
}

async function close(): Promise<void> {
  await (await listening)?.close();
  tunnels.cut();
  await node[Symbol.asyncDispose]();
}

const tunnels = new Tunnels({
  data: (piece) => line.ask('tunnelData', piece),
  end: (end) => {
    line.tell('tunnelEnd', end);
  },
});

const line: Line<WriterAsks, ReaderAsks> = new Line<WriterAsks, ReaderAsks>(port, {
  listen,
  close,
  unseal: (unsealing) => node.unseal(unsealing),
  seal: () => node.seal(),
  expectRoot: (root) => node.expectRoot(root),
  unsealNamespace: (unsealing) => node.unsealNamespace(unsealing),
  expectNamespaceRoot: (unsealing) => node.expectNamespaceRoot(unsealing),
  sealNamespaces: (ids) => node.sealNamespaces(ids),
  enableAudit: (device) => node.audit.enable(device),
  disableAudit: (path) => node.audit.disable(path),
  reopenAudit: () => node.audit.reopen(),
  reload: async () => (await listening)?.reload(),
  renew: async () => (await listening)?.renew(),
  metrics: () => node.measured(),
  inFlight: () => inFlight.list(),
  logState: (state) => {
    logs.apply(state);
  },
  look: () => {
    node.look();
  },
  upload: ({ place, path }) => handedOver.at(place)?.upload?.(path),
  ...tunnels.answers,
});
