import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLockstepError } from '../errors.ts';
import { parseHcl } from '../lib/hcl/index.ts';
import { lockoutSettings } from '../server/lockout-settings.ts';
import type { Environment } from './overlay.ts';
import type { Keys } from './schema.ts';
import { serverKeys } from './server-schema.ts';
import { serverConfig, type ServerConfig, type ServerFlags } from './server.ts';

function load(text: string, flags: ServerFlags = {}, env: Environment = {}): ServerConfig {
  return serverConfig(text === '' ? [] : [parseHcl(text, 'server.hcl')], flags, env);
}

function refused(text: string, expected: string | RegExp, env: Environment = {}): void {
  assert.throws(
    () => load(text, {}, env),
    (error) => {
      assert.ok(isLockstepError(error, 'invalidConfig'), String(error));
      if (typeof expected === 'string') assert.equal(error.message, expected);
      else assert.match(error.message, expected);
      return true;
    },
    text,
  );
}

const customised = (rules: string): string =>
  `listener "tcp" { tls_disable = true custom_response_headers { ${rules} } }\nstorage "inmem" {}\n`;
const plain = 'listener "tcp" { tls_disable = true }\nstorage "inmem" {}\n';

test('reads a hub with everything that operators set', () => {
  const config = load(
    `
    ui            = true
    disable_mlock = true
    api_addr      = "https://hub.example:8200/"
    cluster_addr  = "https://hub.example:8201"
    cluster_name  = "hub"
    log_level     = "debug"
    default_lease_ttl = "1h"
    max_lease_ttl     = 7200
    listener "tcp" {
      address         = "0.0.0.0:8200"
      cluster_address = "[::]:8201"
      tls_cert_file   = "/tls/crt"
      tls_key_file    = "/tls/key"
      max_request_size     = 1048576
      max_request_duration = "10s"
      x_forwarded_for_authorized_addrs = ["10.0.0.0/8"]
      telemetry { unauthenticated_metrics_access = true }
    }
    listener "unix" { address = "/run/lockstep.sock", socket_mode = "0660", socket_group = "ops" }
    storage "lmdb" { path = "/var/lib/lockstep" }
    seal "static" {
      current_key_id  = "b"
      current_key     = "env://SEAL_KEY"
      previous_key_id = "a"
      previous_key    = "file:///keys/a"
    }
    audit "file" "main" {
      description = "everything"
      options { file_path = "/var/log/audit.log", mode = 600, log_raw = false }
    }
    hub {}
    log_retention_bytes = "2GiB"
  `,
    {},
    { SEAL_KEY: 'canary' },
  );
  const [tcp, unix] = config.listener;
  assert.ok(tcp?.type === 'tcp' && unix?.type === 'unix');
  assert.deepEqual(tcp.address, { host: '0.0.0.0', port: 8200 });
  assert.equal(tcp.max_request_size, 1_048_576);
  assert.equal(tcp.max_request_duration, 10);
  assert.equal(tcp.telemetry.unauthenticated_metrics_access, true);
  assert.deepEqual([unix.address, unix.socket_mode, unix.socket_group], ['/run/lockstep.sock', 0o660, 'ops']);
  assert.equal(unix.max_request_duration, 90);
  assert.deepEqual(config.storage, { type: 'lmdb', path: '/var/lib/lockstep' });
  const [seal] = config.seal;
  assert.ok(seal?.type === 'static' && seal.current.key.from === 'value');
  assert.equal(seal.current.key.value.expose(), 'canary');
  assert.deepEqual(seal.previous, { id: 'a', key: { from: 'file', path: '/keys/a' } });
  assert.deepEqual(config.audit, [
    {
      type: 'file',
      path: 'main',
      description: 'everything',
      local: false,
      options: { file_path: '/var/log/audit.log', mode: '600', log_raw: 'false' },
      variables: {},
    },
  ]);
  assert.deepEqual(config.hub, { cluster_address: { host: '::', port: 8201 }, advertised: 'https://hub.example:8201' });
  assert.deepEqual(
    [config.api_addr, config.cluster_addr, config.default_lease_ttl, config.max_lease_ttl],
    ['https://hub.example:8200', 'https://hub.example:8201', 3600, 7200],
  );
  assert.deepEqual(
    [config.log_level, config.log_retention_bytes, config.log_retention, config.ack],
    ['debug', 2 ** 31, 604_800, 'hub'],
  );
  assert.deepEqual(config.warnings, [
    'server.hcl:2:5: `ui` is ignored: there are no web pages yet',
    'server.hcl:3:5: `disable_mlock` is ignored: memory is not locked: keep swap off or encrypted',
  ]);
  assert.ok(!JSON.stringify(config).includes('canary'));
});

test('takes the JSON that Vault takes, with its older names', () => {
  const json =
    '{"backend":{"inmem":{}},"listener":[{"tcp":{"address":"127.0.0.1:18200","tls_disable":1}}],"disable_mlock":true,"default_lease_ttl":"768h"}';
  const config = load(json);
  assert.deepEqual(config.storage, { type: 'inmem' });
  assert.deepEqual(
    config.listener.map(({ address }) => address),
    [{ host: '127.0.0.1', port: 18_200 }],
  );
  assert.deepEqual(config.seal, [{ type: 'shamir', name: 'shamir', priority: 1, disabled: false }]);
});

test('reads a region, and its token only from a file or the environment', () => {
  const text = `${plain}region "eu" { hub = "hub.example:8201", join_token_file = "/run/token" }`;
  const config = load(text, {}, { LOCKSTEP_JOIN_TOKEN: 'canary' });
  assert.equal(config.region?.name, 'eu');
  assert.deepEqual(config.region?.hub, { host: 'hub.example', port: 8201 });
  assert.equal(config.region?.join_token_file, '/run/token');
  assert.equal(config.region?.join_token?.expose(), 'canary');
  assert.ok(!JSON.stringify(config).includes('canary'));
  assert.equal(config.hub, undefined);
  assert.equal(load(`${plain}region "eu" { hub = "h:1" }`).region?.join_token, undefined);
  refused(
    `${plain}region "eu" { hub = "h:1", join_token = "x" }`,
    /unknown key `join_token`: did you mean `join_token_file`\?/,
  );
  refused(`${plain}region "EU" { hub = "h:1" }`, /server.hcl:3:1: region "EU": a region is named with/);
  refused(`${plain}region "eu" { hub = ":1" }`, /`hub` needs a host and a port/);
  refused(`${plain}region "eu" { hub = "h:1" }\nhub {}`, /`region` and `hub` exclude each other/);
  refused(`${plain}region "eu" { hub = "h:1" }\nregion "us" { hub = "h:1" }`, /`region` is given twice/);
});

test('is a hub by its block or by a cluster address', () => {
  assert.equal(load(plain).hub, undefined);
  assert.deepEqual(load(`${plain}hub {}`).hub, {
    cluster_address: { host: '127.0.0.1', port: 8201 },
    advertised: 'https://127.0.0.1:8201',
  });
  assert.deepEqual(load(`${plain}hub { cluster_address = ":9000" }`).hub?.cluster_address, { host: '', port: 9000 });
  assert.equal(
    load('listener "tcp" { tls_disable = 1 cluster_address = "h:2" }\nstorage "inmem" {}').hub?.advertised,
    'https://h:2',
  );
  refused(
    'listener "unix" { address = "/s" }\nstorage "inmem" {}\nhub {}',
    'configuration: `hub` needs a `cluster_address`',
  );
});

test('leaves open what a hub is reached by where the listener cannot say it', () => {
  for (const address of [':9000', '0.0.0.0:9000', '[::]:9000', '127.0.0.1:0']) {
    assert.equal(load(`${plain}hub { cluster_address = "${address}" }`).hub?.advertised, undefined, address);
  }
  assert.equal(load(`${plain}hub { cluster_address = "[::1]:9000" }`).hub?.advertised, 'https://[::1]:9000');
});

test('lets several listeners take free ports', () => {
  const free = 'listener "tcp" { address = "127.0.0.1:0" tls_disable = true }\n';
  assert.equal(load(`${free}${free}storage "inmem" {}`).listener.length, 2);
});

test('refuses what is not there, contradicts itself or would be unsafe', () => {
  refused('', /`listener` is missing[^]*`storage` is missing/);
  refused('storage "inmem" {}\nlistener "tcp" {}', /server.hcl:2:1: listener "tcp": TLS needs `tls_cert_file`/);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['listener "tcp" { tls_disable = true }', /two listeners have the address 127.0.0.1:8200/],
    ['listener "tcp" { address = ":1" tls_disable = true tls_require_and_verify_client_cert = true }', /needs TLS/],
    ['listener "tcp" { tls_min_version = "tls13" tls_max_version = "tls12" }', /is above/],
    ['listener "tcp" { tls_max_version = "tls11" }', /`tls_max_version` must be "tls12" or "tls13"/],
    [
      'listener "tcp" { tls_cert_file = "/c" tls_key_file = "/k" tls_require_and_verify_client_cert = 1 }',
      /needs `tls_client_ca_file`/,
    ],
    ['listener "tcp" { tls_disable_client_certs = 1 tls_require_and_verify_client_cert = 1 }', /exclude each other/],
    ['listener "tcp" { tls_disable = 1 chroot_namespace = "" }', /`chroot_namespace` must be the path of a namespace/],
    [
      'listener "unix" { address = "/s" chroot_namespace = "root" }',
      /`chroot_namespace` must be the path of a namespace/,
    ],
    [
      'listener "tcp" { tls_disable = 1 chroot_namespace = "a//b" }',
      /`chroot_namespace` must be the path of a namespace/,
    ],
    [customised('"6xx" = { "X-A" = ["a"] }'), /`custom_response_headers`: "6xx" is no status/],
    [customised('"default" = { "X A" = ["a"] }'), /"X A" is no name of a header/],
    [customised('"default" = { "X-A" = "a" }'), /"X-A" of default must be a list of texts/],
    [customised('"default" = { "X-A" = [] }'), /"X-A" of default must be a list of texts/],
    ...['a\\r\\nX-B: b', 'é', '\\u0000'].map((value): readonly [string, RegExp] => [
      customised(`"default" = { "X-A" = ["${value}"] }`),
      /"X-A" of default has a character that no header should have/,
    ]),
    ...['WWW-Authenticate', 'retry-after', 'Allow', 'X-Lockstep-Age', 'X-RateLimit-Limit', 'Sec-WebSocket-Accept'].map(
      (name): readonly [string, RegExp] => [
        customised(`"4xx" = { "${name}" = ["a"] }`),
        new RegExp(`the header "${name}" is the server's own`),
      ],
    ),
    [customised('"default" = { "x-vault-token" = ["a"] }'), /the header "x-vault-token" is the server's own/],
    [customised('"200" = { "Content-Type" = ["a"] }'), /the header "Content-Type" is the server's own/],
    ['listener "tcp" { proxy_protocol_behavior = "use_always" }', /`proxy_protocol_behavior` is not offered/],
    ['listener "unix" {}', /`address` is missing/],
    ['storage "consul" {}', /unknown storage `consul` \(known: lmdb, inmem, raft, file\)/],
    ['seal "ocikms" { address = "x" }', /unknown seal `ocikms`/],
    [
      'seal "static" { current_key_id = "a" current_key = "env://MISSING" }',
      /names the environment variable MISSING, which is not set/,
    ],
    ['seal "static" { current_key_id = "a" current_key = "k" previous_key = "l" }', /go together/],
    [
      'seal "static" { current_key_id = "a" current_key = "k" previous_key = "l" previous_key_id = "a" }',
      /must differ/,
    ],
    ['audit "kafka" "s" {}', /the types of audit devices are "file", "http", "socket" and "syslog"/],
    ['audit "file" "s" {}\naudit "file" "s" {}', /is given twice/],
    ['default_lease_ttl = "2h"\nmax_lease_ttl = "1h"', /`default_lease_ttl` is longer than `max_lease_ttl`/],
    ['ack = "stand-in"', /`ack` must be "hub"/],
    ['log_level = "loud"', /`log_level` must be "trace", "debug", "info", "warn" or "error"/],
  ];
  for (const [text, expected] of cases) refused(`${plain}${text}`, expected);
});

test('takes raft and file as lmdb, aloud', () => {
  for (const type of ['raft', 'file']) {
    const config = load(`listener "tcp" { tls_disable = 1 }\nstorage "${type}" { path = "/d" }`);
    assert.deepEqual(config.storage, { type: 'lmdb', path: '/d' });
    assert.match(config.warnings.join('\n'), new RegExp(`storage "${type}" is kept as "lmdb"`));
  }
  assert.match(
    load('listener "tcp" { tls_disable = 1 }\nstorage "raft" { path = "/d" node_id = "n" }').warnings.join(),
    /`node_id` is ignored/,
  );
});

test('raises a TLS version that is no longer spoken, aloud', () => {
  const config = load(`storage "inmem" {}\nlistener "tcp" { tls_disable = 1 tls_min_version = "tls10" }`);
  assert.ok(config.listener[0]?.type === 'tcp');
  assert.equal(config.listener[0].tls_min_version, 'tls12');
  assert.deepEqual(config.warnings, ['server.hcl:2:34: `tls_min_version` is raised to "tls12"']);
});

test('lets flags go before the environment, LOCKSTEP before VAULT, and both before files', () => {
  const text = `${plain}log_level = "error"`;
  assert.equal(load(text).log_level, 'error');
  assert.equal(load(text, {}, { VAULT_LOG_LEVEL: 'warn' }).log_level, 'warn');
  assert.equal(load(text, {}, { VAULT_LOG_LEVEL: 'warn', LOCKSTEP_LOG_LEVEL: 'info' }).log_level, 'info');
  assert.equal(load(text, { log_level: 'trace' }, { LOCKSTEP_LOG_LEVEL: 'info' }).log_level, 'trace');
  assert.equal(load(text, {}, { LOCKSTEP_LOG_LEVEL: '' }).log_level, 'error');
  refused(text, 'environment variable VAULT_LOG_FORMAT: `log_format` must be "standard" or "json"', {
    VAULT_LOG_FORMAT: 'xml',
  });
  assert.throws(() => load(text, { log_level: 'loud' }), { message: /^flag -log-level: `log_level` must be/ });
  assert.equal(load(plain, {}, { VAULT_CLUSTER_ADDR: 'https://a:1' }).cluster_addr, 'https://a:1');
});

test('needs no file for -dev, where files still win', () => {
  const config = load('', { dev: true });
  assert.deepEqual(config.storage, { type: 'inmem' });
  assert.deepEqual(
    config.listener.map(({ type, address }) => [type, address]),
    [['tcp', { host: '127.0.0.1', port: 8200 }]],
  );
  assert.equal(config.dev?.root_token_id, undefined);
  assert.deepEqual(config.warnings, []);
  assert.equal(load(plain).dev, undefined);

  const given = load('storage "lmdb" { path = "/d" }', {
    dev: true,
    dev_root_token_id: 'canary',
    dev_listen_address: '127.0.0.1:0',
  });
  assert.deepEqual(given.storage, { type: 'lmdb', path: '/d' });
  assert.equal(given.dev?.root_token_id?.expose(), 'canary');
  assert.ok(!JSON.stringify(given).includes('canary'));
  const env = { VAULT_DEV_ROOT_TOKEN_ID: 'root', VAULT_DEV_LISTEN_ADDRESS: '0.0.0.0:1' };
  const open = load('', { dev: true }, env);
  assert.equal(open.dev?.root_token_id?.expose(), 'root');
  assert.match(open.warnings.join(), /listens beyond this machine/);
  assert.throws(() => load('', { dev: true, dev_listen_address: '"} x' }), { message: /`address` must be/ });
});

test('is frozen all the way down', () => {
  const config = load(`${plain}audit "file" "a" { options { x = 1 } }`);
  const open: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Object.isFrozen(value)) open.push(path);
    for (const [name, inner] of Object.entries(value)) visit(inner, `${path}.${name}`);
  };
  visit(config, 'config');
  assert.deepEqual(open, []);
});

function namesOf(keys: Keys): readonly string[] {
  return Object.entries(keys).flatMap(([name, member]) => {
    if (member.role === 'section' || member.role === 'named') return [name, ...namesOf(member.keys)];
    return member.role === 'typed' ? [name, ...Object.values(member.variants).flatMap(namesOf)] : [name];
  });
}

test('ends on any document with a configuration or invalidConfig', () => {
  const name = fc.constantFrom(
    ...new Set([...namesOf(serverKeys), 'tcp', 'unix', 'lmdb', 'static', 'file', '__proto__', 'zzz']),
  );
  const value = fc.oneof(
    fc.constantFrom(
      'true',
      '1',
      '-1',
      '"1h"',
      '"x"',
      '"127.0.0.1:1"',
      '[]',
      '["a"]',
      '{}',
      '[{}, 1]',
      '"env://X"',
      '"file:///x"',
    ),
  );
  const { body } = fc.letrec<{ body: string }>((tie) => ({
    body: fc
      .array(
        fc.oneof(
          { maxDepth: 3, depthIdentifier: 'body' },
          fc.tuple(name, value).map(([key, text]) => `"${key}" = ${text}`),
          fc
            .tuple(name, fc.array(name, { maxLength: 2 }), tie('body'))
            .map(
              ([type, labels, inner]) => `"${type}" ${labels.map((label) => `"${label}"`).join(' ')} {\n${inner}\n}`,
            ),
        ),
        { maxLength: 6, depthIdentifier: 'body' },
      )
      .map((items) => items.join('\n')),
  }));
  let read = 0;
  fc.assert(
    fc.property(body, fc.boolean(), (text, dev) => {
      try {
        load(`${text}\n`, { dev }, { X: 'x' });
        read += 1;
      } catch (error) {
        assert.ok(
          isLockstepError(error, 'invalidConfig') || (error instanceof Error && error.name === 'HclError'),
          String(error),
        );
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(read > 0);
});

test('takes blocks about user lockout, by type of auth method', () => {
  const blocks =
    'user_lockout "all" { lockout_duration = "10m" }\n' +
    'user_lockout "approle" { lockout_threshold = "25" lockout_counter_reset = 60 disable_lockout = false }\n';
  const config = load(plain + blocks);
  assert.deepEqual(lockoutSettings(config), {
    disabled: false,
    byType: { all: { duration: 600 }, approle: { threshold: 25, counterReset: 60, disable: false } },
  });
  assert.equal(load(plain, {}, { VAULT_DISABLE_USER_LOCKOUT: 'true' }).disable_user_lockout, true);
  refused(`${plain}user_lockout "aprole" {}`, /the types of user_lockout are "all", "userpass", "ldap", "approle"/);
  refused(`${plain}user_lockout "all" { lockout_treshold = 3 }`, /lockout_threshold/);
});
