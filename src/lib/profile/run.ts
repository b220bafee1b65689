/** Makes the requests of a profile, one after the other, in the order that they are written in. */
import { fail, isLockstepError, LockstepError } from '../../errors.ts';
import { worked, workedAs, type Scope } from './evaluate.ts';
import {
  isOperation,
  OPERATIONS,
  placeOf,
  type OperationName,
  type ProfileBlock,
  type ProfileRequest,
} from './profile.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One request, worked out. */
export interface Step {
  readonly id: string;
  readonly operation: OperationName;
  readonly verb: (typeof OPERATIONS)[OperationName];
  /** Without slashes in front; not yet known to be canonical. */
  readonly path: string;
  /** undefined: the run's own. */
  readonly token: string | undefined;
  readonly data: Fields | undefined;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

export interface Host extends Scope {
  /** Of the next request. */
  readonly id: () => string;
  /** The response, `null` where there is nothing to say. Throws a LockstepError where it is refused. */
  readonly ask: (step: Step) => Promise<Fields | null>;
  /** Throws where the run has to end. */
  readonly goOn?: () => void;
  /** A request failed, as it may. */
  readonly failed?: (place: string, error: LockstepError) => void;
  /** A request was made, or failed as it may. */
  readonly ended?: () => void;
}

/**
 * Throws what a request was refused with, its place in front. What was asked and answered until then is in the history.
 */
export async function runProfile(blocks: readonly ProfileBlock[], host: Host): Promise<void> {
  for (const block of blocks) {
    const place = placeOf(host.kind, block.name);
    const wanted = await named(place, async () => (await workedAs(block.when, 'bool', host)) ?? true);
    if (wanted !== true) continue;
    for (const request of block.request) await one(block.name, request, host);
  }
}

async function one(block: string, request: ProfileRequest, host: Host): Promise<void> {
  const place = placeOf(host.kind, block, request.name);
  host.goOn?.();
  const { step, wanted, mayFail } = await named(place, () => stepOf(request, host));
  const { id, operation, path, data, headers } = step;
  await named(place, () => {
    host.history.asked(block, request.name, {
      ...{ id, operation, path, headers },
      // OpenBao's page says `data`, its server `map`.
      ...(data === undefined ? { map: null } : { data, map: data }),
    });
  });
  if (!wanted) return;
  await named(place, () => {
    host.budget.request();
  });
  let response: Fields | null;
  try {
    response = await host.ask(step);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    if (!mayFail) throw at(place, error);
    host.failed?.(place, error);
    host.ended?.();
    return;
  }
  await named(place, () => {
    host.history.answered(block, request.name, response);
  });
  host.ended?.();
}

interface Built {
  readonly step: Step;
  readonly wanted: boolean;
  readonly mayFail: boolean;
}

async function stepOf(request: ProfileRequest, host: Host): Promise<Built> {
  const part = async (name: 'operation' | 'path' | 'token' | 'when' | 'allow_failure', type: 'string' | 'bool') => {
    return within(name, () => workedAs(request[name], type, host));
  };
  const operation = await part('operation', 'string');
  if (!isOperation(operation)) throw fail('badRequest', `\`operation\` is not one of ${OPERATION_NAMES}`);
  const path = await part('path', 'string');
  const token = await part('token', 'string');
  const data = await within('data', () => workedAs(request.data, 'map', host));
  const headers = await within('headers', async () => headersOf(await worked(request.headers, host)));
  return {
    step: {
      id: host.id(),
      operation,
      verb: OPERATIONS[operation],
      path: textOf(path).replace(/^\//, ''),
      token: token === undefined ? undefined : textOf(token),
      data: data === undefined || data === null ? undefined : (data as Fields),
      headers,
    },
    mayFail: (await part('allow_failure', 'bool')) === true,
    wanted: ((await part('when', 'bool')) ?? true) === true,
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const OPERATION_NAMES = Object.keys(OPERATIONS).join(', ');

function headersOf(value: unknown): Readonly<Record<string, readonly string[]>> {
  if (value === undefined || value === null) return {};
  const wrong = (): Error => fail('badRequest', 'a map of texts, or of lists of texts, is expected');
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong();
  const entries = Object.entries(value).map(([name, given]: [string, unknown]) => {
    const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (!/^[\w-]{1,128}$/.test(name) || !texts.every((each) => typeof each === 'string')) throw wrong();
    return [name.toLowerCase(), texts] as const;
  });
  return Object.fromEntries(entries);
}

async function within<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isLockstepError(error) ? at(`\`${name}\``, error) : error;
  }
}

/** Whatever fails there says where. */
async function named<T>(place: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isLockstepError(error) ? at(place, error) : error;
  }
}

const at = (place: string, error: LockstepError): LockstepError => {
  const { detail } = error;
  const message = error.message === '' ? 'refused' : error.message;
  return new LockstepError(error.code, `${place}: ${message}`, {
    cause: error,
    ...(detail === undefined ? {} : { detail }),
  });
};
