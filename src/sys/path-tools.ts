/** `sys/tools`: random bytes and digests. Both change nothing and need no key. */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { digest, digestAlgorithms } from '../lib/crypto/hash.ts';
import { randomBytes } from '../lib/crypto/random.ts';

const at = pathsOf<Node>();

/** As Vault bounds it. */
const MOST_BYTES = 131_072;
const DEFAULT_BYTES = 32;
const SOURCES: ReadonlySet<string> = new Set(['platform', 'seal', 'all']);

function encoded(bytes: Buffer, format: string): string {
  if (format === 'hex' || format === 'base64') return bytes.toString(format);
  throw fail('badRequest', 'unsupported encoding format; must be "hex" or "base64"');
}

function counted(text: string | number): number {
  const count = typeof text === 'number' ? text : /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (count === undefined) throw fail('badRequest', '"bytes" must be a whole number');
  if (count < 1) throw fail('badRequest', '"bytes" cannot be less than 1');
  if (count > MOST_BYTES) throw fail('badRequest', `"bytes" should be less than ${String(MOST_BYTES)}`);
  return count;
}

interface Wanted {
  readonly source: string;
  readonly bytes: string | number;
  readonly format: string;
}

function random({ source, bytes, format }: Wanted): Reply {
  if (!SOURCES.has(source)) {
    throw fail('badRequest', 'unsupported entropy source; must be "platform", "seal" or "all"');
  }
  const made = encoded(randomBytes(counted(bytes)), format);
  const warnings = source === 'seal' ? ['no seal/entropy augmentation available, using platform entropy source'] : [];
  return { ...reply.ok({ random_bytes: made }), warnings };
}

const randomFields = {
  bytes: field.integer('How many bytes.', { default: DEFAULT_BYTES }),
  format: field.string('base64 or hex.', { default: 'base64' }),
};
const made = { random_bytes: field.string('The bytes, encoded.') };
const randomHelp = 'Random bytes from the generator of the operating system.';

const randomBare = at('tools/random', {
  help: randomHelp,
  namespaces: true,
  fields: { ...randomFields, source: field.string('platform, seal or all.', { default: 'platform' }) },
  operations: {
    update: {
      summary: 'Make random bytes',
      writes: 'nothing',
      replies: { 200: made },
      run: (_node, values) => random(values),
    },
  },
});

const randomOne = at('tools/random/:source', {
  help: randomHelp,
  namespaces: true,
  fields: { ...randomFields, source: field.name('How many bytes, or where from: platform, seal, all.') },
  operations: {
    update: {
      summary: 'Make random bytes',
      writes: 'nothing',
      replies: { 200: made },
      run: (_node, { source, bytes, format }) =>
        SOURCES.has(source) || !/^-?\d/.test(source)
          ? random({ source, bytes, format })
          : random({ source: 'platform', bytes: source, format }),
    },
  },
});

const randomBoth = at('tools/random/:source/:urlbytes', {
  help: randomHelp,
  namespaces: true,
  fields: {
    ...randomFields,
    source: field.name('platform, seal or all.'),
    urlbytes: field.name('How many bytes.'),
  },
  operations: {
    update: {
      summary: 'Make random bytes',
      writes: 'nothing',
      replies: { 200: made },
      run: (_node, { source, urlbytes, format }) => random({ source, bytes: urlbytes, format }),
    },
  },
});

interface Hashing {
  readonly algorithm: string;
  readonly input: string;
  readonly format: string;
}

function hashed({ algorithm, input, format }: Hashing): Reply {
  const known = digestAlgorithms.find((name) => name === algorithm);
  if (known === undefined) {
    throw fail('badRequest', `unsupported algorithm: it is one of ${digestAlgorithms.join(', ')}`);
  }
  // Node's decoder drops what is no base64, and would hash something else than was meant.
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(input)) {
    throw fail('badRequest', 'unable to decode input as base64');
  }
  return reply.ok({ sum: encoded(digest(known, Buffer.from(input, 'base64')), format) });
}

const hashFields = {
  input: field.secret('What to hash, in base64.', { default: '' }),
  format: field.string('hex or base64.', { default: 'hex' }),
};
const sum = { sum: field.string('The digest, encoded.') };

const hashBare = at('tools/hash', {
  help: 'The digest of a text.',
  namespaces: true,
  fields: { ...hashFields, algorithm: field.string(digestAlgorithms.join(', '), { default: 'sha2-256' }) },
  operations: {
    update: {
      summary: 'Hash',
      writes: 'nothing',
      replies: { 200: sum },
      run: (_node, values) => hashed(values),
    },
  },
});

const hashWith = at('tools/hash/:urlalgorithm', {
  help: 'The digest of a text.',
  namespaces: true,
  fields: { ...hashFields, urlalgorithm: field.name(digestAlgorithms.join(', ')) },
  operations: {
    update: {
      summary: 'Hash',
      writes: 'nothing',
      replies: { 200: sum },
      run: (_node, { urlalgorithm, input, format }) => hashed({ algorithm: urlalgorithm, input, format }),
    },
  },
});

export const toolPaths = [randomBare, randomOne, randomBoth, hashBare, hashWith];
