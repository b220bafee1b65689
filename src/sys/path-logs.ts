/** `sys/loggers` and `sys/monitor`: the levels of this node's log, and its lines. */
import { keys, ROOT_NAMESPACE } from '../core/keys.ts';
import type { Node } from '../core/node.ts';
import { isAllowedOutright } from '../core/policy/index.ts';
import { fail } from '../errors.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import type { LogLevel } from '../lib/log.ts';
import type { LogSource } from '../lib/log-source.ts';

const at = pathsOf<Node>();

/** Vault's names, and those of its logging library. */
const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['notice', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['err', 'error'],
]);

function levelOf(given: string | undefined): LogLevel {
  if (given === undefined || given === '') throw fail('badRequest', 'level is required');
  const level = LEVELS.get(given.trim().toLowerCase());
  if (level === undefined)
    throw fail('badRequest', 'invalid level provided: it is one of trace, debug, info, warn, error');
  return level;
}

function known(source: LogSource, name: string): string {
  if (source.names.includes(name)) return name;
  throw fail('badRequest', `logger "${name}" not found: it is one of ${source.names.join(', ')}`);
}

const levels = ({ logs }: Node, names: readonly string[]): Reply =>
  reply.ok(Object.fromEntries(names.map((name) => [name, logs.levelOf(name)])) as JsonObject);

const level = field.string('trace, debug, info, warn or error.');

const all = at('loggers', {
  help: 'The levels of the log of this node, by name. A change holds until the node starts again.',
  fields: { level },
  operations: {
    read: {
      summary: 'Levels of all loggers',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node) => levels(node, node.logs.names),
    },
    update: {
      summary: 'Set the level of all loggers',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (node, values) => {
        node.logs.setAll(levelOf(values.level));
        return reply.empty;
      },
    },
    delete: {
      summary: 'Set all loggers back to the level of the configuration',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (node) => {
        node.logs.resetAll();
        return reply.empty;
      },
    },
  },
});

const one = at('loggers/:name', {
  help: 'The level of one logger of this node.',
  fields: { name: field.name('Name of the logger; `core` is the one without a name.'), level },
  operations: {
    read: {
      summary: 'Level of a logger',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, { name }) => levels(node, node.logs.names.includes(name) ? [name] : []),
    },
    update: {
      summary: 'Set the level of a logger',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (node, values) => {
        const wanted = levelOf(values.level);
        node.logs.set(known(node.logs, values.name), wanted);
        return reply.empty;
      },
    },
    delete: {
      summary: 'Set a logger back to the level of the configuration',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (node, { name }) => {
        node.logs.reset(known(node.logs, name));
        return reply.empty;
      },
    },
  },
});

/** Streams hold memory and work: more of them are refused. */
const MOST_MONITORS = 64;

const monitor = at('monitor', {
  help:
    'The log of this node from now on, as text, until the caller goes away, its token ends or the node is sealed. ' +
    'Lines that are read too slowly are left out and counted.',
  fields: {
    log_level: field.string('The lowest level that is sent, whatever the level of the log is.', { default: 'info' }),
    log_format: field.string('standard or json.', { default: 'standard' }),
  },
  operations: {
    read: {
      summary: 'Follow the log',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: ['text/plain'],
      run: (node, values, call) => {
        const lowest = LEVELS.get(values.log_level);
        if (lowest === undefined) throw fail('badRequest', 'unknown log level');
        const { log_format: format } = values;
        if (format !== 'standard' && format !== 'json') throw fail('badRequest', 'unknown log format');
        if (node.monitors.size >= MOST_MONITORS) throw fail('tooManyRequests', 'too many callers follow the log');
        const { services } = node;
        const { client } = call;
        if (client.tokenKey === '')
          throw fail('badRequest', 'a batch token does not follow the log: use a service token');
        const token = keys.token(ROOT_NAMESPACE, client.tokenKey);
        const rules = keys.policies(ROOT_NAMESPACE);
        const body = node.monitors.open(services.store, {
          ...{ level: lowest, format },
          ends: ({ writes }) => writes.some(({ key, value }) => key === token && value === undefined),
          matters: ({ writes }) => writes.some(({ key }) => key.startsWith(rules)),
          allowed: () => isAllowedOutright(services.policies.acl(client).allows('read', 'sys/monitor', { wrapTtl: 0 })),
        });
        return { status: 200, stream: { contentType: 'text/plain; charset=utf-8', body } };
      },
    },
  },
});

export const logPaths = [all, one, monitor];
