/** What stands in a template's file, where whoever may write to its folder put something else there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { issue } from '../../server/certificates.testing.ts';
import { certificateIn } from './certificate-object.ts';

const authority = await issue({ name: 'ca' });
const { certPem, keyPem } = await issue({ name: 'own', issuer: authority });
const other = await issue({ name: 'other', issuer: authority });
const bundle = `${certPem}\n${keyPem}\n`;

test('a certificate with its own key is taken from a file of ours alone', async (t) => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-own-'));
  t.after(() => {
    fs.rmSync(folder, { recursive: true });
  });
  const at = (name: string): string => join(folder, name);
  const found = (name: string, more: object = {}) => certificateIn({ path: at(name), ...more }, Date.now());
  fs.writeFileSync(at('own.pem'), bundle);
  assert.equal(found('own.pem')?.data['file'], bundle);
  fs.symlinkSync(at('own.pem'), at('link.pem'));
  execFileSync('mkfifo', [at('pipe.pem')]);
  fs.mkdirSync(at('folder.pem'));
  fs.writeFileSync(at('large.pem'), bundle + ' '.repeat(1024 * 1024));
  fs.writeFileSync(at('two.pem'), `${bundle}${other.certPem}\n${other.keyPem}\n`);
  fs.writeFileSync(at('foreign.pem'), `${certPem}\n${other.keyPem}\n`);
  for (const name of ['link', 'pipe', 'folder', 'large', 'two', 'foreign', 'none']) {
    assert.equal(found(`${name}.pem`), undefined, name);
  }
  assert.equal(found('own.pem', { user: (process.geteuid?.() ?? 0) + 1 }), undefined, 'of somebody else');
  fs.linkSync(at('own.pem'), at('second-name.pem'));
  assert.equal(found('second-name.pem'), undefined, 'somebody else has it by another name');
});

test('a certificate that is not valid yet, by the clock of this machine, is not taken', async (t) => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-own-'));
  t.after(() => {
    fs.rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'own.pem');
  fs.writeFileSync(path, bundle);
  assert.equal(certificateIn({ path }, 0), undefined);
});
