/**
 * Puts every request on record with every device that is to have it. A request goes on once one device has it, and each
 * that may miss nothing; where none can, it is refused. Without any device nothing is recorded and nothing is refused, as
 * in Vault.
 */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import type { AuditDevice } from './device.ts';
import type { AuditedAlarm, AuditedCall, AuditedRequest, AuditedResponse } from './entry.ts';
import { subjectOf } from './filter/filter.ts';
import { Formatter } from './format.ts';
import type { Hasher } from './hasher.ts';
import type { FormatOptions } from './options.ts';

export interface AuditSink {
  /** Where `sys/audit` shows it, with its closing slash: `file/`. */
  readonly path: string;
  readonly device: AuditDevice;
  readonly format: FormatOptions;
  readonly hasher: Hasher;
}

/** One try of one device, for metrics (`vault.audit.{DEVICE}.log_request` and the like). */
export interface AuditEvent {
  readonly device: string;
  readonly entry: 'request' | 'response' | 'alarm';
  readonly failed: boolean;
  readonly milliseconds: number;
}

export interface BrokerOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds that never go back; the difference of two is a duration. */
  readonly monotonic: () => number;
  readonly report: (event: AuditEvent) => void;
  /** Told of each entry once: failed when no device has it. */
  readonly settled?: (event: Omit<AuditEvent, 'device'>) => void;
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

export interface DeviceCounts {
  readonly recorded: number;
  readonly failed: number;
}

type Entries = readonly AuditEvent['entry'][];
const BOTH: Entries = ['request', 'response'];

/** `now`: milliseconds since the epoch. One for each entry. */
type Lines = (formatter: Formatter, now: number) => readonly string[];

/** To put entries on record together, with each of the devices that are to have them. */
interface Attempt {
  readonly entries: Entries;
  readonly lines: Lines;
  /** By `monotonic`. */
  readonly start: number;
}

interface Enabled {
  readonly sink: AuditSink;
  readonly formatter: Formatter;
  recorded: number;
  failed: number;
  /** The last try failed: the log is told of changes, not of each failure. */
  failing: boolean;
}

export class AuditBroker implements AsyncDisposable {
  readonly #options: BrokerOptions;
  #devices: readonly Enabled[] = [];
  /** Not all devices have all entries. */
  #selective = false;
  #ended = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  get enabled(): boolean {
    return this.#ended || this.#devices.length > 0;
  }

  /** It had devices, and they are closed: what is still under way cannot be put on record any more, and is refused. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Starts a device, after a first entry unless its options say `skip_test`. No request is recorded with it before
   * `proven` is content with how that entry is delivered: one that is given up would take what it recorded with it.
   * Throws `badRequest` for a path in use and for a device that cannot record; the device is then disposed of.
   */
  async enable(sink: AuditSink, proven?: (delivered: () => Promise<void>) => Promise<void>): Promise<void> {
    const taken = (): boolean => this.#devices.some(({ sink: { path } }) => path === sink.path);
    const enabled = {
      sink,
      formatter: new Formatter(sink.format, sink.hasher),
      recorded: 0,
      failed: 0,
      failing: false,
    };
    try {
      if (taken()) throw fail('badRequest', `path already in use: an audit device is enabled at ${sink.path}`);
      if (!sink.format.skipTest) await sink.device.record(enabled.formatter.request(testCall(), this.#options.now()));
      await proven?.(async () => sink.device.delivered?.());
      if (taken()) throw fail('badRequest', `path already in use: an audit device is enabled at ${sink.path}`);
    } catch (error) {
      await sink.device[Symbol.asyncDispose]();
      const reason = error instanceof Error ? error.message : 'it cannot record';
      throw fail('badRequest', `audit device ${sink.path} is not enabled: ${reason}`, { cause: error });
    }
    this.#use([...this.#devices, enabled]);
  }

  /** What the device still holds is written first. False when there is none at that path. */
  async disable(path: string): Promise<boolean> {
    const found = this.#devices.find(({ sink }) => sink.path === path);
    if (found === undefined) return false;
    this.#use(this.#devices.filter((device) => device !== found));
    await found.sink.device[Symbol.asyncDispose]();
    return true;
  }

  /** Resolves once a device has sent on what was recorded before; rejects when its next try fails. */
  async delivered(path: string): Promise<void> {
    await this.#devices.find(({ sink }) => sink.path === path)?.sink.device.delivered?.();
  }

  #use(devices: readonly Enabled[]): void {
    this.#devices = devices;
    this.#selective = devices.some(({ sink: { format } }) => format.filter !== undefined || format.fallback);
  }

  /** On SIGHUP. A device that cannot open its file anew goes on with the old one, and the log is told. */
  async reopen(): Promise<void> {
    await Promise.all(
      this.#devices.map(async ({ sink }) => {
        try {
          await sink.device.reopen();
        } catch (error) {
          this.#options.warn('audit device not reopened', { device: sink.path, reason: messageOf(error) });
        }
      }),
    );
  }

  /** Before the handler changes anything. Rejects with `auditFailed`. */
  request(call: AuditedCall): undefined | Promise<void> {
    return this.#record(['request'], call.request, (formatter, now) => [formatter.request(call, now)]);
  }

  /** Before the reply is sent. Rejects with `auditFailed`. */
  response(call: AuditedCall, response: AuditedResponse): undefined | Promise<void> {
    return this.#record(['response'], call.request, (formatter, now) => [formatter.response(call, response, now)]);
  }

  /** Both entries of what is done already and changed nothing. Rejects with `auditFailed` unless one device has both. */
  both(call: AuditedCall, response: AuditedResponse): undefined | Promise<void> {
    return this.#record(BOTH, call.request, (formatter, now) => [
      formatter.request(call, now),
      formatter.response(call, response, now),
    ]);
  }

  /** What is no part of a request. Rejects with `auditFailed`. */
  alarm(alarm: AuditedAlarm): undefined | Promise<void> {
    return this.#record(['alarm'], undefined, (formatter, now) => [formatter.alarm(alarm, now)]);
  }

  /** `sys/audit-hash`. Throws `badRequest` when there is no such device. */
  hash(path: string, input: string): string {
    const found = this.#devices.find(({ sink }) => sink.path === path);
    if (found === undefined) throw fail('badRequest', `unknown audit backend: no device at ${path}`);
    return found.sink.hasher.hash(input);
  }

  /** What the same device on another thread must be given. */
  sharedBy(path: string): SharedArrayBuffer | undefined {
    return this.#devices.find(({ sink }) => sink.path === path)?.sink.device.shared;
  }

  counts(): ReadonlyMap<string, DeviceCounts> {
    return new Map(this.#devices.map(({ sink, recorded, failed }) => [sink.path, { recorded, failed }]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const devices = this.#devices;
    this.#ended ||= devices.length > 0;
    this.#use([]);
    await Promise.all(devices.map(({ sink }) => sink.device[Symbol.asyncDispose]()));
  }

  /** `request`: what filters look at. */
  #record(entries: Entries, request: AuditedRequest | undefined, lines: Lines): undefined | Promise<void> {
    if (this.#ended) return Promise.reject(fail('auditFailed'));
    if (this.#devices.length === 0) return undefined;
    const chosen = this.#selective ? this.#chosen(request) : this.#devices;
    const [first] = chosen;
    // Such as where the one that takes what others leave could not be started.
    if (first === undefined) return Promise.reject(fail('auditFailed'));
    const { monotonic, settled: told } = this.#options;
    const attempt = { entries, lines, start: monotonic() };
    const ended = (isRecorded: boolean): void => {
      const milliseconds = monotonic() - attempt.start;
      for (const entry of entries) told?.({ entry, failed: !isRecorded, milliseconds });
      if (!isRecorded) throw fail('auditFailed');
    };
    // Mostly there is one: its word is the last, without another promise.
    if (chosen.length === 1) return this.#try(first, attempt, ended);
    const tries = chosen.map((device) => this.#try(device, attempt, (isRecorded) => isRecorded));
    return settled(chosen, tries, request).then(ended);
  }

  /** Those whose filter it matches; those that take what others leave, where there is none. */
  #chosen(request: AuditedRequest | undefined): readonly Enabled[] {
    const subject = request === undefined ? undefined : subjectOf(request);
    const matching = this.#devices.filter(({ sink: { format } }) => {
      if (format.fallback) return false;
      return format.filter === undefined || (subject !== undefined && format.filter(subject));
    });
    return matching.length > 0 ? matching : this.#devices.filter(({ sink }) => sink.format.fallback);
  }

  /** What `told` makes of whether the device has it. */
  #try<T>(device: Enabled, attempt: Attempt, told: (isRecorded: boolean) => T): Promise<T> {
    const failed = (error: unknown): T => {
      this.#done(device, attempt, error);
      return told(false);
    };
    try {
      return device.sink.device.record(...attempt.lines(device.formatter, this.#options.now())).then(() => {
        this.#done(device, attempt, undefined);
        return told(true);
      }, failed);
    } catch (error) {
      return new Promise((resolve) => {
        resolve(failed(error));
      });
    }
  }

  #done(device: Enabled, { entries, start }: Attempt, error: unknown): void {
    const { path } = device.sink;
    const failed = error !== undefined;
    if (failed) device.failed += entries.length;
    else device.recorded += entries.length;
    const milliseconds = this.#options.monotonic() - start;
    for (const entry of entries) this.#options.report({ device: path, entry, failed, milliseconds });
    if (failed === device.failing) return;
    device.failing = failed;
    if (failed) this.#options.warn('audit device fails', { device: path, reason: messageOf(error) });
    else this.#options.warn('audit device records again', { device: path });
  }
}

/**
 * One success is enough, and a stalled device holds nobody up; but those that may miss nothing must have it, and where a
 * device was asked to flush each entry, its word counts before others'. `tries`: of the devices, in their order.
 */
async function settled(
  devices: readonly Enabled[],
  tries: readonly Promise<boolean>[],
  request: AuditedRequest | undefined,
): Promise<boolean> {
  const required = tries.filter((_, at) => isRequired(devices[at], request));
  if (required.length > 0 && (await Promise.all(required)).includes(false)) return false;
  const durable = tries.filter((_, at) => devices[at]?.sink.device.durable === true);
  const others = tries.filter((_, at) => devices[at]?.sink.device.durable !== true);
  return (await anyOf(durable)) || (await anyOf(others));
}

/** A device whose spool is full must not keep out the request that takes it away. */
function isRequired(device: Enabled | undefined, request: AuditedRequest | undefined): boolean {
  if (device?.sink.device.required !== true) return false;
  const removal = request?.operation === 'delete' && request.namespace.path === '';
  return !removal || `${request.path.replace(/\/+$/, '')}/` !== `sys/audit/${device.sink.path}`;
}

/** True as soon as one is, false once none was. */
function anyOf(tries: readonly Promise<boolean>[]): Promise<boolean> {
  return new Promise((resolve) => {
    for (const done of tries) void done.then((recorded) => recorded && resolve(true));
    void Promise.all(tries).then((all) => resolve(all.includes(true)));
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}

/** As Vault's first entry of a device. */
function testCall(): AuditedCall {
  return {
    auth: {
      displayName: '',
      policies: [],
      tokenPolicies: [],
      entityId: '',
      tokenType: 'default',
      tokenTtl: 0,
      issuedAt: 0,
    },
    request: {
      id: uuid(),
      operation: 'update',
      namespace: { id: 'root', path: '' },
      path: 'sys/audit/test',
      remoteAddress: '',
      remotePort: 0,
      wrapTtl: 0,
    },
  };
}
