import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHcl } from '../lib/hcl/index.ts';
import { keyExchangeGroups } from './key-exchange.ts';
import { serverConfig } from './server.ts';

const load = (text: string) => serverConfig([parseHcl(text, 'server.hcl')], {}, {});

test('reads how keys are agreed on by Go’s names, and takes what OpenBao 2.7 has beside it', () => {
  const listener = (more: string): string =>
    `storage "inmem" {}\nplugin_download_max_size = 1\nlistener "tcp" {\n tls_cert_file = "/c"\n tls_key_file = "/k"\n${more}\n}`;
  const config = load(
    listener(`tls_key_exchange_preferences = ["X25519MLKEM768", "CurveP256"]
      tls_auto_reload = true
      tls_auto_reload_interval = "30s"
      tls_acme_alpn_challenge_port = 443
      cors_allow_credentials = true
      consistency_max_index_wait = "1s"
      consistency_fallback_behavior = "fail"
      consistency_missing_header_forward = true`),
  );
  const [read] = config.listener;
  assert.ok(read?.type === 'tcp');
  assert.equal(keyExchangeGroups(read.tls_key_exchange_preferences), 'X25519MLKEM768:P-256');
  for (const name of ['tls_auto_reload', 'tls_acme_alpn_challenge_port', 'consistency_max_index_wait']) {
    assert.match(config.warnings.join('\n'), new RegExp(`\`${name}\` is ignored`));
  }
  assert.throws(() => load(listener('tls_key_exchange_preferences = ["Kyber"]')), {
    code: 'invalidConfig',
    message: /"Kyber" is not known; it takes X25519MLKEM768/,
  });
  assert.throws(() => load(listener('tls_max_version = "tls12"\ntls_key_exchange_preferences = ["MLKEM1024"]')), {
    code: 'invalidConfig',
    message: /names what TLS 1\.3 alone has/,
  });
});
