/** What the threads of a server ask of each other. */
import type { FollowedDevice } from '../../core/audit/known-device.ts';
import type { DeviceSettings } from '../../core/audit/sink.ts';
import type { InFlightRequest } from '../../core/in-flight.ts';
import type { CoreSettings } from '../../core/settings.ts';
import type { NamespaceUnsealing, Unsealing } from '../../core/threads.ts';
import type { KeyObject } from '../../lib/crypto/hash.ts';
import type { LogOptions, LogRecord } from '../../lib/log.ts';
import type { LogState } from '../../lib/log-source.ts';
import type { MetricsCopy } from '../../lib/metrics/copy.ts';
import type { ListenerSettings } from '../listener.ts';
import type { Answer, Handed, Upload } from './handover.ts';
import type { End, Opening, Piece } from './tunnel.ts';

/** What a thread is started with. */
export interface ThreadData {
  /** The data directory. */
  readonly path: string;
  readonly board: SharedArrayBuffer;
  /** How old a region's copy is. */
  readonly age: SharedArrayBuffer;
  /** What quotas have counted. */
  readonly windows: SharedArrayBuffer;
  readonly settings: CoreSettings;
  readonly audit: DeviceSettings;
  readonly log: Pick<LogOptions, 'level' | 'format'>;
}

interface Ask<Argument, Answer = void> {
  readonly argument: Argument;
  readonly answer: Answer;
}

/** Asked of a thread that reads. */
export type ReaderAsks = {
  readonly listen: Ask<readonly ListenerSettings[]>;
  readonly unseal: Ask<Unsealing>;
  readonly seal: Ask<undefined>;
  readonly expectRoot: Ask<KeyObject>;
  readonly unsealNamespace: Ask<NamespaceUnsealing>;
  readonly expectNamespaceRoot: Ask<NamespaceUnsealing>;
  readonly sealNamespaces: Ask<readonly string[]>;
  readonly enableAudit: Ask<FollowedDevice>;
  readonly disableAudit: Ask<string>;
  readonly reopenAudit: Ask<undefined>;
  /** Certificates. */
  readonly reload: Ask<undefined>;
  /** Another thread listens too: its clients are to come anew. */
  readonly renew: Ask<undefined>;
  readonly metrics: Ask<undefined, MetricsCopy>;
  readonly inFlight: Ask<undefined, readonly InFlightRequest[]>;
  /** Which records it shall send. */
  readonly logState: Ask<LogState>;
  /** There is much that it has not looked at. */
  readonly look: Ask<undefined>;
  /** Resolves once its requests are answered. */
  readonly close: Ask<undefined>;
  /** Resolves once the body of a request that was handed over is in the file. */
  readonly upload: Ask<Upload>;
  readonly tunnelData: Ask<Piece>;
  readonly tunnelEnd: Ask<End>;
};

/** Asked of the thread that writes. */
export type WriterAsks = {
  readonly request: Ask<Handed, Answer>;
  /** The client of the request at that place went away. */
  readonly gone: Ask<number>;
  readonly log: Ask<LogRecord>;
  readonly tunnelOpen: Ask<Opening>;
  readonly tunnelData: Ask<Piece>;
  readonly tunnelEnd: Ask<End>;
};
