/** `login`: a service account's token for one of ours. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { strictObject } from '../../lib/jwt/strict-json.ts';
import { tokenBounds } from '../../lib/jwt/verify.ts';
import { boundCidrsFor, checkLoginAddress } from '../token-fields.ts';
import { accountGrant, checkAliasSource, checkBound, notBound, unfit } from './account-grant.ts';
import { isOffline, type KubernetesMount } from './mount.ts';
import { verifiedOffline } from './offline.ts';
import { reviewed, type Reviewing } from './review.ts';
import { bindsName, bindsNamespace, mustReadRole } from './role.ts';
import type { ServiceAccount } from './service-account.ts';

const at = pathsOf<KubernetesMount>();

async function offline({ mount, config, role, now, signal }: Reviewing, token: string): Promise<ServiceAccount> {
  const keys = mount.keys(config, now);
  checkAliasSource(role);
  // The role may be older than the configuration.
  if (keys === undefined) throw unfit();
  const account = await verifiedOffline(token, { config, keys, audience: role.audience, now, signal });
  checkBound(role, account);
  return account;
}

async function online(reviewing: Reviewing, token: string): Promise<ServiceAccount> {
  const { role } = reviewing;
  const { account, isSelected } = await reviewed(reviewing, token);
  if (!bindsName(role, account.name)) throw notBound();
  if (!bindsNamespace(role, account.namespace) && !(await isSelected())) throw notBound();
  return account;
}

/** Of a token that was verified. Empty: it names no key. */
function kidOf(token: string): string {
  const header = Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString('utf8');
  const kid = strictObject(header, { length: tokenBounds.header })?.['kid'];
  return typeof kid === 'string' ? kid : '';
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
        checkLoginAddress(role.token, address);
        const token = values.jwt.trim();
        // What no token looks like goes into no header, and to no API server.
        if (token.length > tokenBounds.length || !TOKEN.test(token)) {
          throw new TokenRefused('malformed', 'not three parts in base64url');
        }
        const reviewing = { mount, config, role, now: call.now, signal: call.signal() };
        const account = await (isOffline(config) ? offline : online)(reviewing, token);
        await mount.tally.count(call.now, kidOf(token));
        const grant = accountGrant(name, role, account);
        return { status: 200, grant: { ...grant, boundCidrs: boundCidrsFor(role.token, address) } };
      },
    },
  },
});

export const loginPaths = [login];
