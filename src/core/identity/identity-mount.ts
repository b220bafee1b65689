/** The built-in mount `identity/`: its paths work on the core itself, so they lie here and not with the plug-ins. */
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import type { RequestServices } from '../services.ts';
import type { IdentityMount } from './asked.ts';
import { entityPaths } from './path-entity.ts';
import { entityAliasPaths } from './path-entity-alias.ts';
import { groupPaths } from './path-group.ts';
import { groupAliasPaths } from './path-group-alias.ts';
import { lookupPaths } from './path-lookup.ts';

export function identityMount(services: () => RequestServices): AnyPlugin {
  return plugin<IdentityMount>({
    type: 'identity',
    help: 'Who is who: entities, what they log in as, and groups.',
    open: () => ({
      get services() {
        return services();
      },
    }),
    paths: () => [...entityPaths, ...entityAliasPaths, ...groupPaths, ...groupAliasPaths, ...lookupPaths],
    logicalPath: (key) => key,
  });
}
