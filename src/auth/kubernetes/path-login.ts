/** `login`: a service account's token for one of ours. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import type { Grant } from '../../framework/reply.ts';
import { inCidrs } from '../../lib/cidr.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { tokenBounds } from '../../lib/jwt/verify.ts';
import { boundCidrsFor, grantOf } from '../token-fields.ts';
import { isOffline, type KubernetesMount } from './mount.ts';
import { verifiedOffline } from './offline.ts';
import { reviewed, type Reviewing } from './review.ts';
import { bindsName, bindsNamespace, mustReadRole, type KubernetesRole } from './role.ts';
import type { ServiceAccount } from './service-account.ts';

const at = pathsOf<KubernetesMount>();

const notBound = (): TokenRefused => new TokenRefused('claim', 'its service account is not one that the role binds');

async function offline({ mount, config, role, now, signal }: Reviewing, token: string): Promise<ServiceAccount> {
  const keys = mount.keys(config);
  const { audience, aliasSource } = role;
  // The role may be older than the configuration.
  if (keys === undefined || aliasSource !== 'serviceaccount_uid') {
    throw fail('badRequest', 'the role does not fit offline verification: write it again');
  }
  const account = await verifiedOffline(token, { config, keys, audience, now, signal });
  if (!bindsName(role, account.name) || !bindsNamespace(role, account.namespace)) throw notBound();
  return account;
}

async function online(reviewing: Reviewing, token: string): Promise<ServiceAccount> {
  const { role } = reviewing;
  const { account, isSelected } = await reviewed(reviewing, token);
  if (!bindsName(role, account.name)) throw notBound();
  if (!bindsNamespace(role, account.namespace) && !(await isSelected())) throw notBound();
  return account;
}

function grantFor(name: string, role: KubernetesRole, account: ServiceAccount, address: string): Grant {
  const { namespace, name: accountName, uid } = account;
  const metadata = {
    service_account_uid: uid,
    service_account_name: accountName,
    service_account_namespace: namespace,
    service_account_secret_name: '',
  };
  return grantOf(role.token, {
    displayName: `${namespace}-${accountName}`,
    role: name,
    metadata: { ...metadata, role: name },
    alias: { name: role.aliasSource === 'serviceaccount_uid' ? uid : `${namespace}/${accountName}`, metadata },
    internal: { role: name },
    boundCidrs: boundCidrsFor(role.token, address),
  });
}

const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const login = at('login', {
  help: 'Logs in with the token of a service account.',
  access: 'open',
  fields: {
    role: field.string('The role.', { default: '' }),
    jwt: field.secret('The token.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (mount, values, call) => {
        if (values.jwt === '') throw fail('badRequest', 'missing jwt');
        const name = values.role.toLowerCase();
        const role = mustReadRole(mount.view.shared, name);
        const config = mount.mustConfig();
        const { address } = call.client;
        const { boundCidrs } = role.token;
        if (boundCidrs.length > 0 && !inCidrs(boundCidrs, address)) throw fail('permissionDenied');
        const token = values.jwt.trim();
        // What no token looks like goes into no header, and to no API server.
        if (token.length > tokenBounds.length || !TOKEN.test(token)) {
          throw new TokenRefused('malformed', 'not three parts in base64url');
        }
        const reviewing = { mount, config, role, now: call.now, signal: call.signal() };
        const account = await (isOffline(config) ? offline : online)(reviewing, token);
        return { status: 200, grant: grantFor(name, role, account, address) };
      },
    },
  },
});

export const loginPaths = [login];
