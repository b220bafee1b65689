/** `config`. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { defined } from '../../lib/defined.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import { CONFIG, NEW_CONFIG, type CertConfig, type CertMount } from './mount.ts';

const at = pathsOf<CertMount>();
const MOST_KEPT = 100_000;

const settings = {
  disable_binding: field.boolean('Renew tokens without the certificate that they were got with.'),
  enable_identity_alias_metadata: field.boolean('Keep what tokens have as metadata with the alias too.'),
  ocsp_cache_size: field.integer('How many answers of OCSP responders each node keeps, until they end.'),
};

const config = at('config', {
  help: 'How the method works for all of its roles.',
  fields: settings,
  operations: {
    read: {
      summary: 'Read the configuration',
      writes: 'nothing',
      replies: { 200: settings },
      run: ({ config: { disableBinding, aliasMetadata, ocspCacheSize } }) =>
        reply.ok({
          disable_binding: disableBinding,
          enable_identity_alias_metadata: aliasMetadata,
          ocsp_cache_size: ocspCacheSize,
        }),
    },
    update: {
      summary: 'Configure the method',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, given) => {
        const size = given.ocsp_cache_size;
        if (size !== undefined && (size < 2 || size > MOST_KEPT)) {
          throw fail('badRequest', `invalid cache size, must be >= 2 and <= ${String(MOST_KEPT)}`);
        }
        await view.shared.transact((tx) => {
          const changed: CertConfig = {
            ...(recordAt<CertConfig>(tx, CONFIG) ?? NEW_CONFIG),
            ...defined({
              disableBinding: given.disable_binding,
              aliasMetadata: given.enable_identity_alias_metadata,
              ocspCacheSize: size,
            }),
          };
          tx.put(CONFIG, encodeRecord(changed));
        });
        return reply.empty;
      },
    },
  },
});

export const configPaths = [config];
