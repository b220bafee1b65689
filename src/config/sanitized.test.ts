import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHcl } from '../lib/hcl/index.ts';
import { sanitizedConfig } from './sanitized.ts';
import { serverConfig } from './server.ts';

test('the configuration is shown without anything that is secret', () => {
  const text = `
    listener "tcp" { address = "127.0.0.1:8200", tls_cert_file = "/c", tls_key_file = "/canary-path" }
    storage "lmdb" { path = "/data" }
    seal "static" { current_key_id = "1", current_key = "env://CANARY" }
    audit "file" "main" { options { file_path = "/a", prefix = "canary" } }
    snapshot "offsite" {
      interval = "1h", storage_type = "aws-s3", aws_s3_bucket = "backups"
      aws_access_key_id = "canary-id", aws_secret_access_key = "canary-secret", aws_session_token = "env://CANARY"
    }
    region "eu" { hub = "hub.example:8201" }`;
  const env = { CANARY: 'canary-key', LOCKSTEP_JOIN_TOKEN: 'canary-token' };
  const shown = sanitizedConfig(serverConfig([parseHcl(text, 'test.hcl')], {}, env));
  assert.equal(JSON.stringify(shown).includes('canary'), false);
  assert.deepEqual(shown['seals'], [{ type: 'static', name: 'static', priority: 1, disabled: false }]);
  const [snapshot] = shown['snapshots'] as readonly Readonly<Record<string, unknown>>[];
  const { name, interval, storage_type: type, aws_s3_bucket: bucket } = snapshot ?? {};
  assert.deepEqual([name, interval, type, bucket], ['offsite', 3_600, 'aws-s3', 'backups']);
  assert.deepEqual(shown['storage'], { type: 'lmdb', path: '/data' });
  assert.deepEqual(shown['region'], { name: 'eu', hub: 'hub.example:8201' });
  assert.deepEqual(shown['listeners'], [{ type: 'tcp', config: { address: '127.0.0.1:8200', tls_disable: false } }]);
});
