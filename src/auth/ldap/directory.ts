/** What the directory says of who logs in: whether it is them, what they are called there, and which groups they are in. */
import { fail, isLockstepError } from '../../errors.ts';
import type { Entry } from '../../lib/ldap/answer.ts';
import { textOf } from '../../lib/ldap/ber.ts';
import type { Found, LdapConnection, Search } from '../../lib/ldap/connection.ts';
import { commonNameOf, escapedValue } from '../../lib/ldap/dn.ts';
import { codeName, DirectoryUnavailable } from '../../lib/ldap/unavailable.ts';
import { dereferences, type LdapConfig } from './config.ts';
import { reasonOf, type LdapMount } from './mount.ts';

const SIZE_LIMIT_EXCEEDED = 4;
const UPN = 'userPrincipalName';

/** Of one person: more is a filter that finds what it should not. */
const MOST_GROUPS = 5_000;

export interface Credentials {
  /** In its one form. */
  readonly username: string;
  readonly password: string;
}

export interface Person {
  /** Of the alias. */
  readonly alias: string;
  /** As the directory writes them. */
  readonly groups: readonly string[];
}

/** A connection, and until when it is waited for. */
class Session {
  readonly mount: LdapMount;
  readonly config: LdapConfig;
  readonly connection: LdapConnection;
  readonly #signal: AbortSignal;

  constructor(mount: LdapMount, config: LdapConfig, connection: LdapConnection, signal: AbortSignal) {
    this.mount = mount;
    this.config = config;
    this.connection = connection;
    this.#signal = signal;
  }

  /** One request more may take that long. */
  #limit(): AbortSignal {
    return AbortSignal.any([this.#signal, AbortSignal.timeout(this.config.requestTimeout * 1_000)]);
  }

  bind(dn: string, password: string): Promise<boolean> {
    return this.connection.bind(dn, password, this.#limit());
  }

  async bindAsNobody(dn: string): Promise<void> {
    const code = await this.connection.anonymous(dn, this.#limit());
    if (code !== 0) throw new DirectoryUnavailable(`it refuses the bind without a password: ${codeName(code)}`);
  }

  /** As the account of the configuration; false: it has none. */
  async bindAsService(): Promise<boolean> {
    const { bindDn } = this.config;
    const { bindPassword } = this.mount.secrets;
    if (bindDn === '' || bindPassword === '') return false;
    if (!(await this.bind(bindDn, bindPassword))) throw new DirectoryUnavailable(`it refuses ${codeName(49)}`);
    return true;
  }

  /** Below a DN. */
  search(search: Pick<Search, 'base' | 'filter' | 'attributes'> & Partial<Search>): Promise<Found> {
    const dereference = dereferences[this.config.dereference];
    return this.connection.search({ scope: 'sub', sizeLimit: 0, pageSize: 0, ...search, dereference }, this.#limit());
  }
}

/** What a search answers that found all there is. */
function whole({ code, entries }: Found): readonly Entry[] {
  if (code !== 0) throw new DirectoryUnavailable(`it refuses a search: ${codeName(code)}`);
  return entries;
}

/** The one entry of a user; undefined: there is none, or more than one, and who can tell whose password it is. */
async function entryOf(session: Session, username: string): Promise<Entry | undefined> {
  const { config, mount } = session;
  const { upnDomain, userFilter, userDn, userAttr } = config;
  const template = userFilter === '' ? '({{.UserAttr}}={{.Username}})' : userFilter;
  const filter =
    upnDomain === ''
      ? await mount.filter('userfilter', template, userAttr, { username })
      : await mount.filter('userfilter', template, UPN, { username: `${username}@${upnDomain}` });
  const found = await session.search({ base: userDn, filter, attributes: [userAttr], sizeLimit: 2 });
  if (found.code === SIZE_LIMIT_EXCEEDED) return undefined;
  const [entry, ...others] = whole(found);
  // Without a name, a bind proves nothing.
  return others.length > 0 || entry?.dn === '' ? undefined : entry;
}

/** Under which name they bind. */
const nameOf = (username: string, { upnDomain, userAttr, userDn }: LdapConfig): string =>
  upnDomain === '' ? `${userAttr}=${escapedValue(username)},${userDn}` : `${escapedValue(username)}@${upnDomain}`;

const searches = ({ mount, config: { discoverDn, bindDn } }: Session): boolean =>
  discoverDn || (bindDn !== '' && mount.secrets.bindPassword !== '');

/** Throws `badRequest`: the directory's entry is not one that an alias can be made of. */
function aliasOf(entry: Entry, { userAttr }: LdapConfig): string {
  const values = entry.attributes.get(userAttr.toLowerCase()) ?? [];
  const [value, ...others] = values;
  if (value === undefined || value.length === 0 || others.length > 0) {
    throw fail('badRequest', `the directory has no single "${userAttr}" of this user: set userattr to one that it has`);
  }
  return textOf(value);
}

/** Who binds, by their password: the entry that was found, if one was looked for, and the name. Throws `invalidCredentials`. */
async function proven(session: Session, { username, password }: Credentials) {
  const { config, mount } = session;
  const looked = searches(session);
  if (looked && !(await session.bindAsService())) await session.bindAsNobody(config.bindDn);
  const entry = looked ? await entryOf(session, username) : undefined;
  if (entry !== undefined) mount.met(username);
  if (looked && entry === undefined) {
    // Whoever is not there costs a bind too.
    await session.bind(`cn=${escapedValue(username)},cn=nobody,${config.userDn}`, password);
    throw fail('invalidCredentials');
  }
  const name = entry?.dn ?? nameOf(username, config);
  if (!(await session.bind(name, password))) throw fail('invalidCredentials');
  mount.met(username);
  return { entry, name };
}

/** Of who bound by a user principal name, the entry is looked for. */
async function dnOf(session: Session, username: string, name: string): Promise<string> {
  const { upnDomain, userDn } = session.config;
  if (upnDomain === '') return name;
  const { EqualityFilter } = await import('ldapts');
  const filter = new EqualityFilter({ attribute: UPN, value: `${username}@${upnDomain}` });
  const [entry, ...others] = whole(await session.search({ base: userDn, filter, attributes: ['1.1'], sizeLimit: 2 }));
  // Without a DN, a filter by it would find groups that name nobody.
  if (entry === undefined || entry.dn === '' || others.length > 0) {
    throw fail('badRequest', `the directory has no single entry with this ${UPN} below userdn`);
  }
  return entry.dn;
}

async function groupsOf(session: Session, userDn: string, username: string): Promise<readonly string[]> {
  const { config, mount } = session;
  const { groupDn, groupFilter, groupAttr, maxPageSize } = config;
  if (groupDn === '' || groupFilter === '') return [];
  const filter = await mount.filter('groupfilter', groupFilter, config.userAttr, { username, userDn });
  const found = await session.search({ base: groupDn, filter, attributes: [groupAttr], pageSize: maxPageSize });
  const groups = new Set<string>();
  for (const { dn, attributes } of whole(found)) {
    const values = attributes.get(groupAttr.toLowerCase()) ?? [];
    for (const value of values.length === 0 ? [dn] : values.map(textOf)) groups.add(commonNameOf(value));
  }
  if (groups.size > MOST_GROUPS) {
    throw fail('badRequest', `more than ${String(MOST_GROUPS)} groups of one user: narrow groupfilter`);
  }
  return [...groups].sort();
}

async function groupsAsAsked(session: Session, userDn: string, username: string, signal: AbortSignal) {
  const { mount, config } = session;
  if (!config.anonymousGroupSearch) return groupsOf(session, userDn, username);
  using connection = await mount.open(config, signal);
  return await groupsOf(new Session(mount, config, connection, signal), userDn, username);
}

async function asked(session: Session, credentials: Credentials, signal: AbortSignal): Promise<Person> {
  const { config } = session;
  const { username } = credentials;
  const { entry, name } = await proven(session, credentials);
  await session.bindAsService();
  const userDn = await dnOf(session, username, name);
  const groups = await groupsAsAsked(session, userDn, username, signal);
  if (config.usernameAsAlias) return { alias: username, groups };
  return { alias: entry === undefined ? name : aliasOf(entry, config), groups };
}

/**
 * Throws `invalidCredentials`; `DirectoryUnavailable` where nothing can be told now; `badRequest` where the directory or the
 * configuration is not such that this user could log in.
 */
export async function ask(mount: LdapMount, config: LdapConfig, credentials: Credentials, signal: AbortSignal) {
  try {
    using connection = await mount.open(config, signal);
    return await asked(new Session(mount, config, connection, signal), credentials, signal);
  } catch (error) {
    if (isLockstepError(error)) throw error;
    signal.throwIfAborted();
    throw new DirectoryUnavailable(reasonOf(error), { cause: error });
  }
}
