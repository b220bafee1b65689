/** PKCS #12, JWK and RSA in templates: what we make is read by Go, OpenSSL and Java, and what they make by us. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { externalSecretsFunctions as functions } from '../../src/lib/go-template/external-secrets.ts';
import { parseTemplate, stringMap, TemplateError } from '../../src/lib/go-template/template.ts';
import { has, must } from './support/run.ts';

const skip = (await has('go', ['version'])) ? false : 'there is no Go';
const withoutJava = (await has('keytool', ['-help'])) ? false : 'there is no keytool';

type Data = Readonly<Record<string, string>>;

const ours = (template: string, data: Data): string =>
  Buffer.from(parseTemplate('t', template, { functions }).executeToBytes(stringMap(data))).toString('latin1');

function oursFails(template: string, data: Data): string {
  try {
    ours(template, data);
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
  return assert.fail(`${template} does not fail`);
}

interface Result {
  readonly output: string | null;
  readonly error: string;
}

async function byGo(cases: readonly { readonly template: string; readonly data: Data }[]): Promise<readonly Result[]> {
  const input = cases.map((each) => `${JSON.stringify(each)}\n`).join('');
  const cwd = join(import.meta.dirname, 'go-template');
  const stdout = await must('go', ['run', '-mod=readonly', '.'], { cwd, input });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Result);
}

const outputOf = ({ output, error }: Result): string => {
  assert.equal(error, '');
  return Buffer.from(output ?? '', 'base64').toString('latin1');
};

describe('keys in templates', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-template-keys-'));
  const path = (name: string): string => join(folder, name);
  const text = (name: string): string => readFileSync(path(name), 'utf8');
  const openssl = (...args: readonly string[]): Promise<string> => must('openssl', args, { cwd: folder });
  const data: Record<string, string> = {};

  before(async () => {
    await openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/C=DE/O=Shop, Inc./CN=root',
      '-days',
      '3650',
    );
    for (const [name, ...kind] of [
      ['rsa', 'rsa:2048'],
      ['ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ] as const) {
      await openssl(
        'req',
        '-newkey',
        ...kind,
        '-nodes',
        '-keyout',
        `${name}.key`,
        '-out',
        'x.csr',
        '-subj',
        `/CN=${name}.example`,
      );
      await openssl(
        'x509',
        '-req',
        '-in',
        'x.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-out',
        `${name}.pem`,
        '-days',
        '3650',
      );
      data[`${name}Key`] = text(`${name}.key`);
      data[`${name}Chain`] = text(`${name}.pem`) + text('ca.pem');
      const plain = ['pkcs12', '-export', '-inkey', `${name}.key`, '-in', `${name}.pem`, '-certfile', 'ca.pem'];
      const forms = {
        modern: [],
        legacy: ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
        plain: ['-keypbe', 'NONE', '-certpbe', 'NONE'],
      };
      for (const [form, more] of Object.entries(forms)) {
        for (const [kind2, password] of [
          ['pass', 'höhö'],
          ['none', ''],
        ] as const) {
          const file = `${name}-${form}-${kind2}`;
          await openssl(...plain, ...more, '-passout', `pass:${password}`, '-out', `${file}.p12`);
          data[file] = readFileSync(path(`${file}.p12`)).toString('base64');
        }
      }
    }
    await openssl('rsa', '-in', 'rsa.key', '-traditional', '-out', 'rsa-old.key');
    await openssl('ec', '-in', 'ec.key', '-out', 'ec-old.key');
    await openssl('genpkey', '-algorithm', 'ed25519', '-out', 'ed.key');
    Object.assign(data, {
      rsaOld: text('rsa-old.key'),
      ecOld: text('ec-old.key'),
      ed: text('ed.key'),
      password: 'höhö',
      ca: text('ca.pem'),
    });
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('keys and chains of files that OpenSSL made come out as Go gives them', async () => {
    const names = Object.keys(data).filter((name) => /-(pass|none)$/.test(name));
    assert.equal(names.length, 12);
    const templates = names.flatMap((name) => {
      const read = `index . "${name}" | b64dec`;
      const ends = name.endsWith('none')
        ? ['pkcs12key', 'pkcs12cert']
        : ['pkcs12keyPass .password', 'pkcs12certPass .password'];
      return ends.map((end) => `{{ ${read} | ${end} }}`);
    });
    const go = await byGo(templates.map((template) => ({ template, data })));
    for (const [place, template] of templates.entries()) {
      assert.equal(ours(template, data), outputOf(go[place] as Result), template);
    }
  });

  test('what we make is the same each time, and Go and OpenSSL read it', async () => {
    const made = [
      ...[
        ['pemToPkcs12 .rsaChain .rsaKey', '', 1],
        ['pemToPkcs12 .rsaChain .rsaOld', '', 1],
        ['fullPemToPkcs12 .ecChain .ecKey', '', 2],
      ],
      ...[
        ['pemToPkcs12Pass .ecChain .ecOld .password', 'höhö', 1],
        ['fullPemToPkcs12Pass .rsaChain .rsaKey .password', 'höhö', 2],
      ],
    ] as const;
    const files = made.map(([call]) => ours(`{{ ${call} }}`, data));
    assert.deepEqual(
      made.map(([call]) => ours(`{{ ${call} }}`, data)),
      files,
    );
    assert.equal(new Set(files).size, 4, 'RSA without a password twice the same key');
    const read = (name: string) => `{{ ${name} .p (.f | b64dec) }}`;
    const cases = files.flatMap((f, place) => {
      const given = { f, p: made[place]?.[1] ?? '' };
      return [read('pkcs12keyPass'), read('pkcs12certPass')].map((template) => ({ template, data: given }));
    });
    const go = await byGo(cases);
    for (const [place, each] of cases.entries()) {
      const [, , certificates] = made[Math.floor(place / 2)] ?? ['', '', 0];
      const theirs = outputOf(go[place] as Result);
      assert.equal(ours(each.template, each.data), theirs);
      const blocks = theirs.match(/-----BEGIN/g)?.length;
      assert.equal(blocks, place % 2 === 0 ? 1 : certificates);
    }
    for (const [place, f] of files.entries()) {
      writeFileSync(path('made.p12'), Buffer.from(f, 'base64'));
      const shown = await openssl('pkcs12', '-in', 'made.p12', '-passin', `pass:${made[place]?.[1] ?? ''}`, '-nodes');
      assert.match(shown, /PRIVATE KEY/);
    }
  });

  test('a trust store is one to Go and to Java', { skip: withoutJava }, async () => {
    const bundle = { ...data, two: text('ca.pem') + text('rsa.pem') + text('ca.pem') };
    const f = ours('{{ pemTruststoreToPKCS12Pass .two "changeit" }}', bundle);
    const [go] = await byGo([{ template: '{{ trustedIn "changeit" (.f | b64dec) }}', data: { f } }]);
    assert.equal(outputOf(go as Result), '3');
    writeFileSync(path('trust.p12'), Buffer.from(f, 'base64'));
    const listed = await must('keytool', ['-list', '-keystore', path('trust.p12'), '-storepass', 'changeit']);
    assert.equal(listed.match(/trustedCertEntry/g)?.length, 3, listed);
    assert.match(listed, /cn=root,o=shop\\, inc\.,c=de/i);
    const open = ours('{{ pemTruststoreToPKCS12 .ca }}', data);
    assert.notEqual(open, f);
    const [goOpen] = await byGo([{ template: '{{ trustedIn "" (.f | b64dec) }}', data: { f: open } }]);
    assert.equal(outputOf(goOpen as Result), '1');
  });

  test('a wrong password, a file of older ciphers, and what is no PKCS #12 are told apart, and show nothing', async () => {
    const wrong = oursFails('{{ pkcs12keyPass .wrong (index . "rsa-modern-pass" | b64dec) }}', {
      ...data,
      wrong: 'swordfish',
    });
    assert.match(wrong, /the password is wrong, or the data is damaged/);
    assert.doesNotMatch(wrong, /swordfish/);
    assert.match(oursFails('{{ pkcs12cert "nonsense" }}', data), /the data is no PKCS #12/);
    await openssl(
      'pkcs12',
      '-export',
      '-legacy',
      '-inkey',
      'rsa.key',
      '-in',
      'rsa.pem',
      '-passout',
      'pass:',
      '-out',
      'old.p12',
    );
    const old = { old: readFileSync(path('old.p12')).toString('base64') };
    assert.match(oursFails('{{ .old | b64dec | pkcs12cert }}', old), /openssl pkcs12 -legacy/);
    assert.match(oursFails('{{ pemToPkcs12 .rsaChain "x" }}', data), /failed to decode PEM block/);
    assert.match(oursFails('{{ pemToPkcs12 "x" .rsaKey }}', data), /failed to decode PEM block/);
  });

  test('a file that asks for more rounds than a rendering has ends at the bound', async () => {
    const many = ['-iter', '2000000', '-passout', 'pass:'];
    await openssl('pkcs12', '-export', '-inkey', 'rsa.key', '-in', 'rsa.pem', ...many, '-nomac', '-out', 'many.p12');
    const f = readFileSync(path('many.p12')).toString('base64');
    assert.match(oursFails('{{ .f | b64dec | pkcs12key }}', { f }), /exceeded the bound of 1000000 steps/);
  });

  test('JWKs become the PEM that Go gives; a key of the other half is refused', async () => {
    const { createPrivateKey, createPublicKey } = await import('node:crypto');
    const given: Record<string, string> = {};
    for (const name of ['rsaKey', 'ecKey', 'ed']) {
      const key = createPrivateKey(data[name] ?? '');
      given[`${name}Private`] = JSON.stringify(key.export({ format: 'jwk' }));
      given[`${name}Public`] = JSON.stringify({ ...createPublicKey(key).export({ format: 'jwk' }), kid: 'x' });
    }
    const templates = ['rsaKey', 'ecKey', 'ed'].flatMap((name) => [
      `{{ jwkPublicKeyPem .${name}Public }}`,
      `{{ jwkPrivateKeyPem .${name}Private }}`,
    ]);
    const go = await byGo(templates.map((template) => ({ template, data: given })));
    for (const [place, template] of templates.entries()) {
      assert.equal(ours(template, given), outputOf(go[place] as Result), template);
    }
    assert.match(oursFails('{{ jwkPublicKeyPem .ecKeyPrivate }}', given), /no JWK of a public key/);
    assert.match(oursFails('{{ jwkPrivateKeyPem .ecKeyPublic }}', given), /no JWK of a private key/);
    const symmetric = { k: '{"kty":"oct","k":"c2VjcmV0"}' };
    assert.doesNotMatch(oursFails('{{ jwkPrivateKeyPem .k }}', symmetric), /c2VjcmV0/);
  });

  test('RSA-OAEP decrypts what OpenSSL encrypted, by each hash, as Go does', async () => {
    writeFileSync(path('plain'), 'the secret');
    const cases = [];
    for (const [hash, name] of [
      ['sha1', 'SHA1'],
      ['sha256', 'SHA256'],
      ['sha512', 'SHA512'],
      ['sha256', 'None'],
    ] as const) {
      const oaep = ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', `rsa_oaep_md:${hash}`];
      await openssl('pkeyutl', '-encrypt', '-inkey', 'rsa.key', ...oaep, '-in', 'plain', '-out', 'sealed');
      const sealed = readFileSync(path('sealed')).toString('base64');
      cases.push({
        template: `{{ rsaDecrypt "RSA-OAEP" "${name}" (.sealed | b64dec) .key }}`,
        data: { sealed, key: data['rsaOld'] ?? '' },
      });
    }
    const go = await byGo(cases);
    for (const [place, each] of cases.entries()) {
      assert.equal(ours(each.template, each.data), 'the secret');
      assert.equal(outputOf(go[place] as Result), 'the secret');
    }
    assert.match(oursFails('{{ rsaDecrypt "RSA-OAEP" "SHA1" "x" .rsaKey }}', data), /error decrypting data with RSA/);
    assert.match(oursFails('{{ rsaDecrypt "RSA-OAEP" "SHA1" "x" .ecKey }}', data), /error decrypting data with RSA/);
    assert.match(oursFails('{{ rsaDecrypt "PKCS1" "SHA1" "x" .rsaKey }}', data), /scheme is not supported/);
    assert.equal(ours('{{ rsaDecrypt "None" "" "x" "" }}', data), 'x');
  });
});
