import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHcl } from '../lib/hcl/index.ts';
import { serverConfig } from './server.ts';

test('a listener has its certificate by ACME with all that it takes, or is refused by name', () => {
  const listener = (keys: string): string => `storage "inmem" {}
    listener "tcp" { address = "127.0.0.1:0"
      ${keys} }`;
  const whole = `tls_acme_domains = ["vault.example.org"]
    tls_acme_ca_directory = "https://acme.example.org/dir"
    tls_acme_cache_path = "/c"`;
  assert.deepEqual(serverConfig([parseHcl(listener(whole), 'a.hcl')], {}, {}).warnings, []);
  const refused: readonly (readonly [RegExp, string])[] = [
    [/needs `tls_acme_ca_directory`/, whole.replace(/tls_acme_ca_directory.*/, '')],
    [/needs `tls_acme_cache_path`/, whole.replace(/tls_acme_cache_path.*/, '')],
    [/must be https/, whole.replace('https:', 'http:')],
    [/exclude each other/, `${whole}\ntls_cert_file = "/a"\ntls_key_file = "/b"`],
    [/go together/, `${whole}\ntls_acme_eab_key_id = "a"`],
    [/both challenges/, `${whole}\ntls_acme_disable_http_challenge = true\ntls_acme_disable_alpn_challenge = true`],
    ...['*.example.org', '../x.org', '127.0.0.1', 'VAULT.example.org', 'vault', 'a..b', '::1'].map(
      (name) => [/is no name/, whole.replace('vault.example.org', name)] as const,
    ),
  ];
  for (const [problem, keys] of refused) {
    assert.throws(() => serverConfig([parseHcl(listener(keys), 'a.hcl')], {}, {}), problem, keys);
  }
});
