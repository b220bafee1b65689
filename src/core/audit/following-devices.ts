/** The audit devices of a thread that only reads: those of the thread that writes, opened once more. */
import type { FollowedDevice } from './known-device.ts';
import type { AuditBroker } from './broker.ts';
import { openSink, type SinkOptions } from './sink.ts';

export interface FollowingOptions extends SinkOptions {
  readonly broker: AuditBroker;
}

export class FollowingDevices {
  readonly #options: FollowingOptions;

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** Without a first entry: the thread that writes made one. Throws as `AuditBroker.enable`. */
  async enable(device: FollowedDevice): Promise<void> {
    const sink = await openSink(device, this.#options);
    await this.#options.broker.enable({ ...sink, format: { ...sink.format, skipTest: true } });
  }

  /** What it still holds is written first. */
  async disable(path: string): Promise<void> {
    await this.#options.broker.disable(path);
  }

  async reopen(): Promise<void> {
    await this.#options.broker.reopen();
  }
}
