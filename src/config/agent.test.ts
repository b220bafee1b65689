import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../errors.ts';
import { parseHcl } from '../lib/hcl/index.ts';
import { agentConfig, type AgentConfig } from './agent.ts';
import type { Environment } from './overlay.ts';

function load(text: string, env: Environment = {}): AgentConfig {
  return agentConfig([parseHcl(text, 'agent.hcl')], {}, env);
}

function refused(text: string, expected: RegExp): void {
  assert.throws(
    () => load(text),
    (error) => {
      assert.ok(isLockstepError(error, 'invalidConfig'), String(error));
      assert.match(error.message, expected);
      return true;
    },
  );
}

const method = 'auto_auth {\n method "approle" { config = { role_id_file_path = "/r" } }\n';
const sink = 'sink "file" { config = { path = "/run/token" } }\n';

test('reads an agent with everything that operators set', () => {
  const config = load(
    `
    pid_file = "/run/agent.pid"
    vault {
      address = "https://eu.example:8200"
      ca_cert = "/ca.pem"
      retry { num_retries = 3 }
    }
    auto_auth {
      method "approle" {
        mount_path = "auth/apps"
        min_backoff = "500ms"
        config {
          role_id_file_path = "/r"
          secret_id_file_path = "/s"
          remove_secret_id_file_after_reading = false
          secret_id_response_wrapping_path = "auth/apps/role/web/secret-id"
        }
      }
      sink "file" { config { path = "/run/token", mode = 0600, owner = "app", gid = 7 } }
      sink "file" { wrap_ttl = "5m", config { path = "/run/wrapped" } }
    }
    secret "db" {
      path = "secret/data/db"
      field = "password"
      destination = "/run/db"
      perms = "0440"
      command = ["kill", "-HUP", "1"]
    }
    secret "all" { path = "secret/data/all" destination = "/run/all.json" }
    cache { persist "file" { path = "/var/cache/agent", key_credential = "agent-key", stale_max = "1h" } }
    listener "tcp" { tls_disable = true }
    consumer = "web-1"
  `,
    { CREDENTIALS_DIRECTORY: '/run/credentials' },
  );
  assert.deepEqual(config.server, {
    ...{ address: 'https://eu.example:8200', ca_cert: '/ca.pem', ca_path: undefined, client_cert: undefined },
    ...{
      client_key: undefined,
      tls_skip_verify: false,
      tls_server_name: undefined,
      namespace: '',
      retry: { num_retries: 3 },
    },
  });
  assert.ok(config.method.type === 'approle');
  assert.deepEqual(
    [config.method.mount_path, config.method.min_backoff, config.method.max_backoff],
    ['auth/apps', 0.5, 300],
  );
  assert.equal(config.method.config.remove_secret_id_file_after_reading, false);
  assert.deepEqual(config.sink, [
    { type: 'file', wrap_ttl: undefined, config: { path: '/run/token', mode: 0o600, owner: 'app', group: 7 } },
    { type: 'file', wrap_ttl: 300, config: { path: '/run/wrapped', mode: 0o600, owner: undefined, group: undefined } },
  ]);
  assert.deepEqual(
    config.secret.map(({ name, format, mode, command }) => [name, format, mode, command]),
    [
      ['db', 'value', 0o440, ['kill', '-HUP', '1']],
      ['all', 'json', 0o400, undefined],
    ],
  );
  assert.deepEqual(config.cache, {
    path: '/var/cache/agent',
    stale_max: 3600,
    exit_on_err: false,
    key_file: '/run/credentials/agent-key',
    derive_key: false,
  });
  assert.deepEqual(config.warnings, []);
  assert.ok(Object.isFrozen(config.secret[0]));
});

test('takes the other forms of method and sink', () => {
  const forms = [
    `${method}${sink}}`,
    'auto_auth { method { type = "approle" config = { role_id_file_path = "/r" } } sink { type = "file" config = { path = "/run/token" } } }',
    '{"auto_auth":{"method":[{"type":"approle","config":{"role_id_file_path":"/r"}}],"sink":[{"type":"file","config":{"path":"/run/token"}}]}}',
    '{"auto_auth":[{"method":{"approle":{"config":[{"role_id_file_path":"/r"}]}},"sink":[{"file":{"config":{"path":"/run/token"}}}]}]}',
    `lockstep { address = "https://127.0.0.1:8200" }\n${method}${sink}}`,
  ];
  const [first, ...others] = forms.map((form) => load(form));
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(first?.method.mount_path, 'auth/approle');
});

test('lets the environment of clients go before the file', () => {
  const text = `vault { address = "https://file:1" }\n${method}${sink}}`;
  assert.equal(load(text, { VAULT_ADDR: 'https://env:1' }).server.address, 'https://env:1');
  assert.equal(load(`${method}${sink}}`, { LOCKSTEP_CACERT: '/ca' }).server.ca_cert, '/ca');
});

test('refuses what it would have to leave out, and what cannot work', () => {
  const secret = (keys: string): string => `${method}}\nsecret "s" {\n${keys} }`;
  refused('', /`auto_auth` with a `method` is missing/);
  refused(`${method}}`, /nothing to do: give a `sink`, a `secret` or a `template`/);
  refused(`${method}${sink}}\ntemplate { contents = "x" }`, /`destination` is missing/);
  refused(`${method}${sink}}\ntemplate { destination = "/d" }`, /agent.hcl:5:1: template: give `source` or `contents`/);
  refused(
    `${method}${sink}}\ntemplate { destination = "/d" contents = "x" source = "/s" }`,
    /give `source` or `contents`/,
  );
  refused(
    `${method}${sink}}\ntemplate { destination = "/run/token" contents = "x" }`,
    /two sinks, secrets or templates are written to/,
  );
  refused(`${method} sink "file" { dh_type = "curve25519" config { path = "/t" } } }`, /`dh_type` is not offered/);
  refused(`${method}${sink}${sink}}`, /two sinks, secrets or templates are written to \/run\/token/);
  refused('auto_auth { method "kerberos" { config = {} } }', /unknown method `kerberos`/);
  refused('auto_auth { method "approle" {} }', /`role_id_file_path` is missing|nothing to do/);
  refused(secret('path = "/secret/data/a" destination = "/d"'), /agent.hcl:4:1: secret "s": `path` is an API path/);
  refused(secret('path = "a" destination = "d"'), /`destination` must be an absolute path/);
  refused(secret('path = "a" destination = "/d" format = "value"'), /needs a `field`/);
  refused(secret('path = "a" destination = "/d" mode = 640'), /`mode` must be a file mode in octal/);
  refused(secret('path = "a" destination = "/d" mode = "0400" perms = "0400"'), /`perms` and `mode` are the same/);
  refused(
    `${secret('path = "a" destination = "/d"')}\nsecret "s" { path = "b" destination = "/e" }`,
    /secret "s" is given twice/,
  );
  refused(
    `${method}${sink}}\ncache { persist "file" { path = "/c" key_credential = "../k" } }`,
    /a name without slashes/,
  );
  refused(
    `${method}${sink}}\ncache { persist "file" { path = "/c" key_credential = "k" } }`,
    /needs CREDENTIALS_DIRECTORY/,
  );
});

test('takes templates as Vault Agent has them', () => {
  const config = load(
    `${method}${sink}}
    template {
      source = "/etc/a.tmpl"
      destination = "/out/a"
      perms = 0640
      error_fatal = true
      exec { command = ["true"], timeout = "5s" }
      wait { min = "2s" max = "10s" }
    }
    template { contents = "x" destination = "/out/b" command = "reload" }
    template_config {
      static_secret_render_interval = "10m"
      exit_on_retry_failure = true
      max_connections_per_host = 3
      allowed_environment = ["APP_*"]
    }`,
    { APP_NAME: 'web', OTHER: 'no' },
  );
  const [first, second] = config.template;
  assert.deepEqual([first?.name, first?.perms, first?.error_fatal], ['/out/a', 0o640, true]);
  assert.deepEqual([first?.command, first?.command_timeout], [['/bin/sh', '-c', 'true'], 5]);
  assert.deepEqual([second?.command, second?.command_timeout], [['/bin/sh', '-c', 'reload'], 30]);
  assert.deepEqual([second?.perms, second?.error_on_missing_key, second?.create_dest_dirs], [undefined, false, true]);
  assert.deepEqual([config.poll_interval, config.template_config.max_connections_per_host], [600, 3]);
  assert.deepEqual(config.environment, { APP_NAME: 'web' });
  assert.match(config.warnings.join('\n'), /`min` is ignored.*\n.*`max` is ignored/);
});

test('keeps a cache without a key off, aloud', () => {
  const config = load(`${method}${sink}}\ncache { persist = { type = "kubernetes" path = "/c" } }`);
  assert.equal(config.cache?.key_file, undefined);
  assert.equal(config.cache?.derive_key, false);
  assert.match(config.warnings.join(), /the cache is off/);
});

test('derives the key of the cache from a secret-id that stays, and from no other', () => {
  const cached = (keys: string): AgentConfig =>
    load(`auto_auth {
      method "approle" { config { role_id_file_path = "/r", ${keys} } }
      ${sink}
    }
    cache { persist "file" { path = "/c" } }`);
  const stays = cached('secret_id_file_path = "/s", remove_secret_id_file_after_reading = false');
  assert.deepEqual([stays.cache?.derive_key, stays.warnings], [true, []]);
  for (const keys of [
    'secret_id_file_path = "/s"',
    'remove_secret_id_file_after_reading = false',
    'secret_id_file_path = "/s", remove_secret_id_file_after_reading = false, secret_id_response_wrapping_path = "auth/approle/role/a/secret-id"',
  ]) {
    const config = cached(keys);
    assert.equal(config.cache?.derive_key, false, keys);
    assert.match(config.warnings.join(), /the cache is off/);
  }
});
