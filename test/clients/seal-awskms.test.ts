/** Auto-unseal by a key of AWS KMS, on an emulator. */
import {
  CreateAliasCommand,
  CreateKeyCommand,
  EncryptCommand,
  RotateKeyOnDemandCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { isLockstepError } from '../../src/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { openAwsKmsSeal } from '../../src/seal/awskms/seal.ts';
import { AwsKms, type AwsKmsOptions } from '../../src/seal/awskms/service.ts';
import { newKey } from '../../src/seal/keyring.ts';
import { configured, lifecycleOn, sealsOf, staticSeal } from '../../src/seal/lifecycle.fixture.ts';
import { sealConformance } from '../../src/seal/seal.conformance.ts';
import type { KeyWrapper, Seal } from '../../src/seal/seal.ts';
import { decodeWrapped } from '../../src/seal/wrapped.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import { holdsSecret, initialise, place, staticBlock, unsealed } from '../support/sealed-server.ts';
import { ServerProcess } from '../support/server-process.ts';
import { withoutPython } from './support/cache.ts';
import { credentials, doorTo, startKmsEmulator, type KmsEmulator } from './support/kms-emulator.ts';

const skip = (await withoutPython()) ?? false;
const signal = AbortSignal.timeout(120_000);

describe('the seal "awskms"', { skip }, () => {
  let kms: KmsEmulator;
  let keyId: string;
  const seals: Disposable[] = [];
  const createKey = async (): Promise<string> =>
    (await kms.client.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId ?? assert.fail();
  before(async () => {
    kms = await startKmsEmulator();
    keyId = await createKey();
  });
  after(async () => {
    for (const seal of seals) seal[Symbol.dispose]();
    await kms[Symbol.asyncDispose]();
  });

  function open(more: Partial<AwsKmsOptions> = {}, warnings: string[] = []): Seal {
    const seal = openAwsKmsSeal({
      ...{ keyId, region: 'eu-central-1', endpoint: kms.endpoint },
      credentials: {
        accessKeyId: new Secret(credentials.accessKeyId),
        secretAccessKey: new Secret(credentials.secretAccessKey),
      },
      warn: (message) => warnings.push(message),
      ...more,
    });
    seals.push(seal);
    return seal;
  }
  const wrapperOf = (seal: Seal): KeyWrapper => seal.wrapper ?? assert.fail();

  sealConformance('awskms', async () => open());

  test('a rotation of the key changes nothing; another key behind the alias has the unseal key wrapped anew', async () => {
    const raw = openMemoryStore();
    await kms.client.send(new CreateAliasCommand({ AliasName: 'alias/unseal', TargetKeyId: keyId }));
    const alias = { keyId: 'alias/unseal' };
    const keysIn = (): readonly string[] =>
      decodeWrapped(raw.get('seal/wrapped') ?? assert.fail()).map(
        ({ wrapped }) => /key\/(\S+) /.exec(Buffer.from(wrapped).toString('latin1'))?.[1] ?? '',
      );
    await lifecycleOn(raw, open(alias)).init({ recoveryShares: 1, recoveryThreshold: 1 }, () => undefined);
    assert.deepEqual(keysIn(), [keyId]);
    await kms.client.send(new RotateKeyOnDemandCommand({ KeyId: keyId }));
    assert.equal((await lifecycleOn(raw, open(alias)).open(signal)).sealed, false);
    assert.deepEqual(keysIn(), [keyId]);
    const next = await createKey();
    await kms.client.send(new UpdateAliasCommand({ AliasName: 'alias/unseal', TargetKeyId: next }));
    assert.equal((await lifecycleOn(raw, open(alias)).open(signal)).sealed, false, 'the old key is remembered');
    assert.deepEqual(keysIn(), [next]);
  });

  test('a missing key, a disabled one, and no right are refused by name, at once, with what to do', async () => {
    const refused = (work: Promise<unknown>, words: RegExp) =>
      assert.rejects(work, (error: Error) => {
        assert.ok(isLockstepError(error, 'invalidConfig'), String(error));
        assert.match(error.message, words);
        assert.ok(!error.message.includes(credentials.secretAccessKey));
        return true;
      });
    const missing = '00000000-0000-0000-0000-000000000000';
    await refused(
      wrapperOf(open({ keyId: missing })).wrap(newKey(), signal),
      /0000: NotFoundException.*check kms_key_id and region/,
    );
    // The emulator goes on with disabled keys, and asks for no rights.
    await using door = await doorTo(kms.endpoint);
    door.answer = () => ({ status: 400, type: 'AccessDeniedException' });
    const denied = open({ endpoint: door.endpoint });
    await refused(wrapperOf(denied).wrap(newKey(), signal), /AccessDeniedException.*grant kms:Encrypt and kms:Decrypt/);
    assert.equal(door.asked.length, 1, 'no second try');
    door.answer = () => ({ status: 400, type: 'DisabledException' });
    await refused(wrapperOf(denied).wrap(newKey(), signal), /DisabledException.*enable the key/);
    assert.equal(await denied.check(signal), 'unreachable');
  });

  test('what is throttled, cut off or out of order is asked again', async () => {
    await using door = await doorTo(kms.endpoint);
    const warnings: string[] = [];
    const wrapper = wrapperOf(open({ endpoint: door.endpoint }, warnings));
    const troubles = [
      { status: 400, type: 'ThrottlingException' },
      'nothing',
      { status: 500, type: 'KMSInternalException' },
      { status: 503, type: 'ServiceUnavailable' },
    ] as const;
    door.answer = (count) => troubles[count];
    const key = newKey();
    const wrapped = await wrapper.wrap(key, signal);
    assert.ok((await wrapper.unwrap(wrapped, signal)).equals(key));
    assert.ok(door.asked.filter((each) => each === 'Encrypt').length >= troubles.length + 1);
    assert.ok(warnings.length > 0 && warnings.every((each) => each.includes('trying again')), String(warnings));
  });

  test('a service that is away is waited for until the signal ends it, by name', async () => {
    const door = await doorTo(kms.endpoint);
    await door[Symbol.asyncDispose]();
    const away = open({ endpoint: door.endpoint });
    assert.equal(await away.check(signal), 'unreachable');
    const ending = new AbortController();
    const warn = (): void => {
      ending.abort();
    };
    const waiting = wrapperOf(open({ endpoint: door.endpoint, warn })).wrap(newKey(), ending.signal);
    await assert.rejects(waiting, (error: Error) => {
      assert.ok(isLockstepError(error, 'timeout'), String(error));
      assert.ok(error.message.includes(door.endpoint));
      return true;
    });
  });

  test('the key is bound to what it is for: another encryption context does not open it', async () => {
    const made = await kms.client.send(new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.alloc(32) }));
    using service = new AwsKms({
      ...{ keyId, region: 'eu-central-1', endpoint: kms.endpoint, warn: () => undefined },
      credentials: { accessKeyId: new Secret('a'), secretAccessKey: new Secret('b') },
    });
    const blob = made.CiphertextBlob ?? assert.fail();
    await assert.rejects(service.decrypt({ keyId, blob }, signal), (error) => isLockstepError(error, 'corrupt'));
  });

  test('beside another seal: either opens', async () => {
    const raw = openMemoryStore();
    const file = configured(await staticSeal(), { name: 'file', priority: 2 });
    await using door = await doorTo(kms.endpoint);
    const cloud = (): Parameters<typeof sealsOf>[0][number] =>
      configured(open({ endpoint: door.endpoint }), { name: 'cloud' });
    await lifecycleOn(raw, sealsOf([cloud(), file])).init({}, () => undefined);
    door.answer = () => 'nothing';
    const alone = lifecycleOn(raw, sealsOf([cloud(), file]));
    assert.equal((await alone.open(signal)).sealed, false);
    await alone.watch.run();
    assert.deepEqual(
      alone.backends().backends.map(({ healthy }) => healthy),
      [false, true],
    );
    door.answer = () => undefined;
    assert.equal((await lifecycleOn(raw, sealsOf([cloud()])).open(signal)).sealed, false);
  });

  test('a server unseals by it, with its credentials in the environment, and by the key file when it is gone', async (t) => {
    const at = place(t);
    const file = staticBlock(at, 'file', 'priority = 2');
    const block = `seal "awskms" { kms_key_id = "${keyId}", region = "eu-central-1", endpoint = "${kms.endpoint}" }\n`;
    process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
    t.after(() => {
      delete process.env['AWS_ACCESS_KEY_ID'];
      delete process.env['AWS_SECRET_ACCESS_KEY'];
    });
    const config = at.config(block + file.block);
    await using first = new ServerProcess([config]);
    const keys = await initialise(first, true);
    await first[Symbol.asyncDispose]();
    await using second = new ServerProcess([config]);
    await second.line(/opened by a seal seal=awskms/);
    await unsealed(second);
    assert.equal(await holdsSecret(second, keys), true);
    await second[Symbol.asyncDispose]();
    assert.ok(!second.lines.join('\n').includes(credentials.secretAccessKey));
    rmSync(file.file);
    await using third = new ServerProcess([config]);
    await unsealed(third);
    assert.equal(await holdsSecret(third, keys), true);
  });
});
