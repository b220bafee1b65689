/** `clusters publish-keys`: runs in a cluster, and brings its new keys to the server. */
import { setTimeout } from 'node:timers/promises';
import { ApiError } from '../../client/api-error.ts';
import { ConnectionError } from '../../client/connection-error.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import type { Context } from '../context.ts';
import { command } from '../command.ts';
import { CommandError, exit } from '../errors.ts';
import { flag } from '../flags.ts';
import { toText } from '../go-format.ts';
import { onInterrupt } from '../interrupt.ts';
import { clusterFlags, clusterHere } from './cluster-source.ts';
import { KeyPublisher } from './key-publisher.ts';
import { placeOf } from './manifest.ts';
import { clusterName } from './registered.ts';
import { DEFAULT_PUBLISHER } from './registration.ts';

const EVERY_S = 300;

const isPassing = (error: unknown): error is Error =>
  error instanceof ApiError || error instanceof ConnectionError || error instanceof KubernetesProblem;

async function told(context: Context, publisher: KeyPublisher): Promise<boolean> {
  try {
    const { changed, added, dropped, keys } = await publisher.publish();
    const list = (names: unknown): string =>
      Array.isArray(names) && names.length > 0 ? names.map(toText).join(', ') : 'none';
    if (changed === true) context.out.note(`Published: added ${list(added)}, dropped ${list(dropped)}`);
    else context.out.note(`Nothing new: held are ${list(keys)}`);
    return true;
  } catch (error) {
    if (!isPassing(error)) throw error;
    context.out.note(`Error publishing keys: ${error.message}`);
    return false;
  }
}

export const publishKeys = command({
  summary: 'Bring a cluster’s new keys to the server: runs inside the cluster',
  description:
    'Asks the API server for its keys each -every, and publishes them as the cluster’s registered publisher, with a token that ' +
    'the cluster signs for it under a key that is held. It keeps such a token in memory, so that it can vouch for a new key also ' +
    'when the cluster begins to sign with it at once. Needs no token of Lockstep, and an address of the hub. In a pod, it is ' +
    'the pod’s own service account; `clusters add` prints the manifest.',
  args: { usage: 'NAME', least: 1, most: 1 },
  flags: {
    ...clusterFlags,
    publisher: flag.text(`The service account that is registered for it; default ${DEFAULT_PUBLISHER}.`),
    every: flag.duration('How often it looks; default 5m.'),
    once: flag.boolean('Look once, and end: 0 when what is held is what the cluster has, 2 otherwise.'),
  },
  examples: [
    { note: 'In a pod of the publisher:', line: 'clusters publish-keys prod-eu' },
    { note: 'Once, from outside:', line: 'clusters publish-keys -once -kubeconfig=publisher.yaml prod-eu' },
  ],
  run: async (context, { values, args: [given = ''] }) => {
    const name = clusterName(given);
    const account = placeOf(values.publisher ?? DEFAULT_PUBLISHER);
    if (account.name === '') throw new CommandError('-publisher is namespace/name of a service account');
    const api = await clusterHere(context, values);
    const publisher = new KeyPublisher({ api, account, mount: `auth/${name}/`, client: context.client, now: Date.now });
    if (values.once === true) return (await told(context, publisher)) ? exit.ok : exit.server;
    using interrupt = onInterrupt();
    while (!interrupt.signal.aborted) {
      await told(context, publisher);
      await setTimeout((values.every ?? EVERY_S) * 1_000, undefined, { signal: interrupt.signal }).catch(
        () => undefined,
      );
    }
    return exit.ok;
  },
});
