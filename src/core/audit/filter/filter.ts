/** The `filter` of an audit device: which entries it records. */
import { fail } from '../../../errors.ts';
import type { AuditedRequest } from '../entry.ts';
import { parseExpression } from './expression.ts';

/** What a filter can ask about: Vault's five properties of an entry. */
export interface Subject {
  /** With the namespace before it. */
  readonly mount_point: string;
  readonly mount_type: string;
  /** `team/`; empty for the root one. */
  readonly namespace: string;
  readonly operation: string;
  /** With the namespace before it. */
  readonly path: string;
}

export type Filter = (subject: Subject) => boolean;

const properties = ['mount_point', 'mount_type', 'namespace', 'operation', 'path'] as const;
type Property = (typeof properties)[number];

const isProperty = (name: string): name is Property => (properties as readonly string[]).includes(name);

/** Throws `badRequest` that says what is wrong with it. */
export function parseFilter(text: string): Filter {
  const matches = parseExpression(text, ([name = '', ...more]) => {
    if (more.length > 0 || !isProperty(name)) {
      throw fail(
        'badRequest',
        `audit option \`filter\` knows ${properties.join(', ')}, not \`${[name, ...more].join('.')}\``,
      );
    }
  });
  return (subject) => matches(([name = '']) => (isProperty(name) ? subject[name] : undefined));
}

export function subjectOf({ namespace: { path: namespace }, mount, operation, path }: AuditedRequest): Subject {
  return {
    mount_point: mount === undefined ? '' : `${namespace}${mount.point}`,
    mount_type: mount?.type ?? '',
    namespace,
    operation,
    path: `${namespace}${path}`,
  };
}
