/** The ldap method against a real slapd. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Attribute, Change, Control } from 'ldapts';
import { freePort } from '../../src/cli/up/free-port.ts';
import { issue } from '../../src/server/certificates.testing.ts';
import { ask } from '../support/node.ts';
import { enabledLdap, WRONG, type Body } from './support/ldap.ts';
import {
  addGroup,
  addPerson,
  addTree,
  groups,
  people,
  slapd,
  startSlapd,
  suffix,
  type Slapd,
} from '../support/slapd.ts';

const folder = await slapd();
const skip = folder === undefined ? 'the Debian package slapd cannot be had' : false;

const replaced = (type: string, value: string): Change =>
  new Change({ operation: 'replace', modification: new Attribute({ type, values: [value] }) });
const added = (type: string, value: string): Change =>
  new Change({ operation: 'add', modification: new Attribute({ type, values: [value] }) });

describe('against slapd', { skip }, () => {
  let server: Slapd;
  let direct: Body;
  let searching: Body;

  before(async () => {
    server = await startSlapd(folder ?? '', {
      database: `sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited\noverlay dynlist\ndynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*`,
    });
    await addTree(server);
    const ada = await addPerson(server, 'ada', 'ada-pw', { mail: 'ada@example.org', userPrincipalName: 'ada@corp' });
    const bob = await addPerson(server, 'bob', 'bob-pw');
    await addPerson(server, 'o\u{301}scar', 'oscar-pw');
    await addPerson(server, 'comma, "quoted" + \\plus', 'comma-pw');
    const inner = await addGroup(server, 'Inner', [ada]);
    await addGroup(server, 'Outer', [inner, bob]);
    await server.add(`cn=unix,${groups}`, { objectClass: 'posixGroup', cn: 'unix', gidNumber: '1', memberUid: 'ada' });
    direct = { url: server.url, userdn: people, userattr: 'uid', groupdn: groups };
    searching = { ...direct, binddn: `cn=searcher,${suffix}`, bindpass: 'searcher-pw' };
  });
  after(() => server[Symbol.asyncDispose]());

  test('a person logs in by their DN, or by a search for it, in any case and with blanks around', async () => {
    for (const config of [direct, searching]) {
      await using ldap = await enabledLdap({ ...config, token_policies: 'base', token_ttl: '1h' });
      const entities = new Set<unknown>();
      for (const name of ['ada', 'ADA', ' ada ', '\u{ff21}da', 'a\u{ad}da']) {
        const { status, auth } = await ldap.login(name, 'ada-pw');
        assert.equal(status, 200, name);
        assert.deepEqual(auth?.['policies'], ['base', 'default']);
        assert.deepEqual([auth?.['metadata'], auth?.['lease_duration']], [{ username: 'ada' }, 3600]);
        entities.add(auth?.['entity_id']);
      }
      assert.equal(entities.size, 1, 'one person, however the name is written');
      assert.deepEqual(await ldap.answer('ada', 'bob-pw'), WRONG);
      assert.deepEqual(await ldap.answer('nobody', 'ada-pw'), WRONG);
    }
  });

  test('policies come from groups by member, by memberUid and of the user, external groups from their names', async () => {
    await using ldap = await enabledLdap(searching);
    await ldap.at('POST', 'groups/inner', { policies: 'p-inner' });
    await ldap.at('POST', 'groups/UNIX', { policies: 'p-unix' });
    await ldap.at('POST', 'groups/local', { policies: 'p-local' });
    await ldap.at('POST', 'users/ada', { policies: 'p-ada', groups: 'Local' });
    assert.deepEqual(await ldap.policies('ada', 'ada-pw'), ['default', 'p-ada', 'p-inner', 'p-local', 'p-unix']);
    assert.deepEqual(await ldap.policies('bob', 'bob-pw'), ['default']);
    const { node, token } = ldap;
    const mounts = (await ask(node, 'GET', 'sys/auth', { token })).reply?.data;
    const { accessor } = mounts?.['ldap/'] as { accessor: string };
    const group = await ask(node, 'POST', 'identity/group', {
      token,
      body: { name: 'inner', type: 'external', policies: ['p-external'] },
    });
    await ask(node, 'POST', 'identity/group-alias', {
      token,
      body: { name: 'Inner', mount_accessor: accessor, canonical_id: group.reply?.data?.['id'] },
    });
    const { auth } = await ldap.login('ada', 'ada-pw');
    assert.deepEqual(auth?.['identity_policies'], ['p-external']);
    const renew = { token: String(auth?.['client_token']), body: {} };
    const renewed = async () => (await ask(node, 'POST', 'auth/token/renew-self', renew)).reply?.auth;
    assert.deepEqual((await renewed())?.['identity_policies'], ['p-external']);
    await ldap.at('POST', 'config', { groupfilter: '(memberUid={{.Username}})' });
    await ldap.at('POST', 'groups/unix', { policies: 'p-inner,p-unix' });
    assert.equal((await renewed())?.['identity_policies'], undefined, 'who is out of the group in the directory');
  });

  test('nested groups are those that the directory says: by memberOf of the user', async () => {
    await using ldap = await enabledLdap({
      ...searching,
      groupdn: people,
      groupfilter: '(uid={{.Username}})',
      groupattr: 'memberOf',
    });
    await ldap.at('POST', 'groups/outer', { policies: 'p-outer' });
    await ldap.at('POST', 'groups/inner', { policies: 'p-inner' });
    assert.deepEqual(await ldap.policies('ada', 'ada-pw'), ['default', 'p-inner', 'p-outer']);
    assert.deepEqual(await ldap.policies('bob', 'bob-pw'), ['default', 'p-outer']);
  });

  test('by a user principal name that a search finds', async () => {
    await using ldap = await enabledLdap({ ...searching, upndomain: 'corp' });
    await ldap.at('POST', 'groups/inner', { policies: 'p-inner' });
    assert.deepEqual(await ldap.policies('ada', 'ada-pw'), ['default', 'p-inner']);
    assert.deepEqual(await ldap.answer('bob', 'bob-pw'), WRONG);
  });

  test('over TLS from the start or by StartTLS, by the authority that was given alone', async () => {
    const other = await issue({ name: 'another authority' });
    const starttls: Body = { ...searching, starttls: true };
    const ldaps: Body = { ...searching, url: server.secureUrl };
    for (const config of [starttls, ldaps]) {
      for (const tls_max_version of ['tls12', 'tls13']) {
        await using ldap = await enabledLdap({ ...config, certificate: server.authority.certPem, tls_max_version });
        assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
        await ldap.at('POST', 'config', { url: String(config['url']).replace('127.0.0.1', 'localhost') });
        assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
      }
      for (const certificate of [other.certPem, '']) {
        await using refused = await enabledLdap({ ...config, certificate });
        assert.equal((await refused.login('ada', 'ada-pw')).status, 503);
      }
      await using careless = await enabledLdap({ ...config, certificate: other.certPem, insecure_tls: true });
      assert.equal((await careless.login('ada', 'ada-pw')).status, 200);
    }
  });

  test('names are characters to the directory, never a part of a filter or a DN', async () => {
    for (const config of [direct, searching]) {
      await using ldap = await enabledLdap(config);
      assert.equal((await ldap.login('comma, "quoted" + \\plus', 'comma-pw')).status, 200);
      assert.equal((await ldap.login('\u{f3}SCAR', 'oscar-pw')).status, 200);
      const names = [
        '*',
        'a*',
        'ada)(uid=*',
        'ada)(|(uid=*',
        '\\61da',
        '\\',
        '(',
        'ada\0',
        'ada,ou=People',
        'ada+cn=ada',
      ];
      for (const name of [...names, '\u{430}da', 'a\nda', '#ada', '"ada"', 'ad\u{65}\u{301}a', '', ' ']) {
        assert.deepEqual(await ldap.answer(name, 'ada-pw'), WRONG, JSON.stringify(name));
      }
    }
  });

  test('an empty password is no password, whatever is configured; neither is one that nobody can have', async () => {
    await using ldap = await enabledLdap({ ...searching, deny_null_bind: false });
    for (const password of ['', undefined]) {
      const { status, errors } = await ldap.login('ada', password);
      assert.equal(status, 400);
      assert.match(errors?.[0] ?? '', /zero length/);
    }
    for (const password of [' ', '\0', 'ada-pw\0', 'x'.repeat(1024 * 1024)]) {
      assert.deepEqual(await ldap.answer('ada', password), WRONG);
    }
  });

  test('renewal asks the directory again: for the password, for groups, for whether they are there', async () => {
    await addPerson(server, 'eve', 'eve-pw');
    const dn = await addGroup(server, 'renewers', [`uid=eve,${people}`]);
    await using ldap = await enabledLdap(searching);
    await ldap.at('POST', 'groups/renewers', { policies: 'p-r' });
    const { node, token } = ldap;
    const { auth } = await ldap.login('eve', 'eve-pw');
    const renew = () => ask(node, 'POST', 'auth/token/renew-self', { token: String(auth?.['client_token']), body: {} });
    assert.equal((await renew()).status, 200);
    await ldap.at('POST', 'groups/renewers', { policies: 'p-other' });
    assert.match((await renew()).errors?.[0] ?? '', /policies have changed/);
    await ldap.at('POST', 'groups/renewers', { policies: 'p-r' });
    assert.equal((await renew()).status, 200);
    await server.change((client) => client.del(dn));
    assert.match((await renew()).errors?.[0] ?? '', /policies have changed/);
    await addGroup(server, 'renewers', [`uid=eve,${people}`]);
    assert.equal((await renew()).status, 200);
    await server.change((client) => client.modify(`uid=eve,${people}`, replaced('userPassword', 'new-pw')));
    assert.deepEqual((await renew()).errors, WRONG.errors);
    await server.change((client) => client.del(`uid=eve,${people}`));
    assert.deepEqual((await renew()).errors, WRONG.errors);
    const self = await ask(node, 'POST', 'auth/token/lookup', { token, body: { token: auth?.['client_token'] } });
    assert.ok(!JSON.stringify(self).includes('eve-pw'));
  });

  test('who guesses is locked out, however the name is written; who does not exist looks the same', async () => {
    await using ldap = await enabledLdap({ ...searching, case_sensitive_names: true });
    for (const [known, unknown] of [
      ['ada', 'eva'],
      ['ADA', 'EVA'],
      [' ada', ' eva'],
      ['ada ', 'eva '],
      ['\u{ff21}da', '\u{ff25}va'],
    ] as const) {
      assert.deepEqual(await ldap.answer(known, 'wrong'), WRONG);
      assert.deepEqual(await ldap.answer(unknown, 'wrong'), WRONG);
    }
    const refused = { status: 403, errors: ['permission denied'] };
    assert.deepEqual(await ldap.answer('ada', 'ada-pw'), refused);
    assert.deepEqual(await ldap.answer('eva', 'ada-pw'), refused);
    const { reply } = await ask(ldap.node, 'GET', 'sys/locked-users', { token: ldap.token });
    assert.equal(reply?.data?.['total'], 1);
  });

  test('two entries for one name are nobody', async () => {
    const twin = `ou=Twins,${people}`;
    await server.add(twin, { objectClass: 'organizationalUnit', ou: 'Twins' });
    for (const at of [people, twin]) {
      await server.add(`uid=twin,${at}`, {
        objectClass: 'inetOrgPerson',
        uid: 'twin',
        cn: 't',
        sn: 't',
        userPassword: 't',
      });
    }
    await using ldap = await enabledLdap(searching);
    assert.deepEqual(await ldap.answer('twin', 't'), WRONG);
    await using wide = await enabledLdap({ ...searching, userfilter: '(|({{.UserAttr}}={{.Username}})(cn=*))' });
    assert.deepEqual(await wide.answer('ada', 'ada-pw'), WRONG);
  });

  test('who is renamed in the directory is another alias; an alias needs one value', async () => {
    await addPerson(server, 'before', 'pw');
    await using ldap = await enabledLdap(searching);
    const first = await ldap.entityOf('before', 'pw');
    await server.change((client) => client.modifyDN(`uid=before,${people}`, 'uid=later'));
    assert.deepEqual(await ldap.answer('before', 'pw'), WRONG);
    const second = await ldap.entityOf('later', 'pw');
    assert.ok(typeof first === 'string' && typeof second === 'string' && first !== second);
    await server.change((client) => client.modify(`uid=later,${people}`, added('uid', 'other')));
    const { status, errors } = await ldap.login('other', 'pw');
    assert.equal(status, 400);
    assert.match(errors?.[0] ?? '', /no single "uid"/);
    await ldap.at('POST', 'config', { username_as_alias: true });
    assert.equal((await ldap.login('other', 'pw')).status, 200);
  });

  test('more groups than the directory gives at once come in pages', async () => {
    const dn = await addPerson(server, 'many', 'pw');
    await server.change(async (client) => {
      for (let at = 0; at < 1_200; at += 1) {
        const cn = `g${String(at)}`;
        await client.add(`cn=${cn},${groups}`, { objectClass: ['groupOfNames'], cn: [cn], member: [dn] });
      }
    });
    await using ldap = await enabledLdap(searching);
    for (const at of [0, 499, 500, 1_199])
      await ldap.at('POST', `groups/g${String(at)}`, { policies: `p${String(at)}` });
    assert.equal((await ldap.login('many', 'pw')).status, 503, 'a list that was cut is no list');
    await ldap.at('POST', 'config', { max_page_size: 100 });
    assert.deepEqual(await ldap.policies('many', 'pw'), ['default', 'p0', 'p1199', 'p499', 'p500']);
  });

  test('a referral is not followed', async () => {
    let met = 0;
    const elsewhere = createServer((socket) => {
      met += 1;
      socket.destroy();
    });
    await once(elsewhere.listen(0, '127.0.0.1'), 'listening');
    const { port } = elsewhere.address() as AddressInfo;
    const there = `ldap://127.0.0.1:${String(port)}/`;
    await server.add(`ou=Elsewhere,${people}`, {
      objectClass: ['referral', 'extensibleObject'],
      ou: 'Elsewhere',
      ref: `${there}ou=Elsewhere,${people}`,
    });
    await using ldap = await enabledLdap(searching);
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200, 'with a reference among what is found');
    await using below = await enabledLdap({ ...direct, userdn: `ou=Elsewhere,${people}` });
    assert.deepEqual(await below.answer('ada', 'ada-pw'), WRONG);
    await using based = await enabledLdap({ ...searching, userdn: `ou=Elsewhere,${people}` });
    assert.equal((await based.login('ada', 'ada-pw')).status, 503);
    assert.equal(met, 0);
    elsewhere.close();
    await server.change((client) => client.del(`ou=Elsewhere,${people}`, new Control('2.16.840.1.113730.3.4.2', {})));
  });

  test('the first address that answers is asked; none is no answer, and no guess', async () => {
    const down = `ldap://127.0.0.1:${String(await freePort())}`;
    await using ldap = await enabledLdap({ ...searching, url: `${down}, ${server.url}` });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
    await ldap.at('POST', 'config', { url: down });
    for (let tries = 0; tries < 8; tries += 1) {
      const { status, errors } = await ldap.login('ada', 'wrong');
      assert.deepEqual([status, errors], [503, ['the directory cannot be asked now: try again later']]);
    }
    await ldap.at('POST', 'config', { url: server.url, bindpass: 'not that of the searcher' });
    for (let tries = 0; tries < 8; tries += 1) assert.equal((await ldap.login('ada', 'ada-pw')).status, 503);
    await ldap.at('POST', 'config', { bindpass: 'searcher-pw' });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
  });

  test('a directory that is killed while it is asked gives no answer', async () => {
    await using other = await startSlapd(folder ?? '');
    await addTree(other);
    await addPerson(other, 'ada', 'ada-pw');
    await using ldap = await enabledLdap({ ...searching, url: other.url });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
    await other.pause();
    const waiting = [ldap.login('ada', 'ada-pw'), ldap.login('ada', 'ada-pw')];
    // Meanwhile others are served.
    assert.equal((await ldap.at('GET', 'config')).status, 200);
    other.signal('SIGKILL');
    for (const { status } of await Promise.all(waiting)) assert.equal(status, 503);
  });

  test('discoverdn looks for people as nobody, and groups can be looked for as nobody too', async () => {
    await using ldap = await enabledLdap({ ...direct, discoverdn: true, anonymous_group_search: true });
    await ldap.at('POST', 'groups/inner', { policies: 'p-inner' });
    assert.deepEqual(await ldap.policies('ada', 'ada-pw'), ['default', 'p-inner']);
    assert.deepEqual(await ldap.answer('nobody', 'ada-pw'), WRONG);
  });

  test('aliases in the directory are followed where the configuration says so', async () => {
    const aliases = `ou=Aliases,${suffix}`;
    await server.add(aliases, { objectClass: 'organizationalUnit', ou: 'Aliases' });
    await server.add(`uid=ada,${aliases}`, {
      ...{ objectClass: ['alias', 'extensibleObject'], uid: 'ada', aliasedObjectName: `uid=ada,${people}` },
    });
    await using ldap = await enabledLdap({ ...searching, userdn: aliases });
    assert.deepEqual(await ldap.answer('ada', 'ada-pw'), WRONG);
    await ldap.at('POST', 'config', { dereference_aliases: 'always' });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
  });

  test('what is secret of the configuration is shown to nobody', async () => {
    const { certPem, keyPem } = await issue({ name: 'client' });
    await using ldap = await enabledLdap({ ...searching, client_tls_cert: certPem, client_tls_key: keyPem });
    const { status, reply } = await ldap.at('GET', 'config');
    assert.equal(status, 200);
    const text = JSON.stringify(reply);
    assert.ok(!text.includes('searcher-pw') && !text.includes('PRIVATE KEY') && text.includes('cn=searcher'));
    await ldap.at('POST', 'config', { token_ttl: '1m' });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200, 'and stays where it is not written anew');
  });

  test('a directory that wants a client certificate gets the one that is configured', async () => {
    await using strict = await startSlapd(folder ?? '', { global: 'TLSVerifyClient demand' });
    await addTree(strict);
    await addPerson(strict, 'ada', 'ada-pw');
    const client = await issue({ name: 'lockstep', issuer: strict.authority });
    await using ldap = await enabledLdap({ ...direct, url: strict.secureUrl, certificate: strict.authority.certPem });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 503);
    await ldap.at('POST', 'config', { client_tls_cert: client.certPem, client_tls_key: client.keyPem });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
  });

  test('a directory that takes too long is waited for as long as is configured, while others are served', async () => {
    await using slow = await startSlapd(folder ?? '');
    await addTree(slow);
    await addPerson(slow, 'ada', 'ada-pw');
    await using ldap = await enabledLdap({ ...direct, url: slow.url, request_timeout: '1s' });
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
    await slow.pause();
    const waiting = ldap.login('ada', 'ada-pw').then(({ status }) => status);
    const other = ldap.at('GET', 'config').then(() => 'served meanwhile');
    assert.equal(await Promise.race([waiting, other]), 'served meanwhile');
    assert.equal(await waiting, 503);
    slow.signal('SIGCONT');
    assert.equal((await ldap.login('ada', 'ada-pw')).status, 200);
  });

  test('more logins at once than wait for their turn are told to come later', async () => {
    await using ldap = await enabledLdap(direct);
    const answers = await Promise.all(Array.from({ length: 700 }, () => ldap.login('ada', 'ada-pw')));
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 544);
    assert.equal(statuses.filter((status) => status === 429).length, 156);
    assert.equal(new Set(answers.flatMap(({ auth }) => auth?.['entity_id'] ?? [])).size, 1);
  });
});
