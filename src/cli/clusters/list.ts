/** `clusters list`. */
import { command } from '../command.ts';
import { headedTable } from '../table.ts';
import { ageOf } from './age.ts';
import { clusterNames, registered, type RegisteredCluster } from './registered.ts';

const COLUMNS = ['Cluster', 'Issuer', 'Verified', 'Keys (age)', 'Logins', 'Last login'];

function rowOf({ name, ...cluster }: RegisteredCluster, now: number): readonly string[] {
  const keys = cluster.keys.map(
    ({ kid, thumbprint, since }) => `${kid === '' ? thumbprint : kid} (${ageOf(since, now)})`,
  );
  return [
    ...[name, cluster.issuer, cluster.verification, keys.length === 0 ? cluster.source : keys.join('\n')],
    ...[String(cluster.logins), ageOf(cluster.last_login_time, now)],
  ];
}

const notConfigured = (names: readonly string[]): string =>
  `Mounts of the auth method kubernetes without a configuration: ${names.join(', ')}. ` +
  '`lockstep clusters add` with that name completes one.';

export const list = command({
  summary: 'List the clusters, their keys and their logins',
  description:
    'Logins are those at the node or region that is asked, counted about each minute. A cluster is a mount of the auth ' +
    'method kubernetes; its name is the path.',
  output: 'format',
  examples: [{ note: 'List them:', line: 'clusters list' }],
  run: async (context) => {
    const names = await clusterNames(context.client);
    const found = await Promise.all(names.map((name) => registered(context.client, name)));
    const clusters = found.filter((each) => each !== undefined);
    const bare = names.filter((_name, at) => found[at] === undefined);
    await context.out.value(clusters, () =>
      clusters.length === 0
        ? 'There are no clusters yet: register one with `lockstep clusters add`'
        : headedTable(
            COLUMNS,
            clusters.map((each) => rowOf(each, Date.now())),
          ),
    );
    if (bare.length > 0) context.out.note(notConfigured(bare));
  },
});
