/** What a subscriber asks for, from the upgrade request. */
import { fail } from '../errors.ts';
import { patternOf } from '../core/events/patterns.ts';
import { PROTOCOL } from '../core/events/frames.ts';
import { selection } from '../core/events/selection.ts';
import type { Wants } from '../core/events/subscription.ts';
import type { Namespace } from '../core/namespaces/namespace.ts';
import { durationSeconds } from '../lib/duration.ts';
import type { Request } from '../framework/request.ts';
import { checkSegments } from '../lib/path-segments.ts';
import { decodeForm } from './path.ts';

export interface Consumer {
  readonly id: string;
  /** Seconds that it stays registered after it was last connected. */
  readonly ttl: number;
}

export interface Asked {
  readonly wants: Wants;
  readonly index: string | undefined;
  readonly consumer: Consumer | undefined;
}

export const ROOT = 'sys/events/subscribe/';
const MAX_PATHS = 256;
const MAX_PATH = 1_024;
const MAX_TYPE = 128;
const DEFAULT_TTL = 72 * 3600;
const LONGEST_TTL = 366 * 86_400;
const CONSUMER = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$/;
const LOCKSTEP = new Set(['path', 'index', 'consumer', 'consumer_ttl']);
const VAULT = new Set(['json', 'namespaces', 'filter']);

function queryOf(url: string): readonly (readonly [name: string, value: string])[] {
  const at = url.indexOf('?');
  const pairs = at < 0 ? [] : url.slice(at + 1).split('&');
  return pairs
    .filter((pair) => pair !== '')
    .map((pair) => {
      const border = pair.indexOf('=');
      const name = border < 0 ? pair : pair.slice(0, border);
      return [decodeForm(name), border < 0 ? '' : decodeForm(pair.slice(border + 1))];
    });
}

function pathOf(text: string): string {
  const path = text.startsWith('/') ? text.slice(1) : text;
  if (path === '' || path.length > MAX_PATH) {
    throw fail('badRequest', `"path" must have 1 to ${String(MAX_PATH)} characters`);
  }
  const pattern = patternOf(path);
  if (pattern.path.includes('*')) throw fail('badRequest', '"path" may hold one "*", at its end');
  checkSegments(pattern.path, '"path"');
  return path;
}

function consumerOf(query: ReadonlyMap<string, string>): Consumer | undefined {
  const id = query.get('consumer');
  if (id === undefined) return undefined;
  if (!CONSUMER.test(id)) {
    throw fail(
      'badRequest',
      '"consumer" must be 1 to 128 letters, digits or any of ._:@- and begin with a letter or digit',
    );
  }
  const ttl = durationSeconds(query.get('consumer_ttl') ?? DEFAULT_TTL, 'consumer_ttl');
  if (ttl === 0 || ttl > LONGEST_TTL) throw fail('badRequest', '"consumer_ttl" must be between 1s and 366d');
  return { id, ttl };
}

function assertKnown(query: readonly (readonly [string, string])[], known: ReadonlySet<string>): void {
  const unknown = query.find(([name]) => !known.has(name));
  if (unknown !== undefined) {
    throw fail('badRequest', `a query parameter is not known here: this dialect takes ${[...known].join(', ')}`);
  }
}

/** `head`: with its path below the namespace. Throws `badRequest` or, for another path, `unsupportedPath`. */
export function readAsked(head: Request, url: string, namespace: Namespace): Asked {
  const types = head.path.startsWith(ROOT) ? head.path.slice(ROOT.length) : '';
  if (types === '') throw fail('unsupportedPath');
  if (types.length > MAX_TYPE) throw fail('badRequest', 'the event type is too long');
  const query = queryOf(url);
  const single = new Map(query);
  const offered = String(head.headers['sec-websocket-protocol'] ?? '').split(',');
  if (!offered.some((name) => name.trim() === PROTOCOL)) {
    assertKnown(query, VAULT);
    if (single.get('json') !== 'true') throw fail('badRequest', 'events are sent as JSON: ask with json=true');
    const namespaces = query.filter(([name]) => name === 'namespaces').map(([, value]) => value);
    const selects = selection(namespace, { filter: single.get('filter'), namespaces });
    const patterns = [patternOf(`${namespace.path}*`)];
    return { wants: { dialect: 'vault', types, patterns, namespace, selects }, index: undefined, consumer: undefined };
  }
  assertKnown(query, LOCKSTEP);
  const paths = new Set(query.filter(([name]) => name === 'path').map(([, value]) => pathOf(value)));
  if (paths.size === 0) throw fail('badRequest', 'name what to watch: path=secret/data/apps/*');
  if (paths.size > MAX_PATHS)
    throw fail('badRequest', `at most ${String(MAX_PATHS)} paths can be watched on one stream`);
  const patterns = [...paths].map((path) => patternOf(namespace.path + path));
  const wants: Wants = { dialect: 'lockstep', types, patterns, namespace };
  return { wants, index: single.get('index'), consumer: consumerOf(single) };
}
