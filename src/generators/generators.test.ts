import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem, type Credentials } from '../providers/contract.ts';
import { fake } from './fake/generator.ts';
import { password, type PasswordConfig } from './password/generator.ts';
import { sshKey, type SshKeyConfig } from './ssh-key/generator.ts';
import { uuid } from './uuid/generator.ts';

const refuse = () => Promise.reject(new Error('nothing is asked of the cluster'));
const credentials = { secret: refuse, configMap: refuse, token: refuse } as unknown as Credentials;
const signal = new AbortController().signal;

const passwords = async (config: PasswordConfig): Promise<Readonly<Record<string, string>>> => {
  const { values } = await password.generate(config, credentials, signal);
  return Object.fromEntries([...values].map(([key, value]) => [key, Buffer.from(value).toString('utf8')]));
};
const one = async (config: PasswordConfig): Promise<string> => (await passwords(config))['password'] ?? '';
const count = (text: string, pattern: RegExp): number => [...text].filter((each) => pattern.test(each)).length;

test('a password has what was asked for, and no character twice', async () => {
  for (let n = 0; n < 50; n++) {
    const made = await one({});
    const counted = [/[a-zA-Z]/, /\d/, /[^a-zA-Z\d]/].map((pattern) => count(made, pattern));
    assert.deepEqual(counted, [12, 6, 6]);
    assert.equal(new Set(made).size, 24);
  }
  const made = await one({
    length: 60,
    digits: 30,
    symbols: 10,
    symbolCharacters: '-_',
    noUpper: true,
    allowRepeat: true,
  });
  assert.deepEqual([count(made, /[a-z]/), count(made, /\d/), count(made, /[-_]/)], [20, 30, 10]);
});

test('no place in a password is a letter rather than a digit', async () => {
  const digits = Array.from({ length: 8 }, () => 0);
  for (let n = 0; n < 400; n++) {
    const made = await one({ length: 8, digits: 4, symbols: 0 });
    for (const [at, each] of [...made].entries()) if (/\d/.test(each)) digits[at] = (digits[at] ?? 0) + 1;
  }
  // 200 on average, 10 either way; that a fair draw leaves this range happens once in 10^15.
  for (const found of digits) assert.ok(found > 120 && found < 280, String(found));
});

test('each key gets a password of its own, in the encoding that is asked for', async () => {
  const made = await passwords({ secretKeys: ['a', 'b'] });
  assert.deepEqual([Object.keys(made), made['a'] === made['b']], [['a', 'b'], false]);
  const shape = { length: 8, digits: 0, symbols: 0 } as const;
  assert.match(await one({ ...shape, encoding: 'hex' }), /^([46][1-9a-f]|[57][0-9a])+$/);
  assert.match(await one({ ...shape, encoding: 'base32' }), /^[A-Z2-7]{13}===$/);
  assert.match(await one({ ...shape, encoding: 'base64' }), /^[A-Za-z0-9+/]{11}=$/);
  assert.match(await one({ ...shape, encoding: 'base64url' }), /^[A-Za-z0-9_-]{11}=$/);
});

test('a password that cannot be is refused', async () => {
  const wrong: readonly PasswordConfig[] = [
    { length: 4, digits: 3, symbols: 3 },
    { digits: -1 },
    { length: 60 },
    { length: 20, digits: 11, symbols: 0 },
    { symbols: 1, symbolCharacters: '' },
    { length: 5_000, allowRepeat: true },
    { secretKeys: [''] },
    { secretKeys: ['a', 'a'] },
  ];
  for (const config of wrong) await assert.rejects(passwords(config), ProviderProblem, JSON.stringify(config));
});

test('an SSH key that OpenSSH would not take, or that is two lines, is refused', async () => {
  const wrong: readonly SshKeyConfig[] = [
    { keySize: 1024 },
    { keySize: 65_536 },
    { keyType: 'ecdsa', keySize: 255 },
    { keyType: 'ed25519', comment: 'a\nssh-rsa AAAA attacker' },
    { keyType: 'ed25519', comment: 'x'.repeat(300) },
  ];
  for (const config of wrong)
    await assert.rejects(sshKey.generate(config, credentials, signal), ProviderProblem, JSON.stringify(config));
  const { values } = await sshKey.generate({ keyType: 'ed25519', comment: 'deploy' }, credentials, signal);
  assert.deepEqual([...values.keys()], ['privateKey', 'publicKey']);
});

test('a UUID is another each time, and a fake is what it says', async () => {
  const made = await Promise.all(
    [1, 2].map(async () => (await uuid.generate({}, credentials, signal)).values.get('uuid')),
  );
  const texts = made.map((each) => Buffer.from(each ?? []).toString());
  assert.match(texts[0] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(texts[0], texts[1]);
  assert.deepEqual(
    (await fake.generate({ data: { a: '1' } }, credentials, signal)).values,
    new Map([['a', Buffer.from('1')]]),
  );
});
