/** `config`: what holds for every secret of the mount that has no setting of its own. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply } from '../../../framework/reply.ts';
import { formatDuration } from '../../../lib/duration.ts';
import { readConfig, writeConfig, type KvV2 } from './records.ts';

const at = pathsOf<KvV2>();

const config = at('config', {
  help: 'Settings of the whole mount.',
  fields: {
    max_versions: field.integer('How many versions are kept; 0 is 10.'),
    cas_required: field.boolean('Every write must carry cas.'),
    metadata_cas_required: field.boolean('Every write of metadata must carry metadata_cas.'),
    delete_version_after: field.duration('Versions are deleted after this time; 0 is never.'),
  },
  operations: {
    read: {
      summary: 'Read the settings',
      writes: 'nothing',
      replies: {
        200: {
          max_versions: field.integer('How many versions are kept.'),
          cas_required: field.boolean('Whether every write must carry cas.'),
          metadata_cas_required: field.boolean('Whether every write of metadata must carry metadata_cas.'),
          delete_version_after: field.string('When versions are deleted, such as `24h0m0s`.'),
        },
      },
      run: ({ view }) => {
        const found = readConfig(view.shared);
        return reply.ok({
          cas_required: found.casRequired,
          metadata_cas_required: found.metadataCasRequired ?? false,
          delete_version_after: formatDuration(found.deleteVersionAfter),
          max_versions: found.maxVersions,
        });
      },
    },
    update: {
      summary: 'Write the settings',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, values) => {
        if ((values.max_versions ?? 0) < 0) throw fail('badRequest', 'max_versions cannot be negative');
        await view.shared.transact((tx) => {
          const before = readConfig(tx);
          writeConfig(tx, {
            maxVersions: values.max_versions ?? before.maxVersions,
            casRequired: values.cas_required ?? before.casRequired,
            metadataCasRequired: values.metadata_cas_required ?? before.metadataCasRequired ?? false,
            deleteVersionAfter: values.delete_version_after ?? before.deleteVersionAfter,
          });
        });
        return reply.empty;
      },
    },
  },
});

export const configPaths = [config];
