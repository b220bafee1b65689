/** From a name and a password to what who has them gets: at a login, and again at each renewal. */
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Call } from '../../framework/call.ts';
import type { Grant } from '../../framework/reply.ts';
import { boundCidrsFor, checkLoginAddress, grantOf } from '../token-fields.ts';
import { ask, type Credentials, type Person } from './directory.ts';
import { policiesOf, userIn, usersPrefix } from './entries.ts';
import type { LdapMount } from './mount.ts';

/** No directory has longer ones, and what waits for its turn is held in memory. */
const MOST_PASSWORD_BYTES = 8 * 1024;

/** What was never anybody's password is not sent anywhere. A directory that ends it at a NUL would take it for another. */
const couldBePassword = (password: string): boolean =>
  Buffer.byteLength(password) <= MOST_PASSWORD_BYTES && !password.includes('\0') && password.isWellFormed();

interface Known {
  readonly person: Person;
  readonly policies: readonly string[];
  readonly groups: readonly string[];
}

async function known(mount: LdapMount, credentials: Credentials, signal: AbortSignal): Promise<Known> {
  const config = mount.mustConfig();
  const person = await mount.queue.run(() => ask(mount, config, credentials, signal), signal);
  const { shared } = mount.view;
  const user = userIn(shared, usersPrefix + credentials.username);
  const groups = [...new Set([...(user?.groups ?? []), ...person.groups])];
  const policies = [...new Set([...config.token.policies, ...policiesOf(shared, config, user, groups)])];
  return { person, policies, groups };
}

/** Throws `invalidCredentials`, `permissionDenied` for an address that tokens could not be used from, and as `ask`. */
export async function loggedIn(mount: LdapMount, credentials: Credentials, call: Call): Promise<Grant> {
  const { token } = mount.mustConfig();
  const { address } = call.client;
  checkLoginAddress(token, address);
  const { username, password } = credentials;
  if (!couldBePassword(password)) throw fail('invalidCredentials');
  const { person, policies, groups } = await known(mount, credentials, call.signal());
  return grantOf(
    { ...token, policies },
    {
      displayName: username,
      metadata: { username },
      alias: { name: person.alias, metadata: { name: username }, groups },
      internal: { username, password, policies },
      boundCidrs: boundCidrsFor(token, address),
    },
  );
}

const isSame = (one: readonly unknown[], other: readonly string[]): boolean =>
  new Set(one).symmetricDifference(new Set<unknown>(other)).size === 0;

/** The directory is asked again: who was locked there, or has another password since, renews nothing. */
export async function renewed(mount: LdapMount, internal: JsonObject, call: Call): Promise<Grant> {
  const { username, password, policies } = internal;
  if (typeof username !== 'string' || typeof password !== 'string' || !Array.isArray(policies)) {
    throw fail('badRequest', 'this token cannot be renewed: log in again');
  }
  const { token } = mount.mustConfig();
  const now = await known(mount, { username, password }, call.signal());
  if (!isSame(policies, now.policies)) {
    throw fail('badRequest', 'policies have changed, not renewing: log in again');
  }
  const { groups, person } = now;
  return grantOf(token, { displayName: username, alias: { name: person.alias, metadata: { name: username }, groups } });
}
