/** `sys/raw`, in recovery mode alone: records by their storage keys, as OpenBao has it. */
import type { RecoveryNode } from '../core/recovery/recovery-node.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { listed, pageFields } from '../framework/listing.ts';
import { pathsOf, type Path } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<RecoveryNode>();
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Throws `badRequest` for another encoding than OpenBao has. */
function isBase64(encoding: string): boolean {
  if (encoding !== '' && encoding !== 'base64') throw fail('badRequest', `invalid encoding "${encoding}": give base64`);
  return encoding === 'base64';
}

/** What is no text would be changed on its way: it is not shown as such. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw fail('badRequest', 'the record is no text: ask with encoding=base64');
  }
}

function bytesOf(value: string, base64: boolean): Uint8Array {
  if (!base64) return Buffer.from(value);
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) throw fail('badRequest', 'value is no base64: give it with its padding');
  return bytes;
}

export const rawPaths: readonly Path<RecoveryNode>[] = [
  at('raw/:path...', {
    help: 'Records by their storage keys. What is written is checked by nobody: take a copy of the data directory first.',
    fields: {
      path: field.name('The key of the record, or the folder to list.'),
      value: field.secret('The new value, as text or in base64.'),
      encoding: field.string('How the value is given: as it is, or `base64`.', { default: '' }),
      compression_type: field.string('Of OpenBao: records are not compressed here, so only an empty one is taken.', {
        default: '',
      }),
      ...pageFields,
    },
    operations: {
      read: {
        summary: 'Read a record',
        writes: 'nothing',
        replies: { 200: { value: field.string('The value.') }, 404: 'empty' },
        run: (node, { path, encoding }) => {
          const base64 = isBase64(encoding);
          const value = node.records.read(path);
          if (value === undefined) return reply.missing;
          return reply.ok({ value: base64 ? Buffer.from(value).toString('base64') : textOf(value) });
        },
      },
      update: {
        summary: 'Write a record',
        writes: 'local',
        replies: { 204: 'empty' },
        run: async (node, { path, value, encoding, compression_type: compression }) => {
          if (compression !== '') throw fail('badRequest', 'compression_type: records are not compressed here');
          if (value === undefined) throw fail('badRequest', 'value is missing');
          await node.records.write(path, bytesOf(value, isBase64(encoding)));
          return reply.empty;
        },
      },
      delete: {
        summary: 'Delete a record',
        writes: 'local',
        replies: { 204: 'empty' },
        run: async (node, { path }) => {
          await node.records.delete(path);
          return reply.empty;
        },
      },
      list: {
        summary: 'List one level of keys',
        writes: 'nothing',
        replies: { 200: { keys: field.list('Names; folders end in a slash.') }, 404: 'empty' },
        run: (node, { path, after, limit }) => {
          const folder = path === '' || path.endsWith('/') ? path : `${path}/`;
          return listed(node.records.children(folder), { after, limit });
        },
      },
    },
  }),
];
