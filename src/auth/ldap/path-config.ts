/** `config`: which directory, and how it is asked. */
import { createSecureContext } from 'node:tls';
import { fail } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { defined } from '../../lib/defined.ts';
import { applyTokenFields, shownTokenSettings, tokenFields } from '../token-fields.ts';
import { tlsVersions, urlsOf, type LdapConfig, type LdapSecrets, type TlsVersion } from './config.ts';
import { filterOf } from './filter.ts';
import type { LdapMount } from './mount.ts';

const at = pathsOf<LdapMount>();

const shownFields = {
  anonymous_group_search: field.boolean('Search for groups as nobody.'),
  binddn: field.string('The account that searches for users and groups.'),
  case_sensitive_names: field.boolean('Names of users and groups are told apart by case.'),
  certificate: field.string('Authorities of the directory’s certificate, PEM; the machine’s without.'),
  connection_timeout: field.duration('How long an address is tried before the next one.'),
  deny_null_bind: field.boolean('Kept for old clients: an empty password is always refused.'),
  dereference_aliases: field.enum('When a search follows aliases.', ['never', 'finding', 'searching', 'always']),
  discoverdn: field.boolean('Search for the user’s DN as nobody.'),
  groupattr: field.string('The attribute of what groupfilter finds that names the group; a DN stands for its cn.'),
  groupdn: field.string('Below which DN groups are searched for; no groups without.'),
  groupfilter: field.string('How groups of a user are found; {{.UserDN}} and {{.Username}} can stand for values.'),
  insecure_tls: field.boolean('Take any certificate of the directory: whoever is on the way there learns passwords.'),
  max_page_size: field.integer('Ask for groups in pages of so many; 0 is without pages.'),
  request_timeout: field.duration('How long one answer is waited for.'),
  starttls: field.boolean('Change to TLS on ldap:// before anything is said.'),
  tls_max_version: field.enum('Newest TLS version.', ['tls10', 'tls11', 'tls12', 'tls13']),
  tls_min_version: field.enum('Oldest TLS version; tls10 and tls11 are raised to tls12.', [
    'tls10',
    'tls11',
    'tls12',
    'tls13',
  ]),
  upndomain: field.string('Users bind as name@upndomain.'),
  url: field.string('ldap:// or ldaps:// addresses, divided by commas: the first that answers is asked.'),
  use_pre111_group_cn_behavior: field.boolean('Not offered: groups are found by cn in any case.'),
  use_token_groups: field.boolean('Not offered: see groupfilter.'),
  userattr: field.string('The attribute that holds the name of a user.'),
  userdn: field.string('Below which DN users are.'),
  userfilter: field.string('How a user is found; {{.UserAttr}} and {{.Username}} can stand in it.'),
  username_as_alias: field.boolean('The alias is the name that was logged in with.'),
  ...tokenFields,
};

const settings = {
  ...shownFields,
  bindpass: field.secret('The password of binddn.'),
  client_tls_cert: field.string('Certificate to show to the directory, PEM.'),
  client_tls_key: field.secret('Its key, PEM.'),
};

type Given = Values<typeof settings>;

const refuse = (message: string): Error => fail('badRequest', message);

function configOf(given: Given, before: LdapConfig): LdapConfig {
  const changes = defined({
    url: given.url?.toLowerCase(),
    caseSensitive: given.case_sensitive_names,
    requestTimeout: given.request_timeout,
    connectionTimeout: given.connection_timeout,
    startTls: given.starttls,
    tlsMin: given.tls_min_version,
    tlsMax: given.tls_max_version,
    insecureTls: given.insecure_tls,
    certificate: given.certificate,
    clientCertificate: given.client_tls_cert,
    bindDn: given.binddn,
    userDn: given.userdn,
    userAttr: given.userattr?.toLowerCase(),
    userFilter: given.userfilter,
    discoverDn: given.discoverdn,
    denyNullBind: given.deny_null_bind,
    upnDomain: given.upndomain,
    anonymousGroupSearch: given.anonymous_group_search,
    groupFilter: given.groupfilter,
    groupDn: given.groupdn,
    groupAttr: given.groupattr,
    usernameAsAlias: given.username_as_alias,
    dereference: given.dereference_aliases,
    maxPageSize: given.max_page_size,
  });
  return { ...before, ...changes, token: applyTokenFields(before.token, given) };
}

function checkAddress(address: string): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== 'ldap:' && url.protocol !== 'ldaps:') || url.hostname === '') {
    throw refuse('invalid url: each address is ldap://host[:port] or ldaps://host[:port], divided by commas');
  }
  const { username, password, pathname, search, hash } = url;
  if (username !== '' || password !== '' || search !== '' || hash !== '' || !['', '/'].includes(pathname)) {
    throw refuse('invalid url: an address has a host and a port alone; userdn and binddn are fields of their own');
  }
}

const LONGEST_WAIT = 600;

function checkTimes({ requestTimeout, connectionTimeout, maxPageSize }: LdapConfig): void {
  for (const [name, value] of Object.entries({
    request_timeout: requestTimeout,
    connection_timeout: connectionTimeout,
  })) {
    if (value < 1 || value > LONGEST_WAIT) throw refuse(`${name} is from 1s to ${String(LONGEST_WAIT)}s`);
  }
  if (maxPageSize < 0) throw refuse('max_page_size cannot be negative');
}

const orderOf = (version: TlsVersion): number => tlsVersions.indexOf(version);

function checkTls(config: LdapConfig, { clientKey }: LdapSecrets): void {
  const { tlsMin, tlsMax, certificate, clientCertificate } = config;
  if (orderOf(tlsMax) < orderOf(tlsMin)) {
    throw refuse("'tls_max_version' must be greater than or equal to 'tls_min_version'");
  }
  if (orderOf(tlsMax) < orderOf('tls12')) throw refuse('tls_max_version: what is older than tls12 is not spoken');
  if ((clientCertificate === '') !== (clientKey === '')) {
    throw refuse('both client_tls_cert and client_tls_key must be set');
  }
  if (certificate !== '' && !isPem(certificate)) {
    throw refuse('failed to parse server tls cert: certificate is PEM, of one or more certificates');
  }
  if (clientCertificate === '') return;
  try {
    createSecureContext({ cert: clientCertificate, key: clientKey });
  } catch {
    throw refuse(
      'failed to parse client X509 key pair: client_tls_cert and client_tls_key are PEM, and belong together',
    );
  }
}

function isPem(certificate: string): boolean {
  try {
    createSecureContext({ ca: certificate });
    return certificate.includes('-----BEGIN CERTIFICATE-----');
  } catch {
    return false;
  }
}

/** Attributes have names of this form (RFC 4512); what else is possible there, the filter's parser does not know. */
const ATTRIBUTE = /^[a-z][a-z\d-]*$/i;

async function checked(config: LdapConfig, secrets: LdapSecrets, given: Given): Promise<void> {
  if (given.use_token_groups === true) {
    throw refuse(
      'use_token_groups is not offered: set groupfilter to (&(objectClass=group)(member:1.2.840.113556.1.4.1941:={{.UserDN}}))',
    );
  }
  if (given.use_pre111_group_cn_behavior === true) throw refuse('use_pre111_group_cn_behavior is not offered');
  urlsOf(config).forEach(checkAddress);
  checkTimes(config);
  checkTls(config, secrets);
  const { userAttr, groupAttr, userFilter, groupFilter } = config;
  if (!ATTRIBUTE.test(userAttr)) throw refuse('invalid userattr: it is the name of one attribute');
  if (!ATTRIBUTE.test(groupAttr)) throw refuse('invalid groupattr: it is the name of one attribute');
  if (userFilter !== '') await filterOf({ field: 'userfilter', template: userFilter, userAttr });
  if (groupFilter !== '') await filterOf({ field: 'groupfilter', template: groupFilter, userAttr });
}

/** Upstream's: told by whoever writes it too. */
function collisionsOf({ userFilter, userAttr }: LdapConfig): readonly string[] {
  const collides = userFilter !== '' && !userFilter.includes('{{.UserAttr}}') && !userFilter.includes(userAttr);
  return collides
    ? ['userfilter configured does not consider userattr and may result in colliding entity aliases on logins']
    : [];
}

/** Our own are told by reading alone: clients expect 204 of a write. */
function warningsOf(config: LdapConfig): readonly string[] {
  const { denyNullBind, insecureTls, startTls } = config;
  const plain = !startTls && urlsOf(config).some((address) => address.startsWith('ldap://'));
  return [
    ...collisionsOf(config),
    ...(denyNullBind ? [] : ['deny_null_bind=false has no effect: an empty password proves nothing, and is refused']),
    ...(plain ? ['passwords go to the directory in the clear: use ldaps:// or starttls'] : []),
    ...(insecureTls ? ['insecure_tls: whoever is on the way to the directory learns passwords'] : []),
  ];
}

function shown(config: LdapConfig): JsonObject {
  return {
    anonymous_group_search: config.anonymousGroupSearch,
    binddn: config.bindDn,
    case_sensitive_names: config.caseSensitive,
    certificate: config.certificate,
    connection_timeout: config.connectionTimeout,
    deny_null_bind: config.denyNullBind,
    dereference_aliases: config.dereference,
    discoverdn: config.discoverDn,
    groupattr: config.groupAttr,
    groupdn: config.groupDn,
    groupfilter: config.groupFilter,
    insecure_tls: config.insecureTls,
    max_page_size: config.maxPageSize,
    request_timeout: config.requestTimeout,
    starttls: config.startTls,
    tls_max_version: config.tlsMax,
    tls_min_version: config.tlsMin,
    upndomain: config.upnDomain,
    url: config.url,
    use_pre111_group_cn_behavior: false,
    use_token_groups: false,
    userattr: config.userAttr,
    userdn: config.userDn,
    userfilter: config.userFilter,
    username_as_alias: config.usernameAsAlias,
    ...shownTokenSettings(config.token),
  };
}

const withWarnings = (answer: Reply, warnings: readonly string[]): Reply =>
  warnings.length === 0 ? answer : { ...answer, status: 200, warnings };

async function written(mount: LdapMount, given: Given): Promise<Reply> {
  const settled = (from: LdapMount['view']['shared'] | Parameters<LdapMount['put']>[0]) => {
    const before = mount.secretsIn(from);
    return {
      config: configOf(given, mount.configIn(from)),
      secrets: {
        bindPassword: given.bindpass ?? before.bindPassword,
        clientKey: given.client_tls_key ?? before.clientKey,
      },
    };
  };
  const { config, secrets } = settled(mount.view.shared);
  await checked(config, secrets, given);
  await mount.view.shared.transact((tx) => {
    const now = settled(tx);
    // What was written meanwhile was not looked at together with this.
    if (JSON.stringify(now) !== JSON.stringify({ config, secrets })) {
      throw fail('conflict', 'the configuration was changed at the same time: try again');
    }
    mount.put(tx, config, secrets);
  });
  return withWarnings(reply.empty, collisionsOf(config));
}

const config = at('config', {
  help: 'Which directory, and how it is asked.',
  fields: settings,
  operations: {
    read: {
      summary: 'Read the configuration',
      writes: 'nothing',
      replies: { 200: shownFields },
      run: (mount) => {
        const found = mount.configIn(mount.view.shared);
        return withWarnings(reply.ok(shown(found)), mount.config === undefined ? [] : warningsOf(found));
      },
    },
    update: {
      summary: 'Configure the method',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: written,
    },
  },
});

export const configPaths = [config];
