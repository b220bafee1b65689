import { loads, type LoadName } from '../load/loads.ts';
import type { Transport } from '../servers/server.ts';
import type { Options } from './options.ts';

/** One row of the table. */
export interface Cell {
  readonly load: LoadName;
  readonly connections: number;
  readonly transport: Transport;
}

export function cellsOf({
  loads,
  connections,
  transports,
}: Pick<Options, 'loads' | 'connections' | 'transports'>): readonly Cell[] {
  return transports.flatMap((transport) =>
    loads.flatMap((load) => connections.map((connections) => ({ load, connections, transport }))),
  );
}

export function nameOf({ load, connections, transport }: Cell): string {
  return `${loads[load].title}, ${connections} connection${connections === 1 ? '' : 's'}, ${transport}`;
}
