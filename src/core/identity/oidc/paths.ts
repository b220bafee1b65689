/** All paths below `identity/oidc/`. */
import { assignmentPaths } from './path-assignment.ts';
import { authorizePath } from './path-authorize.ts';
import { clientPaths } from './path-client.ts';
import { configPaths } from './path-config.ts';
import { exchangePath } from './path-exchange.ts';
import { keyPaths } from './path-key.ts';
import { providerPaths } from './path-provider.ts';
import { rolePaths } from './path-role.ts';
import { scopePaths } from './path-scope.ts';
import { tokenPaths } from './path-token.ts';
import { userinfoPath } from './path-userinfo.ts';

export const oidcPaths = [
  ...[...configPaths, ...keyPaths, ...rolePaths, ...tokenPaths],
  ...[...assignmentPaths, ...scopePaths, ...clientPaths, ...providerPaths],
  ...[authorizePath, exchangePath, userinfoPath],
];
