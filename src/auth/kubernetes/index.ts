/** Kubernetes: a pod logs in with its service account's token, by TokenReview or offline by the cluster's keys. */
import { fail } from '../../errors.ts';
import { plugin, type AnyPlugin } from '../../framework/plugin.ts';
import { namedRole } from '../login-role.ts';
import { grantOf, loginsBelow } from '../token-fields.ts';
import { KubernetesMount } from './mount.ts';
import { configPaths } from './path-config.ts';
import { keyPaths } from './path-keys.ts';
import { loginPaths } from './path-login.ts';
import { rolePaths } from './path-role.ts';
import { readRole, rolesPrefix, type KubernetesRole } from './role.ts';
import { supposedLogin } from './supposed-login.ts';

export const kubernetes: AnyPlugin = plugin<KubernetesMount>({
  type: 'kubernetes',
  help: 'Service accounts of a Kubernetes cluster log in.',
  open: (view) => new KubernetesMount(view),
  paths: () => [...configPaths, ...keyPaths, ...rolePaths, ...loginPaths],
  renewLogin: ({ view }, { role: name }) => {
    const role = typeof name === 'string' ? readRole(view.shared, name) : undefined;
    if (role === undefined) throw fail('badRequest', 'the role of this token is gone: log in again');
    return grantOf(role.token, { displayName: '' });
  },
  logins: ({ view }, page) => loginsBelow<KubernetesRole>(view.shared, rolesPrefix, page, ({ token }) => token),
  supposedLogin,
  loginRole: (_mount, rest, { role }) => (rest === 'login' ? namedRole(role) : undefined),
  logicalPath: (key) => (key.startsWith(rolesPrefix) ? key : undefined),
});
