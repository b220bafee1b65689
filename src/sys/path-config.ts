/** `sys/config`: origins of browsers, headers of pages, request headers in audit logs, and the configuration without secrets. */
import type { Node } from '../core/node.ts';
import { USUAL_CORS_HEADERS } from '../core/node-config.ts';
import { fail } from '../errors.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import type { CorsConfig } from '../framework/request.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

/** RFC 9110 5.1: the name of a header. */
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

function headerName(name: string): string {
  if (HEADER.test(name)) return name;
  throw fail('badRequest', 'a header has a name of letters, digits and dashes');
}

/** As Go writes the names of headers, and so as Vault shows them: `x-own` is `X-Own`. */
const canonical = (name: string): string =>
  name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

/** A page of one origin: scheme, host and port, without a path. */
function origin(text: string): string {
  if (text === '*') return text;
  const parsed = URL.canParse(text) ? new URL(text).origin : '';
  if (parsed !== text) {
    throw fail('badRequest', 'allowed_origins: each is an origin such as https://ui.example:8200, or * alone');
  }
  return text;
}

interface Wanted {
  readonly allowed_origins: readonly string[] | undefined;
  readonly allowed_headers: readonly string[];
  readonly allow_credentials: boolean;
}

function corsOf(wanted: Wanted): CorsConfig {
  const origins = (wanted.allowed_origins ?? []).map(origin);
  if (origins.length === 0) throw fail('badRequest', 'at least one origin or the wildcard must be provided');
  if (origins.includes('*') && origins.length > 1) {
    throw fail('badRequest', "to allow all origins the '*' must be the only value for allowed_origins");
  }
  // Any page of the world would be let ask with what the browser holds: cookies and client certificates.
  if (origins.includes('*') && wanted.allow_credentials) {
    throw fail('badRequest', "allow_credentials cannot be with '*': name the origins");
  }
  return { origins, headers: wanted.allowed_headers.map(headerName), credentials: wanted.allow_credentials };
}

const shownCors = ({ origins, headers, credentials }: CorsConfig): JsonObject => ({
  enabled: true,
  allowed_origins: origins,
  allowed_headers: [...USUAL_CORS_HEADERS, ...headers],
  allow_credentials: credentials,
});

const cors = at('config/cors', {
  help: 'Which pages of other origins may ask this node from a browser.',
  access: 'root',
  fields: {
    allowed_origins: field.list('Origins such as https://ui.example, or `*` alone.'),
    allowed_headers: field.list('Headers beside the usual ones.', { default: [] }),
    allow_credentials: field.boolean('Whether cookies and client certificates may come with it.', { default: false }),
  },
  operations: {
    read: {
      summary: 'Show what is allowed',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node) => {
        const found = node.services.config.cors;
        const shown = found === undefined ? { enabled: false } : shownCors(found);
        return { ...reply.ok(shown), flat: true };
      },
    },
    update: {
      summary: 'Allow origins',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, values) => {
        const wanted = corsOf(values);
        await node.services.config.change('cors', () => wanted);
        return reply.empty;
      },
    },
    delete: {
      summary: 'Allow no other origin any more',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node) => {
        await node.services.config.change('cors', () => undefined);
        return reply.empty;
      },
    },
  },
});

/** Such bounds keep what each request looks at small. */
const MOST_HEADERS = 128;

const audited = at('config/auditing/request-headers', {
  help: 'Which headers of requests stand in audit logs.',
  access: 'root',
  fields: {},
  operations: {
    read: {
      summary: 'Show all of them',
      writes: 'nothing',
      replies: { 200: { headers: field.object('By lower-case name.') } },
      run: (node) => ({
        ...reply.ok({ headers: Object.fromEntries(node.services.config.auditedHeaders) }),
        flat: true,
      }),
    },
  },
});

const auditedHeader = at('config/auditing/request-headers/:header', {
  help: 'Whether one header of requests stands in audit logs.',
  access: 'root',
  fields: {
    header: field.name('Name of the header; case does not matter.'),
    hmac: field.boolean('Whether its values are hashed.', { default: false }),
  },
  operations: {
    read: {
      summary: 'Show one',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, values) => {
        const name = values.header.toLowerCase();
        const found = node.services.config.auditedHeaders.get(name);
        if (found === undefined) throw fail('badRequest', 'Could not find header in config');
        // By the name that was asked, as Vault shows it.
        return { ...reply.ok({ [values.header]: found }), flat: true };
      },
    },
    update: {
      summary: 'Put a header into audit logs',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, { header, hmac }) => {
        const name = headerName(header).toLowerCase();
        // The token stands in each entry already, as its hash.
        if (!hmac && ['x-vault-token', 'authorization', 'cookie'].includes(name)) {
          throw fail('badRequest', `"${name}" carries secrets: it can be shown with hmac=true only`);
        }
        await node.services.config.change('audited-headers', (before = {}) => {
          const after = { ...before, [name]: { hmac } };
          if (Object.keys(after).length <= MOST_HEADERS) return after;
          throw fail('badRequest', `no more than ${String(MOST_HEADERS)} headers can be audited`);
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Leave a header out again',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, { header }) => {
        const gone = header.toLowerCase();
        await node.services.config.change('audited-headers', (before = {}) =>
          Object.fromEntries(Object.entries(before).filter(([name]) => name !== gone)),
        );
        return reply.empty;
      },
    },
  },
});

const pageHeaders = at('config/ui/headers', {
  help: 'Headers of pages for people. They are kept; there are no such pages yet.',
  access: 'root',
  fields: {},
  operations: {
    list: {
      summary: 'Names of the headers',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: (node) => reply.keys(Object.keys(node.services.config.pageHeaders).sort()),
    },
  },
});

const listOfValues = field.list('Its values. A text is one of them, whatever it holds.');
/** Commas are usual in a header, so a text is never taken apart. */
const headerValues: typeof listOfValues = {
  ...listOfValues,
  coerce: (raw, name) => listOfValues.coerce(typeof raw === 'string' && raw.includes(',') ? [raw] : raw, name),
};

const pageHeader = at('config/ui/headers/:header', {
  help: 'One header of pages for people.',
  access: 'root',
  fields: {
    header: field.name('Name of the header.'),
    values: headerValues,
    multivalue: field.boolean('Whether all values are shown.', { default: false }),
  },
  operations: {
    read: {
      summary: 'Show a header',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: (node, { header, multivalue }) => {
        const found = Object.entries(node.services.config.pageHeaders).find(
          ([name]) => name.toLowerCase() === header.toLowerCase(),
        )?.[1];
        if (found === undefined) return reply.missing;
        return reply.ok(multivalue ? { values: found } : { value: found[0] ?? '' });
      },
    },
    update: {
      summary: 'Set a header',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (node, { header, values = [] }) => {
        const name = canonical(headerName(header));
        if (/^x-vault-/i.test(name)) throw fail('badRequest', 'X-Vault headers cannot be set');
        if (values.length === 0) throw fail('badRequest', 'header and values must be specified');
        if (values.some((value) => /[^\t\u0020-\u007e]/.test(value))) {
          throw fail('badRequest', `a value of "${name}" cannot stand in a header`);
        }
        await node.services.config.change('ui-headers', (before = {}) => ({ ...before, [name]: values }));
        return { status: 200 };
      },
    },
    delete: {
      summary: 'Remove a header',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, { header }) => {
        await node.services.config.change('ui-headers', (before = {}) =>
          Object.fromEntries(Object.entries(before).filter(([name]) => name.toLowerCase() !== header.toLowerCase())),
        );
        return reply.empty;
      },
    },
  },
});

const sanitized = at('config/state/sanitized', {
  help: 'The configuration that this node was started with, without its secrets.',
  fields: {},
  operations: {
    read: {
      summary: 'The configuration of this node',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node) => reply.ok(node.sanitizedConfig),
    },
  },
});

export const configPaths = [cors, audited, auditedHeader, pageHeaders, pageHeader, sanitized];
