/** Every verb of OpenBao's command line: run against a server of this checkout, or left out for a reason. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { controlGroup, leftOut, operatorSteps, scripts } from './support/bao-verbs.ts';
import { runSteps, verbOf, verbsOf } from './support/bao-script.ts';
import { ServerProcess } from '../support/server-process.ts';
import { openbao } from './support/openbao.ts';
import { devServer, newServer, type OwnServer } from './support/server.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

/** A home of its own, with the files that the scripts name. */
function home({ address, folder }: Pick<OwnServer, 'address' | 'folder'>, token: string) {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-bao-'));
  writeFileSync(join(path, 'reader.hcl'), 'path   "secret/data/read/*" {\ncapabilities=["read"]\n}\n');
  writeFileSync(join(path, 'more.json'), '{"data":{"more":"z"}}');
  const env = { HOME: path, PATH: process.env['PATH'], BAO_ADDR: address, BAO_TOKEN: token };
  return {
    ...{ binary: binary ?? '', env, path },
    found: new Map([
      ['home', path],
      ['folder', folder],
      ['address', address],
    ]),
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true });
    },
  };
}

/** Told to open its files anew, it logs. */
async function loggingServer(): Promise<ServerProcess> {
  const server = new ServerProcess(['-dev', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root']);
  await server.line(/^Root Token/);
  return server;
}

describe('bao', { skip }, () => {
  for (const [name, steps] of Object.entries(scripts)) {
    test(name, async () => {
      await using server = await devServer();
      using at = home(server, 'root');
      await runSteps(at, steps, at.found);
    });
  }

  test('operator', async () => {
    await using server = await newServer();
    using at = home(server, '');
    await runSteps(at, operatorSteps.begin, at.found);
    at.env.BAO_TOKEN = at.found.get('root') ?? '';
    await runSteps(at, operatorSteps.run, at.found);
  });

  test('a control group', async () => {
    await using server = await devServer();
    using at = home(server, 'root');
    writeFileSync(join(at.path, 'held.hcl'), controlGroup.policy);
    await runSteps(at, controlGroup.root, at.found);
    for (const [who, steps] of [
      ['ada', controlGroup.asks],
      ['bob', controlGroup.approves],
      ['ada', controlGroup.gets],
    ] as const) {
      at.env.BAO_TOKEN = at.found.get(who) ?? '';
      await runSteps(at, steps, at.found);
    }
  });

  test('agent', async () => {
    await using server = await devServer();
    using at = home(server, 'root');
    writeFileSync(join(at.path, 'token'), 'root');
    writeFileSync(join(at.path, 'app.tpl'), '{{ with secret "secret/data/app" }}{{ .Data.data.x }}{{ end }}');
    const config = `vault { address = "${server.address}" }
      auto_auth { method "token_file" { config = { token_file_path = "${at.path}/token" } } }
      template { source = "${at.path}/app.tpl" destination = "${at.path}/app.txt" }`;
    writeFileSync(join(at.path, 'agent.hcl'), config);
    await runSteps(
      at,
      [
        ['kv put secret/app x=rendered-4711', /version +1/],
        ['agent -config=$home/agent.hcl -exit-after-auth', /OpenBao Agent started/],
      ],
      at.found,
    );
    assert.equal(readFileSync(join(at.path, 'app.txt'), 'utf8'), 'rendered-4711');
  });

  test('monitor', async () => {
    await using server = await loggingServer();
    using at = home({ address: await server.address(), folder: '' }, 'root');
    const monitor = spawn(at.binary, ['monitor', '-log-format=json'], {
      env: at.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(monitor, 'exit');
    const heard = once(createInterface(monitor.stdout), 'line').then(([line]) => String(line));
    // The follower may not be there yet, so the server is made to log until a line has arrived.
    const logged = async (): Promise<undefined> => {
      const from = server.lines.length;
      server.signal('SIGHUP');
      await server.line(/opened files anew/, from);
    };
    let line: string | undefined;
    while (line === undefined) line = await Promise.race([heard, logged()]);
    monitor.kill('SIGINT');
    await ended;
    assert.match(String((JSON.parse(line) as Record<string, unknown>)['@message']), /opened files anew/);
  });

  test('debug', async () => {
    await using server = await loggingServer();
    using at = home({ address: await server.address(), folder: '' }, 'root');
    const times = '-duration=5s -interval=5s -metrics-interval=5s';
    // Without `replication-status`: neither server has it, and at its 404 the verb gives up all that it was asking then.
    const targets = ['config', 'host', 'log', 'metrics', 'pprof', 'requests', 'server-status'];
    const flags = `${times} ${targets.map((target) => `-target=${target}`).join(' ')} -compress=false`;
    await runSteps(at, [[`debug ${flags} -output=$home/bundle`, /Success! Bundle written/]], at.found);
    const read = (name: string): string => readFileSync(join(at.path, 'bundle', name), 'utf8');
    assert.ok(read('server_status.json').includes('"sealed": false'), read('server_status.json'));
    assert.match(read('metrics.json'), /vault[._]/);
    assert.match(read('config.json'), /listeners/);
    assert.match(read('host_info.json'), /"host"|hostname/);
    assert.match(read('requests.json'), /in_flight_requests/);
    const { errors } = JSON.parse(read('index.json')) as {
      errors: { endpoint?: string; error: string; target: string }[];
    };
    // There is no Go runtime to profile.
    assert.deepEqual(
      errors.filter(({ error }) => !/sys\/pprof\/[^]*Code: 404/.test(error)),
      [],
    );
    assert.ok(errors.some(({ target }) => target === 'pprof.heap'));
  });

  test('has no verb that is neither run nor left out', async () => {
    const verbs = await verbsOf(binary ?? '');
    const lines = [...Object.values(scripts), ...Object.values(operatorSteps)].flat().map(([line]) => line);
    const run = new Set([...lines.map((line) => verbOf(line, verbs)), 'monitor', 'debug']);
    assert.deepEqual(
      verbs.filter((verb) => !run.has(verb) && !(verb in leftOut)),
      [],
    );
    assert.deepEqual(
      Object.keys(leftOut).filter((verb) => !verbs.includes(verb) || run.has(verb)),
      [],
    );
  });
});
