/** `sys/storage/raft/snapshot-auto`: what the configuration says of scheduled snapshots, and how they stand. */
import type { Node } from '../core/node.ts';
import type { SnapshotStanding } from '../core/snapshots/scheduled.ts';
import { fail } from '../errors.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const name = field.name('Name of the block `snapshot`.');
/** Go's zero time, which Vault shows for never. */
const NEVER = '0001-01-01T00:00:00Z';

/** Where a snapshot goes is decided by who starts the node: whoever could say it here could have all state sent to them. */
const refused = (named: string) =>
  fail(
    'badRequest',
    `scheduled snapshots are configured, not set here: write a block snapshot "${named}" into the file`,
  );

const timeOf = (time: number | undefined): string => (time === undefined ? NEVER : new Date(time).toISOString());

function shownStanding({ running, ...standing }: SnapshotStanding): JsonObject {
  return {
    consecutive_errors: standing.failures,
    last_snapshot_start: timeOf(standing.lastStart),
    last_snapshot_end: timeOf(standing.lastEnd),
    last_snapshot_error: standing.lastError,
    last_snapshot_url: standing.lastUrl,
    next_snapshot_start: timeOf(standing.nextStart),
    snapshot_start: timeOf(running?.start),
    snapshot_url: running?.url ?? '',
  };
}

const configs = at('storage/raft/snapshot-auto/config', {
  help: 'The scheduled snapshots of the configuration.',
  access: 'root',
  fields: {},
  operations: {
    list: {
      summary: 'List scheduled snapshots',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: (node) => {
        const { names } = node.unsealedSnapshots.scheduler;
        return names.length === 0 ? reply.missing : reply.ok({ keys: names });
      },
    },
  },
});

const config = at('storage/raft/snapshot-auto/config/:name', {
  help: 'One of the scheduled snapshots. They are configured in the file alone.',
  access: 'root',
  fields: { name },
  operations: {
    read: {
      summary: 'Read a scheduled snapshot',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: (node, values) => {
        const found = node.unsealedSnapshots.scheduler.describe(values.name);
        return found === undefined ? reply.missing : reply.ok(found);
      },
    },
    update: {
      summary: 'Refused: write it into the configuration',
      writes: 'nothing',
      replies: {},
      run: (_node, values) => {
        throw refused(values.name);
      },
    },
    delete: {
      summary: 'Refused: take it out of the configuration',
      writes: 'nothing',
      replies: {},
      run: (_node, values) => {
        throw refused(values.name);
      },
    },
  },
});

const text = (help: string) => field.string(help);

const status = at('storage/raft/snapshot-auto/status/:name', {
  help: 'How a scheduled snapshot stands.',
  access: 'root',
  fields: { name },
  operations: {
    read: {
      summary: 'How a scheduled snapshot stands',
      writes: 'nothing',
      replies: {
        200: {
          consecutive_errors: field.integer('Tries that have failed since the last good one.'),
          last_snapshot_start: text('When the last try was begun.'),
          last_snapshot_end: text('When it ended.'),
          last_snapshot_error: text('Why it failed; empty when it did not.'),
          last_snapshot_url: text('Where the last good one of this run of the node lies.'),
          next_snapshot_start: text('When the next one is due.'),
          snapshot_start: text('When the one under way was begun.'),
          snapshot_url: text('Where the one under way goes.'),
        },
        404: 'empty',
      },
      run: (node, values) => {
        const found = node.unsealedSnapshots.scheduler.standing(values.name);
        return found === undefined ? reply.missing : reply.ok(shownStanding(found));
      },
    },
  },
});

export const snapshotAutoPaths = [configs, config, status];
