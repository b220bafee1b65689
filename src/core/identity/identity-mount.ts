/** The built-in mount `identity/`: its paths work on the core itself, so they lie here and not with the plug-ins. */
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { enforcementPaths } from '../mfa/path-login-enforcement.ts';
import { methodPaths } from '../mfa/path-method.ts';
import { totpPaths } from '../mfa/path-totp.ts';
import type { RequestServices } from '../services.ts';
import type { IdentityMount } from './asked.ts';
import { entityPaths } from './path-entity.ts';
import { entityAliasPaths } from './path-entity-alias.ts';
import { groupPaths } from './path-group.ts';
import { groupAliasPaths } from './path-group-alias.ts';
import { lookupPaths } from './path-lookup.ts';
import { oidcPaths } from './oidc/paths.ts';

export function identityMount(services: () => RequestServices): AnyPlugin {
  return plugin<IdentityMount>({
    type: 'identity',
    help: 'Who is who: entities, what they log in as, groups, and tokens that tell others.',
    open: () => ({
      get services() {
        return services();
      },
    }),
    paths: () => [
      ...[...entityPaths, ...entityAliasPaths, ...groupPaths, ...groupAliasPaths, ...lookupPaths],
      ...[...methodPaths, ...totpPaths, ...enforcementPaths, ...oidcPaths],
    ],
    logicalPath: (key) => key,
  });
}
