/** The live table of `lockstep up`: how far every part is. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fleet } from './fleet.ts';
import { REGIONS, type RegionName } from './tree.ts';

const WIDTHS = [8, 11, 8, 6, 11, 7] as const;
const HEADERS = ['node', 'state', 'index', 'lag', 'consumers', 'files'] as const;

const row = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0))
    .join('')
    .trimEnd();

const shown = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '-';

async function regionRow(fleet: Fleet, region: RegionName): Promise<string> {
  const described = await fleet
    .client('hub')
    .read(`sys/regions/${region}`)
    .catch(() => undefined);
  const own = await fleet
    .client(region)
    .read('sys/regions')
    .catch(() => undefined);
  const files = await readdir(join(fleet.places.files, region));
  const state = own === undefined ? 'down' : own.data?.['connected'] === true ? 'following' : 'cut off';
  const consumers = (described?.data?.['consumers'] as readonly unknown[] | undefined)?.length;
  const cells = [region, state, own?.data?.['index'], described?.data?.['lag'], consumers, files.length];
  return row(cells.map(shown));
}

export async function statusTable(fleet: Fleet): Promise<string> {
  const hub = await fleet
    .client('hub')
    .read('sys/regions/eu')
    .catch(() => undefined);
  const first = row(
    ['hub', hub === undefined ? 'down' : 'serving', hub?.data?.['hub_index'], undefined, undefined, undefined].map(
      shown,
    ),
  );
  const regions = await Promise.all(REGIONS.map((region) => regionRow(fleet, region)));
  return [row(HEADERS), first, ...regions].join('\n');
}
