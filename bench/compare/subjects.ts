/** Starts the servers and brings them to the same state. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loads, type LoadName } from '../load/loads.ts';
import { makeCertificate } from '../servers/certificate.ts';
import { startLockstep } from '../servers/lockstep.ts';
import { startOpenBao } from '../servers/openbao.ts';
import { NO_ACCESS, startParts } from '../servers/parts.ts';
import { prepare, unsealed, type Access } from '../servers/prepare.ts';
import { prepareRustyVault, startRustyVault } from '../servers/rustyvault.ts';
import type { Place, Server } from '../servers/server.ts';
import type { Cell } from './cells.ts';

/** A server that is ready to be measured. */
export interface Subject {
  readonly server: Server;
  readonly access: Access;
  /** Whether it has what a cell asks for. */
  readonly answers: (cell: Cell) => boolean;
  /** Measured in everything, as opposed to what only stands beside a few rows. */
  readonly whole: boolean;
}

export interface Wanted {
  readonly lockstep: boolean;
  readonly workers: number | undefined;
  /** Another checkout of Lockstep, if it is to stand beside this one. */
  readonly before: string | undefined;
  /** Binaries; what is undefined is left out. */
  readonly openbao: string | undefined;
  readonly rustyvault: string | undefined;
  /** Whether the bare parts of a write stand beside it. */
  readonly parts: boolean;
}

/** In the order of tables: Lockstep first, then the peer. What is started belongs to `stack`; data and certificates go into `folder`. */
export async function startSubjects(
  { lockstep, workers, before, openbao, rustyvault, parts }: Wanted,
  folder: string,
  stack: AsyncDisposableStack,
): Promise<readonly Subject[]> {
  const certificate = await makeCertificate(folder);
  const place = (name: string): Place => {
    const own = join(folder, name);
    mkdirSync(own);
    return { folder: own, ...certificate };
  };
  const subjects: Subject[] = [];
  if (lockstep) subjects.push(await whole(stack.use(await startLockstep(place('lockstep'), { workers }))));
  if (openbao !== undefined) subjects.push(await whole(stack.use(await startOpenBao(openbao, place('openbao')))));
  if (before !== undefined) {
    subjects.push(await whole(stack.use(await startLockstep(place('before'), { workers, checkout: before }))));
  }
  if (rustyvault !== undefined) {
    const server = stack.use(await startRustyVault(rustyvault, place('rustyvault')));
    const access = await prepareRustyVault(server);
    const answers = ({ load, transport }: Cell): boolean => load === 'read' && transport === 'http';
    subjects.push({ server, access, answers, whole: false });
  }
  if (parts) {
    const server = stack.use(await startParts(place('parts')));
    const answers = ({ load, transport }: Cell): boolean => load === 'write' && transport === 'http';
    subjects.push({ server, access: NO_ACCESS, answers, whole: false });
  }
  return subjects;
}

async function whole(server: Server): Promise<Subject> {
  process.stderr.write(`filling ${server.title} ${server.version}\n`);
  const root = await unsealed(server.urls.http);
  const access = await prepare(root);
  root.close();
  return { server, access, answers: ({ load }) => has(access, load), whole: true };
}

function has(access: Access, load: LoadName): boolean {
  return access.ciphertext !== undefined || !('transit' in loads[load]);
}

/** The loads that all of the servers measured as a whole have what it takes for. */
export function answerable(names: readonly LoadName[], subjects: readonly Subject[]): readonly LoadName[] {
  return names.filter((name) => subjects.every(({ access, whole }) => !whole || has(access, name)));
}
