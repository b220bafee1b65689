import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { acknowledged, run, workplace, type Workplace } from '../agent.testing.ts';
import { testServer } from '../server.testing.ts';

const stanza = (place: Workplace, contents: string, keys = '', name = 'conf'): string =>
  `template { contents = ${JSON.stringify(contents)} destination = "${place.path(`out/${name}`)}" ${keys} }`;
const db = '{{ with secret "secret/data/db" }}{{ .Data.data.password }}{{ end }}';

test('a template follows what is pushed, and its secret is acknowledged with a proof', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place, { secrets: stanza(place, `pw=${db}\n`) });
  await acknowledged(server, first);
  assert.equal(place.read('out/conf'), 'pw=p1\n');
  assert.equal(fs.statSync(place.path('out/conf')).mode & 0o777, 0o644);
  const second = server.write('secret/data/db', { password: 'p2' });
  await acknowledged(server, second);
  assert.equal(place.read('out/conf'), 'pw=p2\n');
  const proof = server.acks.find(({ index }) => index === second)?.files['secret/data/db'];
  assert.equal(proof?.version, 2);
  assert.equal(running.lines.filter((line) => line.includes('wrote the file')).length, 2);
});

test('what is read can depend on what was read; a path that comes to be shown is followed from then on', async (t) => {
  await using server = await testServer();
  // No stream ends because it fell silent.
  server.heartbeat = 3600;
  server.write('secret/data/a', { v: 'a1' });
  server.write('secret/data/b', { v: 'b1' });
  const first = server.write('secret/data/which', { name: 'a' });
  const place = workplace(t);
  const text =
    '{{ with secret "secret/data/which" }}{{ with secret (printf "secret/data/%s" .Data.data.name) }}{{ .Data.data.v }}{{ end }}{{ end }}';
  await using _running = run(server, place, { secrets: stanza(place, text) });
  await acknowledged(server, first);
  assert.equal(place.read('out/conf'), 'a1');
  const second = server.write('secret/data/which', { name: 'b' });
  await acknowledged(server, second);
  assert.equal(place.read('out/conf'), 'b1');
  // The stream is opened again, for what is shown now.
  await server.until(() => server.streams.some(({ query }) => query.getAll('path').includes('secret/data/b')));
  const third = server.write('secret/data/b', { v: 'b2' });
  await acknowledged(server, third);
  assert.equal(place.read('out/conf'), 'b2');
});

test('a secret that goes away, or a template that fails, leaves the file as it was, and is told', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const text = '{{ with secret "secret/data/db" }}{{ .Data.data.password }}{{ .Data.data.extra }}{{ end }}';
  await using running = run(server, place, { secrets: stanza(place, text, 'error_on_missing_key = true') });
  await running.logged('no entry for key \\"extra\\"');
  assert.equal(fs.existsSync(place.path('out/conf')), false);
  const second = server.write('secret/data/db', { password: 'p1', extra: '!' });
  await acknowledged(server, second);
  assert.ok(!server.acks.some(({ index }) => index === first));
  assert.equal(place.read('out/conf'), 'p1!');
  server.write('secret/data/db', null);
  await running.logged('secret missing');
  assert.equal(place.read('out/conf'), 'p1!');
});

test('without error_on_missing_key it is written as Vault Agent writes it, with a warning', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const text = '{{ with secret "secret/data/db" }}{{ .Data.data.nope }}{{ end }}';
  await using running = run(server, place, { secrets: stanza(place, text) });
  await acknowledged(server, index);
  assert.equal(place.read('out/conf'), '<no value>');
  await running.logged('a key is not there');
});

test('a template that says nothing new writes nothing and runs no command; a change keeps the old content if asked', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1', other: 1 });
  const place = workplace(t);
  const log = place.path('ran');
  const keys = `backup = true perms = "0600" command = "echo ran >> ${log}; exit 3"`;
  await using running = run(server, place, { secrets: stanza(place, db, keys) });
  await acknowledged(server, first);
  await running.logged('the command failed');
  const { ino } = fs.statSync(place.path('out/conf'));
  await acknowledged(server, server.write('secret/data/db', { password: 'p1', other: 2 }));
  assert.equal(fs.statSync(place.path('out/conf')).ino, ino);
  assert.equal(fs.existsSync(place.path('out/conf.bak')), false);
  const from = running.lines.length;
  await acknowledged(server, server.write('secret/data/db', { password: 'p2' }));
  await running.logged('the command failed', from);
  assert.equal(place.read('ran'), 'ran\nran\n');
  assert.equal(place.read('out/conf.bak'), 'p1');
  assert.equal(fs.statSync(place.path('out/conf.bak')).mode & 0o777, 0o600);
  assert.equal(running.lines.filter((line) => line.includes('wrote the file')).length, 2);
});

test('what shows nothing new is not rendered again, though it is read again', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const text = `${db} {{ timestamp "15:04:05.000000000" }}`;
  await using running = run(server, place, { secrets: stanza(place, text), more: 'poll_interval = "10ms"' });
  await acknowledged(server, index);
  const before = place.read('out/conf');
  const reads = (): number => server.asked.filter((each) => each === 'GET secret/data/db').length;
  const now = reads();
  await server.until(() => reads() > now + 3);
  assert.equal(place.read('out/conf'), before);
  assert.equal(running.lines.filter((line) => line.includes('wrote the file')).length, 1);
});

/** With reads every 20 ms, and leases due at half of their time. */
const often = 'poll_interval = "20ms"\ntemplate_config { lease_renewal_threshold = 0.5 }';
const creds = '{{ with secret "database/creds/app" }}{{ .Data.lease }} {{ .LeaseDuration }}{{ end }}';
const count = (asked: readonly string[], what: string): number => asked.filter((each) => each === what).length;

test('a lease is renewed as long as the server lets it, then its secret is read anew', async (t) => {
  await using server = await testServer();
  server.leases.set('database/creds/app', 1);
  server.grants.push(1, 1);
  const place = workplace(t);
  await using running = run(server, place, { secrets: stanza(place, creds), more: often });
  await server.until(() => server.grants.length === 0);
  assert.equal(place.read('out/conf'), 'database/creds/app/1 1');
  await server.until(() => count(server.asked, 'GET database/creds/app') > 1);
  await running.logged('wrote the file', 0);
  // Refused once: the lease of what was read anew is another.
  const renewals = server.asked.filter((each) => each.endsWith(' sys/leases/renew'));
  assert.equal(renewals.length, 3);
});

test('a lease that is granted less than half of its time nears its end: its secret is read anew', async (t) => {
  await using server = await testServer();
  server.leases.set('database/creds/app', 1);
  server.grants.push(1, 0.4, 1, 1, 1);
  const place = workplace(t);
  await using _running = run(server, place, { secrets: stanza(place, creds), more: often });
  await server.until(() => count(server.asked, 'GET database/creds/app') > 1);
  assert.equal(server.grants.length, 3);
});

test('what cannot be put in place is not read anew while its lease lasts', async (t) => {
  await using server = await testServer();
  server.leases.set('database/creds/app', 3600);
  const place = workplace(t);
  fs.mkdirSync(place.path('out/conf'), { recursive: true });
  await using running = run(server, place, { secrets: stanza(place, creds), more: often });
  await running.logged('cannot put the secret in place');
  await running.logged('cannot put the secret in place', running.lines.length);
  assert.equal(count(server.asked, 'GET database/creds/app'), 1);
  fs.rmdirSync(place.path('out/conf'));
  await running.logged('wrote the file');
  assert.equal(place.read('out/conf'), 'database/creds/app/1 3600');
});

test('after another login what is held under leases of the former token is read anew', async (t) => {
  await using server = await testServer();
  server.leases.set('database/creds/app', 3600);
  server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using _running = run(server, place, { secrets: stanza(place, `${creds}${db}`), more: often });
  await server.until(() => count(server.asked, 'GET secret/data/db') > 3);
  assert.equal(count(server.asked, 'GET database/creds/app'), 1);
  server.tokens.clear();
  await server.until(() => count(server.asked, 'GET database/creds/app') > 1);
  const logins = (): number => server.asked.filter((each) => each.endsWith('auth/approle/login')).length;
  assert.equal(logins(), 2);
  const reads = count(server.asked, 'GET secret/data/db');
  await server.until(() => count(server.asked, 'GET secret/data/db') > reads + 3);
  assert.equal(count(server.asked, 'GET database/creds/app'), 2);
});

test('secret with arguments has something made, once for each of them, and not with each reading', async (t) => {
  await using server = await testServer();
  server.write('sys/internal/ui/mounts/secret/new', { path: 'secret/', options: { version: '2' } });
  server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const text =
    `${db} {{ with secret "pki/issue/web" "common_name=a.example" " ttl = 1h " }}{{ .Data.made }}{{ end }} ` +
    '{{ with secret "secret/new" "k=v=w" "" }}{{ .Data.made }}{{ end }}';
  await using _running = run(server, place, { secrets: stanza(place, text), more: often });
  await server.until(() => count(server.asked, 'GET secret/data/db') > 5);
  assert.match(place.read('out/conf'), /^p1 [12] [12]$/);
  const bodies = server.made
    .map(({ path, body }) => [path, body])
    .sort(([a], [b]) => String(a).localeCompare(String(b)));
  assert.deepEqual(bodies, [
    ['pki/issue/web', { common_name: 'a.example', ttl: '1h' }],
    ['secret/data/new', { data: { k: 'v=w' } }],
  ]);
});

test('a template that would have things made for ever is stopped, and one whose arguments are none is told', async (t) => {
  await using server = await testServer();
  const place = workplace(t);
  // Each thing that is made asks for the next: the time can be the same twice.
  const turning =
    '{{ define "next" }}{{ with secret "pki/issue/web" (printf "n=%v" .) }}{{ template "next" .Data.made }}{{ end }}{{ end }}' +
    '{{ template "next" 0 }}';
  const wrong = '{{ with secret "pki/issue/web" "no pair" }}{{ end }}';
  const secrets = `${stanza(place, turning, '', 'turning')} ${stanza(place, wrong, '', 'wrong')}`;
  await using running = run(server, place, { secrets });
  await running.logged('something else to be made each time');
  await running.logged('is no key=value');
  assert.ok(server.made.length <= 101, String(server.made.length));
  assert.equal(fs.existsSync(place.path('out/turning')), false);
});

test('a secret under a lease is read anew when that nears its end, and not with each reading', async (t) => {
  await using server = await testServer();
  server.leases.set('database/creds/long', 3600);
  server.leases.set('database/creds/short', 1);
  server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const creds = (name: string): string =>
    `{{ with secret "database/creds/${name}" }}{{ .LeaseID }} {{ .LeaseDuration }}{{ end }}`;
  const secrets = `${stanza(place, creds('long'), '', 'long')} ${stanza(place, `${creds('short')}${db}`, '', 'short')}`;
  const more = 'poll_interval = "20ms" template_config { lease_renewal_threshold = 0.5 }'.replace(
    ' template',
    '\n template',
  );
  await using _running = run(server, place, { secrets, more });
  const reads = (path: string): number => server.asked.filter((each) => each === `GET ${path}`).length;
  await server.until(() => reads('database/creds/short') > 1 && reads('secret/data/db') > 5);
  assert.equal(reads('database/creds/long'), 1);
  assert.ok(reads('database/creds/short') < reads('secret/data/db'));
  assert.equal(place.read('out/long'), 'database/creds/long/1 3600');
  assert.match(place.read('out/short'), /^database\/creds\/short\/[0-9]+ 1p1$/);
});

test('a link at its place is replaced, never followed', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  fs.mkdirSync(place.path('out'), { mode: 0o700 });
  fs.writeFileSync(place.path('victim'), 'untouched');
  fs.symlinkSync(place.path('victim'), place.path('out/conf'));
  await using _running = run(server, place, { secrets: stanza(place, db) });
  await acknowledged(server, index);
  assert.equal(place.read('victim'), 'untouched');
  assert.ok(fs.lstatSync(place.path('out/conf')).isFile());
});

test('files and variables are read only where the configuration allows it, links followed', async (t) => {
  await using server = await testServer();
  const place = workplace(t);
  fs.mkdirSync(place.path('in'), { mode: 0o700 });
  fs.writeFileSync(place.path('in/motd'), 'hello');
  fs.writeFileSync(place.path('outside'), 'canary-5b1d');
  fs.symlinkSync(place.path('outside'), place.path('in/link'));
  const file = (name: string): string => `{{ file "${place.path(name)}" }}`;
  const secrets = [
    stanza(place, `${file('in/motd')} {{ env "APP_NAME" }} {{ envOrDefault "APP_NONE" "d" }}`, '', 'good'),
    ...['outside', 'in/link', 'in/../outside', 'in'].map((name, at) => stanza(place, file(name), '', `bad${at}`)),
    stanza(place, file('in/motd'), `sandbox_path = "${place.path('in')}"`, 'sandboxed'),
    stanza(place, file('outside'), `sandbox_path = "${place.path('in')}"`, 'escaped'),
    stanza(place, '{{ env "SECRET_TOKEN" }}', '', 'variable'),
    stanza(place, '{{ mustEnv "APP_NONE" }}', '', 'must'),
  ];
  const allowed = `template_config { allowed_files = ["${place.path('in')}"] allowed_environment = ["APP_*"] }`;
  const env = { APP_NAME: 'web', SECRET_TOKEN: 'canary-77aa' };
  await using running = run(server, place, { secrets: secrets.join('\n'), more: allowed, env });
  await running.logged('wrote the token');
  await running.logged('APP_NONE is empty');
  assert.deepEqual(fs.readdirSync(place.path('out')).sort(), ['good', 'sandboxed']);
  assert.equal(place.read('out/good'), 'hello web d');
  assert.equal(place.read('out/sandboxed'), 'hello');
  assert.match(running.lines.join('\n'), /may not be read: name it, or a directory above it, in template_config/);
  assert.match(running.lines.join('\n'), /is outside of sandbox/);
  assert.doesNotMatch(running.lines.join('\n'), /canary/);
});

test('writeToFile writes below what is allowed, at once and whole; not through links, not beyond', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  fs.mkdirSync(place.path('certs'), { mode: 0o700 });
  fs.mkdirSync(place.path('other'), { mode: 0o700 });
  fs.symlinkSync(place.path('other'), place.path('certs/link'));
  const write = (name: string, flags = ''): string =>
    `{{ "x" | writeToFile "${place.path(name)}" "" "" "0640" ${flags} }}`;
  const secrets = [
    stanza(place, `${write('certs/a', '"newline"')}${write('certs/a', '"append,newline"')}${db}`, '', 'good'),
    ...['other/a', 'certs/../other/a', 'certs/link/a'].map((name, at) => stanza(place, write(name), '', `bad${at}`)),
    stanza(place, write('certs/b', '"append"'), '', 'appends'),
    // Nothing is written by a rendering that does not know all.
    stanza(place, `${write('certs/early')}{{ secret "secret/data/none" }}`, '', 'early'),
  ];
  const allowed = `template_config { allowed_writes = ["${place.path('certs')}"] }`;
  await using running = run(server, place, { secrets: secrets.join('\n'), more: allowed });
  await running.logged('secret missing');
  await running.logged('leave out append');
  await running.logged(`wrote the file secret=${place.path('out/good')}`);
  assert.equal(place.read('certs/a'), 'x\nx\n');
  assert.equal(fs.statSync(place.path('certs/a')).mode & 0o777, 0o640);
  assert.deepEqual(fs.readdirSync(place.path('certs')).sort(), ['a', 'link']);
  assert.deepEqual(fs.readdirSync(place.path('other')), []);
  assert.deepEqual(fs.readdirSync(place.path('out')).sort(), ['good']);
  assert.equal(server.acks.find((ack) => ack.index === index)?.files['secret/data/none'], undefined);
});

test('refuses at its start what templates may not call, by name', async (t) => {
  await using server = await testServer();
  const place = workplace(t);
  const refused = (text: string, expected: RegExp): Promise<void> =>
    assert.rejects(run(server, place, { secrets: stanza(place, text) }).ended, expected);
  await refused('{{ key "a" }}', /out\/conf: line 1: `key` is not offered: it belongs to Consul/);
  await refused('\n{{ plugin "sh" }}', /line 2: `plugin` is not offered: templates start no programs/);
  await refused('{{ nomadVar "a" }}', /`nomadVar` is not offered: it belongs to Nomad/);
  await refused('{{ service "web" }}', /`service` is not offered/);
  await refused('{{ nothing }}', /function "nothing" not defined/);
  await refused('{{ if }}', /template: :1:/);
  await assert.rejects(
    run(server, place, { secrets: `template { source = "/nowhere" destination = "${place.path('out/x')}" }` }).ended,
    /cannot read its source/,
  );
});

test('a function that is denied fails where it is called; other bounds hold; what a template says of secrets is not logged', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'canary-9c3e' });
  const place = workplace(t);
  const withDb = (text: string): string => `{{ with secret "secret/data/db" }}${text}{{ end }}`;
  const secrets = [
    stanza(place, '{{ sprig_upper "a" }}', 'function_denylist = ["sprig_*"]', 'denied'),
    stanza(place, '{{ if false }}{{ sprig_upper "a" }}{{ end }}ok', 'function_denylist = ["sprig_*"]', 'unused'),
    stanza(place, '{{ define "t" }}{{ executeTemplate "t" }}{{ end }}{{ executeTemplate "t" }}', '', 'endless'),
    stanza(place, '{{ range loop 2000000000 }}x{{ end }}', '', 'long'),
    stanza(place, '{{ sprig_repeat 50000000 "x" }}', '', 'huge'),
    stanza(place, withDb('{{ .Data.data.password | sprig_fail }}'), '', 'tells'),
    stanza(place, withDb('{{ .Data.data.password | parseInt }}'), '', 'parses'),
    stanza(
      place,
      withDb('[[ .Data.data.password ]]<< "d" >>'),
      'left_delimiter = "<<" right_delimiter = ">>"',
      'delimiters',
    ),
    stanza(place, withDb('x'), '', 'fine'),
  ];
  await using running = run(server, place, { secrets: secrets.join('\n') });
  await running.logged('changes are pushed');
  assert.deepEqual(fs.readdirSync(place.path('out')).sort(), ['delimiters', 'fine', 'unused']);
  assert.match(place.read('out/delimiters'), /^\{\{ with secret.*\[\[ \.Data\.data\.password \]\]d\{\{ end \}\}$/);
  const said = running.lines.join('\n');
  assert.match(said, /function is disabled/);
  assert.match(said, /bound of 1000000 steps/);
  assert.match(said, /bytes of values/);
  assert.doesNotMatch(said, /canary/);
  assert.ok(!server.acks.some((ack) => ack.index === index));
});

test('with exit_after_auth a template that cannot be rendered ends the agent with an error', async (t) => {
  await using server = await testServer();
  server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const more = 'exit_after_auth = true';
  const good = run(server, place, { secrets: stanza(place, db), more });
  assert.equal(await good.ended, 0);
  assert.equal(place.read('out/conf'), 'p1');
  const bad = run(server, place, { secrets: stanza(place, `${db}{{ sprig_fail "no" }}`), more });
  assert.equal(await bad.ended, 1);
});

test('with exit_on_retry_failure it ends for want of a secret; otherwise it waits', async (t) => {
  await using server = await testServer();
  server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const more = 'template_config { exit_on_retry_failure = true }';
  const none = stanza(place, '{{ with secret "secret/data/none" }}{{ end }}');
  const ended = run(server, place, { secrets: none, more });
  assert.equal(await ended.ended, 1);
  await using waits = run(server, place, { secrets: none });
  await waits.logged('secret missing');
  await waits.logged('changes are pushed');
});

test('the cache serves a template while the server is away, the one that finds mounts included', async (t) => {
  await using server = await testServer();
  server.write('sys/internal/ui/mounts/secret/db', { path: 'secret/', options: { version: '2' } });
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const text = '{{ with secret "secret/db" }}{{ .Data.data.password }}{{ .Data.metadata.version }}{{ end }}';
  const more = `cache { persist "file" { path = "${place.path('cache')}" } }`;
  {
    await using running = run(server, place, { secrets: stanza(place, text), more });
    await acknowledged(server, index);
    assert.equal(place.read('out/conf'), 'p11', running.lines.join(''));
  }
  fs.rmSync(place.path('out/conf'));
  server.status = 503;
  await using running = run(server, place, { secrets: stanza(place, text), more });
  await running.logged('serving cached secrets');
  assert.equal(place.read('out/conf'), 'p11');
});
