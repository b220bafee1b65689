/** Templates and the process that the agent runs, at a server of ours, as their owner sees them. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { AgentProcess, Region, Workplace } from '../support/agent-process.ts';

const policy =
  'path "secret/data/app/*" { capabilities = ["read", "subscribe"] }\npath "secret/metadata/app/*" { capabilities = ["list"] }';

test('a template of Vault Agent follows pushed changes; what `wait` says of it is true', async (t) => {
  await using region = await Region.start();
  await region.ask('PUT', 'sys/policies/acl/app', { policy });
  await region.write('db', { user: 'app', password: 'one' });
  const place = new Workplace(t);
  const more = `
    template {
      contents = <<EOT
{{ with secret "secret/app/db" }}{{ .Data.data.user }}:{{ .Data.data.password }}{{ end }}
{{ range secrets "secret/app" }}{{ . }}
{{ end -}}
EOT
      destination = "${place.path('out/conf')}"
      perms = "0640"
      exec { command = ["/bin/sh", "-c", "echo ran >> ${place.path('ran')}"] }
    }`;
  await place.configure(region, { more });
  await using agent = new AgentProcess(place);
  await agent.logged('changes are pushed');
  assert.equal(place.read('out/conf'), 'app:one\ndb\n');
  assert.equal(fs.statSync(place.path('out/conf')).mode & 0o777, 0o640);
  assert.equal((await place.page('/healthz')).status, 200);
  for (let n = 1; n <= 5; n += 1) {
    await region.write('db', { user: 'app', password: `p${n}` });
    const { json } = await region.ask('POST', 'sys/wait', { latest: true, timeout: '20s' });
    assert.equal((json['data'] as { state: string }).state, 'done', JSON.stringify(json));
    assert.match(place.read('out/conf'), new RegExp(`^app:p${n}\\n`));
  }
});

/** A program that says what it sees, and ends with 7 when it is told to. It is up once it hears signals. */
const program = (place: Workplace): string => `
  const fs = require('node:fs');
  fs.appendFileSync('${place.path('said')}', process.env.DB_PASSWORD + ' ' + (process.env.VAULT_TOKEN ?? 'none') + '\\\\n');
  process.on('SIGTERM', () => { console.log('program: asked to end'); process.exit(7); });
  process.on('SIGUSR2', () => process.exit(0));
  console.log('program: up ' + process.env.DB_PASSWORD);
  setInterval(() => { if (fs.existsSync('${place.path('end')}')) process.exit(5); }, 20);
`;

const variables = (place: Workplace, keys = ''): string => {
  fs.writeFileSync(place.path('program.cjs'), program(place).replaceAll('\\\\n', '\\n'));
  return `
    env_template "DB_PASSWORD" { contents = "{{ with secret \\"secret/data/app/db\\" }}{{ .Data.data.password }}{{ end }}" }
    env_template "DB_USER" { contents = "{{ with secret \\"secret/data/app/db\\" }}{{ .Data.data.user }}{{ end }}" }
    exec {
      command = ["${process.execPath}", "${place.path('program.cjs')}"]
      restart_stop_signal = "SIGUSR2"
      ${keys}
    }`;
};

test('a process has secrets in its environment, once all are known, and is run anew when they change', async (t) => {
  await using region = await Region.start();
  const place = new Workplace(t);
  await place.configure(region, { more: variables(place) });
  await using agent = new AgentProcess(place, { VAULT_TOKEN: 'canary' });
  await agent.logged('secret missing');
  assert.equal(fs.existsSync(place.path('said')), false);
  await region.write('db', { user: 'app', password: 'one' });
  await agent.logged('program: up one');
  // Both variables change, one start.
  await region.write('db', { user: 'web', password: 'two' });
  await agent.logged('program: up two');
  // What nothing shows changes nothing.
  await region.write('db', { user: 'web', password: 'two', other: 1 });
  await region.write('db', { user: 'web', password: 'three' });
  await agent.logged('program: up three');
  assert.equal(place.read('said'), 'one none\ntwo none\nthree none\n');
  agent.signal('SIGTERM');
  assert.deepEqual(await agent.exit, { code: 7, signal: null });
  assert.ok(agent.lines.some((line) => line.includes('program: asked to end')));
});

test('the agent ends as its process ends; with restart_on_secret_changes = "never" it lets it run', async (t) => {
  await using region = await Region.start();
  await region.write('db', { user: 'app', password: 'one' });
  const place = new Workplace(t);
  await place.configure(region, { more: variables(place, 'restart_on_secret_changes = "never"') });
  await using agent = new AgentProcess(place);
  await agent.logged('program: up one');
  const from = agent.lines.length;
  await region.write('db', { user: 'app', password: 'two' });
  await agent.logged('rendered the variable', from);
  fs.writeFileSync(place.path('end'), '');
  assert.deepEqual(await agent.exit, { code: 5, signal: null });
  assert.equal(place.read('said'), 'one none\n');
});
