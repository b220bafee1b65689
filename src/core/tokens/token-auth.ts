/** The built-in auth method `token`: its mount is the core itself, so it lies here and not with the plug-ins. */
import { plugin, type AnyPlugin, type MountView } from '../../framework/plugin.ts';
import type { Call } from '../../framework/call.ts';
import type { RequestServices } from '../services.ts';
import { NO_CONFIG, type MountConfig } from '../mounts/mount.ts';
import { createPaths } from './path-create.ts';
import { lifePaths } from './path-life.ts';
import { lookupPaths } from './path-lookup.ts';
import { rolePaths } from './path-roles.ts';

export interface TokenAuth {
  readonly services: RequestServices;
  readonly view: MountView;
  /** Of the mount in the namespace that is asked. */
  readonly config: (call: Call) => MountConfig;
}

export function tokenAuth(services: () => RequestServices): AnyPlugin {
  return plugin<TokenAuth>({
    type: 'token',
    help: 'Tokens: made, looked up, renewed, revoked.',
    open: (view) => ({
      view,
      get services() {
        return services();
      },
      config: ({ namespace }) => services().mounts.at(namespace.id, 'auth/token/')?.record.config ?? NO_CONFIG,
    }),
    paths: () => [...createPaths, ...lookupPaths, ...lifePaths, ...rolePaths],
    logicalPath: (key) => key,
  });
}
