/** `login`: a request that AWS's own keys have signed, for a token. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import type { Grant } from '../../framework/reply.ts';
import { boundCidrsFor, checkLoginAddress, grantOf } from '../token-fields.ts';
import type { IdentityConfig } from './config.ts';
import type { AwsMount } from './mount.ts';
import { principalOf, type Principal } from './principal.ts';
import { binds, mustReadRole, readRole, type AwsRole } from './role.ts';
import { signedRequest } from './signed-request.ts';

const at = pathsOf<AwsMount>();

const aliases: Readonly<Record<IdentityConfig['iamAlias'], (role: AwsRole, principal: Principal) => string>> = {
  role_id: ({ roleId }) => roleId,
  unique_id: (_role, { uniqueId }) => uniqueId,
  canonical_arn: (_role, { canonicalArn }) => canonicalArn,
  full_arn: (_role, { callerArn }) => callerArn,
};

async function checkBound(mount: AwsMount, role: AwsRole, principal: Principal, signal: AbortSignal): Promise<void> {
  if (await binds(role, principal, () => mount.fullArn(principal, signal))) return;
  throw fail('invalidCredentials', undefined, { detail: 'the role does not bind who signed the request' });
}

interface Proven {
  readonly name: string;
  readonly role: AwsRole;
  readonly principal: Principal;
}

function grantFor(
  { name, role, principal }: Proven,
  { iamAlias, iamMetadata }: IdentityConfig,
  address: string,
): Grant {
  const { canonicalArn, callerArn, uniqueId, accountId } = principal;
  const all = {
    account_id: accountId,
    auth_type: 'iam',
    canonical_arn: canonicalArn,
    client_arn: callerArn,
    client_user_id: uniqueId,
  };
  const metadata = Object.fromEntries(iamMetadata.map((key) => [key, all[key]]));
  return grantOf(role.token, {
    displayName: principal.name,
    role: name,
    metadata: { ...metadata, role_id: role.roleId },
    alias: { name: aliases[iamAlias](role, principal), metadata },
    internal: { role: name, callerArn, uniqueId },
    boundCidrs: boundCidrsFor(role.token, address),
  });
}

/** The grant of today, by what AWS said at the login. Throws `badRequest`, `invalidCredentials`. */
export async function renewed(mount: AwsMount, internal: JsonObject, call: Call): Promise<Grant> {
  const { role: name, callerArn, uniqueId } = internal;
  const role = typeof name === 'string' ? readRole(mount.view.shared, name) : undefined;
  if (role === undefined) throw fail('badRequest', 'the role of this token is gone: log in again');
  const principal = typeof callerArn === 'string' ? principalOf(callerArn, String(uniqueId)) : undefined;
  if (principal === undefined) throw fail('badRequest', 'this token names no principal of AWS: log in again');
  await checkBound(mount, role, principal, call.signal());
  return grantOf(role.token, { displayName: principal.name });
}

const login = at('login', {
  help: 'Logs in with a signed request GetCallerIdentity, which is sent to AWS STS.',
  access: 'open',
  fields: {
    role: field.string('The role; by default one with the name of the user or role of AWS.', { default: '' }),
    iam_http_request_method: field.string('POST.', { default: '' }),
    iam_request_url: field.string('The address that was signed for, https://sts.amazonaws.com/, in base64.', {
      default: '',
    }),
    iam_request_body: field.string('Action=GetCallerIdentity&Version=2011-06-15, in base64.', { default: '' }),
    iam_request_headers: field.any('Its headers, with the signature: an object, or JSON of one in base64.'),
    pkcs7: field.string('Not offered: the document of an EC2 instance.', { default: '' }),
    identity: field.string('Not offered: the document of an EC2 instance.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (mount, given, call) => {
        if (given.pkcs7 !== '' || given.identity !== '') {
          throw fail('badRequest', 'logins of EC2 instances by their identity document are not offered: use iam');
        }
        // A name that no role has, and an address that none is bound to, asks AWS nothing.
        const named = given.role === '' ? undefined : mustReadRole(mount.view.shared, given.role);
        const { address } = call.client;
        if (named !== undefined) checkLoginAddress(named.token, address);
        const { iam_http_request_method: method, iam_request_url: url, iam_request_body: body } = given;
        const request = signedRequest({ method, url, body, headers: given.iam_request_headers }, mount.config);
        const principal = await mount.caller(request, call.signal());
        const name = (given.role === '' ? principal.name : given.role).toLowerCase();
        const role = named ?? mustReadRole(mount.view.shared, name);
        checkLoginAddress(role.token, address);
        await checkBound(mount, role, principal, call.signal());
        return { status: 200, grant: grantFor({ name, role, principal }, mount.identity, address) };
      },
    },
  },
});

export const loginPaths = [login];
