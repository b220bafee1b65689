/** The certificates by ACME of all listeners of a server. */
import type { Listener } from '../../config/server.ts';
import type { Log } from '../listener.ts';
import { preparePlace } from './place.ts';
import { Renewal } from './renewal.ts';
import { acmeSettings } from './settings.ts';

const allOf = (listeners: readonly Listener[]) => listeners.flatMap((each) => acmeSettings(each) ?? []);

/** Before anything listens: what the listeners read is there then. Throws `unsafeDirectory`. */
export async function prepareAcme(listeners: readonly Listener[]): Promise<void> {
  for (const settings of allOf(listeners)) await preparePlace(settings);
}

export interface KeptCertificates extends Disposable {
  /** Looks now, whatever pause it is in. */
  readonly reload: () => void;
}

/** Once they listen. */
export function keepCertificates(listeners: readonly Listener[], log: Log): KeptCertificates {
  const renewals = allOf(listeners).map(
    (settings) =>
      new Renewal({
        ...{ settings, log },
        // Loaded when there is something to order: the library takes a while.
        order: async (...asked) => (await import('./order.ts')).orderCertificate(...asked),
      }),
  );
  const reload = (): void => {
    for (const renewal of renewals) void renewal.run();
  };
  reload();
  return {
    reload,
    [Symbol.dispose]: () => {
      for (const renewal of renewals) renewal[Symbol.dispose]();
    },
  };
}
