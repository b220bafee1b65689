/** Starts the servers and brings them to the same state. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loads, type LoadName } from '../load/loads.ts';
import { makeCertificate } from '../servers/certificate.ts';
import { startLockstep } from '../servers/lockstep.ts';
import { startOpenBao } from '../servers/openbao.ts';
import { prepare, unsealed, type Access } from '../servers/prepare.ts';
import type { Place, Server } from '../servers/server.ts';

/** A server that is ready to be measured. */
export interface Subject {
  readonly server: Server;
  readonly access: Access;
}

export interface Wanted {
  readonly lockstep: boolean;
  /** The binary of OpenBao; undefined leaves it out. */
  readonly openbao: string | undefined;
  readonly workers: number | undefined;
}

/** In the order of tables: Lockstep first. What is started belongs to `stack`; data and certificates go into `folder`. */
export async function startSubjects(
  { lockstep, openbao, workers }: Wanted,
  folder: string,
  stack: AsyncDisposableStack,
): Promise<readonly Subject[]> {
  const certificate = await makeCertificate(folder);
  const starts: readonly ((place: Place) => Promise<Server>)[] = [
    ...(lockstep ? [(place: Place) => startLockstep(place, { workers })] : []),
    ...(openbao === undefined ? [] : [(place: Place) => startOpenBao(openbao, place)]),
  ];
  const subjects: Subject[] = [];
  for (const [at, start] of starts.entries()) {
    const own = join(folder, String(at));
    mkdirSync(own);
    const server = stack.use(await start({ folder: own, ...certificate }));
    process.stderr.write(`filling ${server.title} ${server.version}\n`);
    const root = await unsealed(server.urls.http);
    subjects.push({ server, access: await prepare(root) });
    root.close();
  }
  return subjects;
}

/** The loads that every one of these servers has what it takes for. */
export function answerable(names: readonly LoadName[], subjects: readonly Subject[]): readonly LoadName[] {
  const transit = subjects.every(({ access }) => access.ciphertext !== undefined);
  return names.filter((name) => transit || !('transit' in loads[name]));
}
