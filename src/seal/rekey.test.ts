import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { decrypt, generateKey, readMessage, type PrivateKey } from 'openpgp';

import { deriveKey, hmacSha256, type KeyObject } from '../lib/crypto/hash.ts';
import { randomBytes } from '../lib/crypto/random.ts';
import { bytes, code, put, read } from '../storage/conformance/subject.ts';
import { Barrier } from './barrier.ts';
import { initialised, lifecycleOn, memory, rawValue, signal, staticSeal, unseal } from './lifecycle.fixture.ts';
import type { SealLifecycle } from './lifecycle.ts';
import { Rekey, type Rekeyed, type RekeyOptions } from './rekey.ts';
import type { Seal } from './seal.ts';
import { splitKey } from './shamir/shares.ts';
import type { ShareKind } from './share-backup.ts';

const plain: RekeyOptions = { shares: 3, threshold: 2, backup: false, verify: false };
const silently = async (): Promise<void> => undefined;

type Announce = Parameters<SealLifecycle['replaceKeys']>[1];

function rekeyOf(lifecycle: SealLifecycle, kind: ShareKind = 'root', announce: Announce = silently): Rekey {
  return new Rekey(kind, {
    get shareholders() {
      return lifecycle.shareholders;
    },
    authorise: (shares) => lifecycle.authorise(shares),
    replaceKeys: (change) => lifecycle.replaceKeys(change, announce),
  });
}

async function open(t: TestContext) {
  const made = await initialised(t, { secretShares: 3, secretThreshold: 2 });
  await unseal(made.lifecycle, made.shares.slice(0, 2));
  await put(made.lifecycle.store, 's/root/a', 'value');
  return { ...made, rekey: rekeyOf(made.lifecycle) };
}

async function give(rekey: Rekey, shares: readonly Uint8Array[], options: RekeyOptions = plain): Promise<Rekeyed> {
  const { nonce } = await rekey.start(options);
  let last;
  for (const share of shares) last = await rekey.give(share, nonce);
  assert.ok(last !== undefined && 'shares' in last, 'the last share gives the new ones');
  return last;
}

const sharesOf = (rekeyed: Rekeyed): Buffer[] => rekeyed.shares.expose().hex.map((text) => Buffer.from(text, 'hex'));

async function opens(
  raw: Parameters<typeof lifecycleOn>[0],
  shares: readonly Uint8Array[],
  seal?: Seal,
): Promise<string> {
  const lifecycle = lifecycleOn(raw, seal);
  await unseal(lifecycle, shares);
  return read(lifecycle.store, 's/root/a') ?? '';
}

test('new shares, another number of them and another threshold; the old ones open nothing any more', async (t) => {
  const { raw, lifecycle, shares, rekey } = await open(t);
  const made = await give(rekey, shares.slice(0, 2), { ...plain, shares: 7, threshold: 4 });
  const fresh = sharesOf(made);
  assert.equal(fresh.length, 7);
  assert.deepEqual([lifecycle.status().t, lifecycle.status().n], [4, 7]);
  assert.equal(read(lifecycle.store, 's/root/a'), 'value');
  await put(lifecycle.store, 's/root/a', 'written after');
  await lifecycle.rotate();
  assert.equal(await opens(raw, fresh.slice(3)), 'written after');
  await assert.rejects(opens(raw, [...shares, randomBytes(33)]), code('invalidShares'));
  assert.equal(rekey.progress().started, false);
});

test('the root key changes too: the old one does not open the keyring', async (t) => {
  const { raw, lifecycle, shares, rekey } = await open(t);
  const old = lifecycle.barrier.rootKey;
  await give(rekey, shares.slice(1));
  assert.throws(() => new Barrier(raw).unseal(old), code('corrupt'));
  assert.ok(!lifecycle.barrier.rootKey.equals(old));
});

test('another handle that was told of the new root key follows, and one that opens late finds it', async (t) => {
  const { raw, lifecycle, shares } = await open(t);
  const root = lifecycle.barrier.rootKey;
  const other = new Barrier(raw);
  const store = other.unseal(root);
  const roots: KeyObject[] = [];
  const announced = rekeyOf(lifecycle, 'root', async (next) => {
    roots.push(next);
    other.expectRoot(next);
  });
  const first = sharesOf(await give(announced, shares.slice(1)));
  await give(announced, first.slice(1));
  await lifecycle.rotate();
  await put(lifecycle.store, 's/root/a', 'under term 2');
  assert.equal(read(store, 's/root/a'), 'under term 2');
  await put(store, 's/root/b', 'written by the other');
  assert.equal(read(lifecycle.store, 's/root/b'), 'written by the other');
  assert.equal(read(new Barrier(raw).unseal(root, ...roots), 's/root/a'), 'under term 2');
});

test('writes and rotations in the midst of a rekey lose nothing', async (t) => {
  const { raw, lifecycle, shares, rekey } = await open(t);
  const { nonce } = await rekey.start(plain);
  await rekey.give(shares[0] ?? assert.fail(), nonce);
  const work = Array.from({ length: 60 }, (_, at) =>
    at % 20 === 10 ? lifecycle.rotate() : put(lifecycle.store, `s/root/n${at}`, String(at)),
  );
  const [done] = await Promise.all([rekey.give(shares[1] ?? assert.fail(), nonce), ...work]);
  assert.ok('shares' in done);
  const again = lifecycleOn(raw);
  await unseal(again, sharesOf(done).slice(0, 2));
  assert.equal(again.keyStatus().term, 4);
  for (let at = 0; at < 60; at++) if (at % 20 !== 10) assert.equal(read(again.store, `s/root/n${at}`), String(at));
});

test('a wrong share starts the count again; the attempt and the old shares stay', async (t) => {
  const { raw, shares, rekey } = await open(t);
  const { nonce } = await rekey.start(plain);
  await rekey.give(shares[0] ?? assert.fail(), nonce);
  await assert.rejects(rekey.give(shares[0] ?? assert.fail(), nonce), code('badRequest'), 'given twice');
  assert.equal(rekey.progress().progress, 1);
  await assert.rejects(rekey.give(randomBytes(33), nonce), code('invalidShares'));
  assert.equal(rekey.progress().progress, 0);
  assert.equal(rekey.progress().nonce, nonce);
  assert.equal(await opens(raw, shares.slice(0, 2)), 'value');
  for (const share of shares.slice(0, 2)) await rekey.give(share, nonce);
  await assert.rejects(opens(raw, shares.slice(0, 2)), code('invalidShares'));
});

test('with a verification the old shares hold until the new ones were given', async (t) => {
  const { raw, lifecycle, shares, rekey } = await open(t);
  const made = await give(rekey, shares.slice(1), { ...plain, shares: 4, threshold: 3, verify: true });
  const fresh = sharesOf(made);
  assert.equal(await opens(raw, shares.slice(0, 2)), 'value');
  await assert.rejects(rekey.give(shares[0] ?? assert.fail(), made.nonce), code('badRequest'));
  assert.equal(rekey.progress().verificationNonce, made.verificationNonce);

  for (const share of fresh.slice(0, 2)) await rekey.verify(share, made.verificationNonce);
  await assert.rejects(rekey.verify(randomBytes(33), made.verificationNonce), code('invalidShares'));
  assert.equal(rekey.verification().progress, 0);
  const failed = rekey.verification().nonce;
  assert.notEqual(failed, made.verificationNonce);
  const { nonce } = rekey.restartVerification();
  assert.notEqual(nonce, failed);
  await assert.rejects(rekey.verify(fresh[0] ?? assert.fail(), made.verificationNonce), code('badRequest'));
  for (const share of fresh.slice(0, 2)) assert.ok(await rekey.verify(share, nonce));
  assert.equal(await rekey.verify(fresh[3] ?? assert.fail(), nonce), undefined);
  assert.deepEqual([lifecycle.status().t, lifecycle.status().n], [3, 4]);
  assert.equal(await opens(raw, fresh.slice(1)), 'value');
  await assert.rejects(opens(raw, [...shares.slice(0, 2), randomBytes(33)]), code('invalidShares'));
  assert.throws(() => rekey.verification(), code('badRequest'));
});

test('a verification that is not due is told, and has no nonce', async (t) => {
  const { rekey } = await open(t);
  assert.throws(() => rekey.verification(), code('badRequest'));
  await rekey.start({ ...plain, shares: 4, threshold: 3, verify: true });
  const none = { started: false, nonce: '', split: { shares: 4, threshold: 3 }, progress: 0 };
  assert.deepEqual(rekey.verification(), none);
  assert.deepEqual(rekey.restartVerification(), none);
  await assert.rejects(rekey.verify(randomBytes(33), ''), code('badRequest'));
});

test('cancelled after the new shares were shown, the old ones hold', async (t) => {
  const { raw, shares, rekey } = await open(t);
  const made = await give(rekey, shares.slice(1), { ...plain, verify: true });
  rekey.cancel();
  await assert.rejects(rekey.verify(sharesOf(made)[0] ?? assert.fail(), made.verificationNonce), code('badRequest'));
  assert.equal(await opens(raw, shares.slice(0, 2)), 'value');
  assert.equal((await rekey.start(plain)).progress, 0);
});

test('cancelled or sealed while the shares are checked, nothing changes', async (t) => {
  const { raw, lifecycle, shares, rekey } = await open(t);
  const { nonce } = await rekey.start(plain);
  await rekey.give(shares[0] ?? assert.fail(), nonce);
  const last = rekey.give(shares[1] ?? assert.fail(), nonce);
  rekey.cancel();
  await assert.rejects(last, code('badRequest'));
  const again = await rekey.start(plain);
  await rekey.give(shares[0] ?? assert.fail(), again.nonce);
  const sealed = rekey.give(shares[1] ?? assert.fail(), again.nonce);
  lifecycle.seal();
  await assert.rejects(sealed, code('sealed'));
  assert.equal(await opens(raw, shares.slice(0, 2)), 'value');
});

test('what cannot be asked for is refused, and leaves no attempt', async (t) => {
  const { shares, rekey } = await open(t);
  const [share = assert.fail()] = shares;
  await assert.rejects(rekey.give(share, ''), code('badRequest'));
  for (const wrong of [
    { ...plain, shares: 0, threshold: 0 },
    { ...plain, shares: 256 },
    { ...plain, threshold: 4 },
    { ...plain, threshold: 1 },
    { ...plain, backup: true },
    { ...plain, pgpKeys: ['a'] },
    { ...plain, pgpKeys: ['a', '!', 'b'] },
    { ...plain, pgpKeys: ['YWJj', 'YWJj', 'YWJj'] },
  ]) {
    await assert.rejects(rekey.start(wrong), code('badRequest'), JSON.stringify(wrong));
    assert.equal(rekey.progress().started, false);
  }
  const { nonce } = await rekey.start(plain);
  await assert.rejects(rekey.start(plain), code('badRequest'), 'two at once');
  await assert.rejects(rekey.give(share, 'another'), code('badRequest'));
  await assert.rejects(rekey.give(share.subarray(1), nonce), code('badRequest'));
  assert.equal(rekey.progress().progress, 0);
});

async function pgp(name: string) {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name }],
    format: 'object',
  });
  return { secret: privateKey, text: Buffer.from(publicKey.write()).toString('base64'), armored: publicKey.armor() };
}

async function decrypted(secret: PrivateKey, hex: string): Promise<Buffer> {
  const message = await readMessage({ binaryMessage: Buffer.from(hex, 'hex') });
  const { data } = await decrypt({ message, decryptionKeys: secret });
  return Buffer.from(data as unknown as string, 'hex');
}

test('shares encrypted to PGP keys open the store once decrypted, and their backup is kept as asked', async (t) => {
  const { raw, lifecycle, shares, rekey } = await open(t);
  const [ann, ben] = [await pgp('ann'), await pgp('ben')];
  const made = await give(rekey, shares.slice(1), {
    ...{ shares: 3, threshold: 2, backup: true, verify: false },
    pgpKeys: [ann.text, ben.armored, ann.text],
  });
  const { hex, base64 } = made.shares.expose();
  assert.deepEqual(
    base64,
    hex.map((text) => Buffer.from(text, 'hex').toString('base64')),
  );
  const prints = [ann, ben, ann].map(({ secret }) => secret.getFingerprint());
  assert.deepEqual(made.fingerprints, prints);
  const fresh = [await decrypted(ann.secret, hex[0] ?? ''), await decrypted(ben.secret, hex[1] ?? '')];
  assert.equal(await opens(raw, fresh), 'value');
  const kept = { nonce: made.nonce, keys: { [prints[0] ?? '']: [hex[0], hex[2]], [prints[1] ?? '']: [hex[1]] } };
  assert.deepEqual(lifecycle.shareBackup('root'), kept);

  // A later rekey without a backup leaves it, under the new root key.
  await give(rekey, fresh);
  assert.deepEqual(lifecycle.shareBackup('root'), kept);
  await lifecycle.deleteShareBackup('root');
  assert.equal(lifecycle.shareBackup('root'), undefined);
});

test('a private key, or one that nothing can be encrypted to, is refused', async (t) => {
  const { rekey } = await open(t);
  const { secret } = await pgp('ann');
  const one = { ...plain, shares: 1, threshold: 1 };
  const text = Buffer.from(secret.write()).toString('base64');
  await assert.rejects(rekey.start({ ...one, pgpKeys: [text] }), code('badRequest'));
  const signing = await generateKey({ userIDs: [{ name: 'x' }], subkeys: [], format: 'object' });
  const only = Buffer.from(signing.publicKey.write()).toString('base64');
  await assert.rejects(rekey.start({ ...one, pgpKeys: [only] }), code('badRequest'));
});

async function auto(t: TestContext) {
  const raw = memory(t);
  const seal = await staticSeal();
  const lifecycle = lifecycleOn(raw, seal);
  const made = await lifecycle.init({ recoveryShares: 3, recoveryThreshold: 2 }, (tx) =>
    tx.put('s/root/a', bytes('value')),
  );
  const shares = made.recoveryShares.expose().hex.map((text) => Buffer.from(text, 'hex'));
  return { raw, seal, lifecycle, shares };
}

test('with auto-unseal: new recovery shares authorise, the old ones no more, and the node opens by itself', async (t) => {
  const { raw, seal, lifecycle, shares } = await auto(t);
  const made = await give(rekeyOf(lifecycle, 'recovery'), shares.slice(1), { ...plain, shares: 5, threshold: 3 });
  const fresh = sharesOf(made);
  assert.equal(await lifecycle.authorise(fresh.slice(2)), true);
  assert.equal(await lifecycle.authorise([...shares.slice(0, 2), fresh[0] ?? assert.fail()]), false);
  const again = lifecycleOn(raw, seal);
  assert.equal((await again.open(signal)).n, 5);
  assert.equal(read(again.store, 's/root/a'), 'value');
  assert.equal(await again.authorise(fresh.slice(2)), true);
});

test('with auto-unseal: a new root key leaves the recovery shares', async (t) => {
  const { raw, seal, lifecycle, shares } = await auto(t);
  const before = rawValue(raw, 'seal/root');
  const rekey = rekeyOf(lifecycle);
  await assert.rejects(rekey.start({ ...plain, pgpKeys: ['YQ=='] }), code('badRequest'), 'there are no unseal shares');
  const made = await give(rekey, shares.slice(1), { ...plain, shares: 1, threshold: 1 });
  assert.deepEqual(made.shares.expose(), { hex: [], base64: [] });
  assert.notDeepEqual(rawValue(raw, 'seal/root'), before);
  assert.equal(await lifecycle.authorise(shares.slice(1)), true);
  const again = lifecycleOn(raw, seal);
  await again.open(signal);
  assert.equal(await again.authorise(shares.slice(1)), true);
});

test('recovery shares of a store from before version 2 of their record authorise, also after a new root key', async (t) => {
  const { raw, lifecycle } = await auto(t);
  const key = randomBytes(32);
  const old = hmacSha256(deriveKey(lifecycle.barrier.rootKey, 'lockstep recovery key'), key);
  await raw.transact((tx) => tx.put('seal/recovery', old));
  const shares = await splitKey(key, { shares: 3, threshold: 2 });
  assert.equal(await lifecycle.authorise(shares.slice(1)), true);
  await lifecycle.replaceKeys({ split: { shares: 3, threshold: 2 } }, silently);
  assert.equal(await lifecycle.authorise(shares.slice(1)), true);
  assert.equal(rawValue(raw, 'seal/recovery').length, 93);
});

test('a seal that people hold has no recovery shares', async (t) => {
  const { lifecycle } = await open(t);
  const rekey = rekeyOf(lifecycle, 'recovery');
  assert.throws(() => rekey.progress(), code('badRequest'));
  await assert.rejects(rekey.start(plain), code('badRequest'));
});

test('the wrapping of a new unseal key that fails changes nothing', async (t) => {
  const { raw, seal, shares } = await auto(t);
  const wrapper = seal.wrapper ?? assert.fail();
  let broken = false;
  const fails: Seal = {
    ...seal,
    wrapper: { ...wrapper, wrap: (key, s) => (broken ? Promise.reject(new Error('away')) : wrapper.wrap(key, s)) },
  };
  const lifecycle = lifecycleOn(raw, fails);
  await lifecycle.open(signal);
  broken = true;
  await assert.rejects(give(rekeyOf(lifecycle), shares.slice(1), { ...plain, shares: 1, threshold: 1 }), /away/);
  await lifecycleOn(raw, seal).open(signal);
  assert.equal(await lifecycle.authorise(shares.slice(1)), true);
});

test('cancelled while proved shares are put in place, the key that is stored is theirs and not a wiped one', async (t) => {
  const { lifecycle, shares } = await auto(t);
  const rekey: Rekey = rekeyOf(lifecycle, 'recovery', async () => {
    rekey.cancel();
  });
  const made = await give(rekey, shares.slice(1), { ...plain, verify: true });
  const fresh = sharesOf(made);
  for (const share of fresh.slice(1)) await rekey.verify(share, made.verificationNonce);
  const zeros = await splitKey(new Uint8Array(32), { shares: 2, threshold: 2 });
  assert.equal(await lifecycle.authorise(zeros), false, 'anybody has the shares of zeros');
  assert.equal(await lifecycle.authorise(fresh.slice(0, 2)), true);
  assert.equal(rekey.progress().started, false);
});

test('cancelled while the new shares are encrypted, none of them can be made to hold', async (t) => {
  const { raw, lifecycle, shares } = await open(t);
  const { text: publicKey } = await pgp('ann');
  const rekey = new Rekey('root', {
    get shareholders() {
      return lifecycle.shareholders;
    },
    authorise: async (given) => {
      const right = await lifecycle.authorise(given);
      setImmediate(() => {
        rekey.cancel();
      });
      return right;
    },
    replaceKeys: (change) => lifecycle.replaceKeys(change, silently),
  });
  for (const verify of [true, false]) {
    const options = { ...plain, pgpKeys: [publicKey, publicKey, publicKey], verify };
    await assert.rejects(give(rekey, shares.slice(1), options), code('badRequest'));
    const { nonce } = await rekey.start(plain);
    assert.equal('progress' in (await rekey.give(shares[0] ?? assert.fail(), nonce)), true);
    rekey.cancel();
  }
  assert.equal(await opens(raw, shares.slice(0, 2)), 'value');
});

test('cancelled at any moment while shares are proved, the shares of a wiped key prove nothing', async (t) => {
  const { lifecycle, shares } = await auto(t);
  const rekey = rekeyOf(lifecycle, 'recovery');
  for (let turns = 0; turns < 40; turns += 1) {
    const made = await give(rekey, shares.slice(1), { ...plain, verify: true });
    const [one, other] = await splitKey(new Uint8Array(32), { shares: 2, threshold: 2 });
    await rekey.verify(one ?? assert.fail(), made.verificationNonce);
    const last = rekey.verify(other ?? assert.fail(), made.verificationNonce);
    const refused = assert.rejects(last, (error: unknown) => code('badRequest')(error) || code('invalidShares')(error));
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    rekey.cancel();
    await refused;
  }
  assert.equal(await lifecycle.authorise(shares.slice(1)), true);
});
