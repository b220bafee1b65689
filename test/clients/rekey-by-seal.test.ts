/**
 * New keys and a new root token under each kind of seal, by the steps that an operator takes with `bao`: the same ones, which must
 * show the same, against a server of this checkout and against OpenBao's own.
 */
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { decrypt, generateKey, readMessage, type PrivateKey } from 'openpgp';
import { runSteps, type Step } from './support/bao-script.ts';
import { withoutPython } from './support/cache.ts';
import { credentials, startKmsEmulator } from './support/kms-emulator.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { storedServers } from './support/stored-servers.ts';

const binary = await openbao();
const withoutMoto = (await withoutPython()) ?? false;
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

interface Kind extends AsyncDisposable {
  /** The `seal` block; empty: shares. */
  readonly block: string;
}

const nothing = async (): Promise<void> => undefined;

/** The far side of each kind of seal, and the block that leads there. Files lie in `folder`. */
const kinds: Readonly<Record<string, (folder: string) => Promise<Kind>>> = {
  shamir: async () => ({ block: '', [Symbol.asyncDispose]: nothing }),
  static: async (folder) => {
    const file = join(folder, 'static.key');
    writeFileSync(file, randomBytes(32), { mode: 0o600 });
    const block = `seal "static" {\n  current_key_id = "one"\n  current_key = "file://${file}"\n}\n`;
    return { block, [Symbol.asyncDispose]: nothing };
  },
  transit: async () => {
    const far = await startOpenBao(binary ?? '');
    await far.ask('POST', 'sys/mounts/transit', { type: 'transit' });
    await far.ask('POST', 'transit/keys/unseal', {});
    const block = `seal "transit" {\n  address = "${far.address}"\n  token = "root"\n  key_name = "unseal"\n  mount_path = "transit/"\n}\n`;
    return { block, [Symbol.asyncDispose]: () => far[Symbol.asyncDispose]() };
  },
  awskms: async () => {
    const far = await startKmsEmulator();
    const made = await far.client.send(new CreateKeyCommand({}));
    const block = `seal "awskms" {
      kms_key_id = "${made.KeyMetadata?.KeyId ?? assert.fail()}"
      region = "eu-central-1"
      endpoint = "${far.endpoint}"
      access_key = "${credentials.accessKeyId}"
      secret_key = "${credentials.secretAccessKey}"\n}\n`;
    return { block, [Symbol.asyncDispose]: () => far[Symbol.asyncDispose]() };
  },
};

const KEYS = /Key 1: (?<one>\S+)\s+Key 2: (?<two>\S+)\s+Key 3: (?<three>\S+)/;

/** Three new keys, of which two are needed: shown, cancelled, begun again, refused, and proven before they count. */
const newKeys = (verb: string, target: string): readonly Step[] => {
  const line = (rest: string): string => `operator ${verb} -target=${target} ${rest}`;
  return [
    [
      line('-init -key-shares=3 -key-threshold=2 -verify'),
      /Started +true\nProgress +0\/2\nNew Shares +3\nNew Threshold +2/,
    ],
    [`! ${line('-init -key-shares=1 -key-threshold=1')}`, /already in progress/],
    [line('-status'), /Progress +0\/2[^]*Verification Required +true/],
    [line('-cancel'), /Success! Canceled/],
    [line('-status'), /Started +false/],
    [line('-init -key-shares=3 -key-threshold=2 -verify'), /Nonce +(?<nonce>\S+)/],
    [line('-nonce=$nonce $one'), /Progress +1\/2/],
    [`! ${line('-nonce=$nonce $one')}`, /given key has already been provided/],
    [
      line('-nonce=$nonce $two'),
      new RegExp(`${KEYS.source.replaceAll('?<', '?<new')}[^]*Verification Nonce +(?<verification>\\S+)`),
    ],
    [line('-verify -status'), /Verification Progress +0\/2/],
    [line('-verify -nonce=$verification $newone'), /Verification Progress +1\/2/],
    [line('-verify -nonce=$verification $newthree'), /keys are now active/],
    [`! ${line('-verify -status')}`, /no (rekey|rotation) /i],
  ];
};

/** A root token from the new keys; the old ones are refused. */
const newRoot: readonly Step[] = [
  ['operator generate-root -init', /Nonce +(?<nonce>\S+)[^]*OTP {2,}(?<otp>\S+)/],
  ['operator generate-root -nonce=$nonce $one', /Progress +1\/2/],
  ['! operator generate-root -nonce=$nonce $two', /key|authentication/i],
  ['operator generate-root -cancel', /Success! Root token generation canceled/],
  ['operator generate-root -init', /Nonce +(?<nonce>\S+)[^]*OTP {2,}(?<otp>\S+)/],
  ['operator generate-root -nonce=$nonce $newone', /Progress +1\/2/],
  ['operator generate-root -nonce=$nonce $newtwo', /Encoded Token +(?<encoded>\S+)/],
  ['operator generate-root -decode=$encoded -otp=$otp', /^(?<made>(hv)?s\.\S+)/],
];

/** One key, encrypted to a PGP key, kept for the case that it is lost on its way. */
const backedUp = (verb: string, target: string): readonly Step[] => {
  const line = (rest: string): string => `operator ${verb} -target=${target} ${rest}`;
  return [
    [line('-init -key-shares=1 -key-threshold=1 -pgp-keys=$home/key.asc -backup'), /Nonce +(?<nonce>\S+)/],
    [line('-nonce=$nonce $newone'), /Progress +1\/2/],
    [line('-nonce=$nonce $newtwo'), /Key 1 fingerprint: (?<fingerprint>\w+)[^]*value: (?<encrypted>\S+)/],
    [line('-backup-retrieve'), /\S{64,}/],
    [line('-backup-delete'), /Success! Delete/],
  ];
};

async function decrypted(text: string, privateKey: PrivateKey): Promise<string> {
  const message = await readMessage({ binaryMessage: Buffer.from(text, 'base64') });
  return String((await decrypt({ message, decryptionKeys: privateKey })).data);
}

/** A home for `bao`, which talks to `address` there. */
function homeAt(folder: string) {
  const env: Record<string, string | undefined> = { HOME: folder, PATH: process.env['PATH'] };
  return { binary: binary ?? '', env, found: new Map([['home', folder]]) };
}

/** Unsealed, OpenBao is a standby until it has elected itself. */
async function active(address: string): Promise<void> {
  while ((await fetch(`${address}/v1/sys/health`)).status !== 200) await new Promise(setImmediate);
}

/** OpenBao's binary has it no longer. */
const withoutBao = new Set(['awskms']);

for (const [kind, open] of Object.entries(kinds)) {
  describe(`under the seal "${kind}"`, { skip: skip || (kind === 'awskms' && withoutMoto) }, () => {
    for (const [name, start] of Object.entries(storedServers(binary ?? ''))) {
      if (name === 'OpenBao' && withoutBao.has(kind)) continue;
      test(`${name} replaces its keys and makes a root token`, async (t) => {
        const folder = mkdtempSync(join(tmpdir(), 'lockstep-rekey-'));
        t.after(() => {
          rmSync(folder, { recursive: true });
        });
        const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: 'operator' }], format: 'object' });
        writeFileSync(join(folder, 'key.asc'), publicKey.armor());
        await using sealed = await open(folder);
        const auto = sealed.block !== '';
        const target = auto ? 'recovery' : 'barrier';
        const shares = auto ? 'recovery' : 'key';
        const at = homeAt(folder);
        {
          await using server = await start(folder, sealed.block);
          at.env['BAO_ADDR'] = server.address;
          const made = /Key 1: (?<one>\S+)\s+[^]*Key 2: (?<two>\S+)[^]*Initial Root Token: (?<root>\S+)/;
          await runSteps(at, [[`operator init -${shares}-shares=2 -${shares}-threshold=2`, made]], at.found);
          if (!auto)
            await runSteps(
              at,
              [
                ['operator unseal $one', /1\/2/],
                ['operator unseal $two', /Sealed +false/],
              ],
              at.found,
            );
          await active(server.address);
          at.env['BAO_TOKEN'] = at.found.get('root');
          await runSteps(at, newKeys('rekey', target), at.found);
          await runSteps(at, newRoot, at.found);
          at.env['BAO_TOKEN'] = at.found.get('made');
          await runSteps(at, [['token lookup', /policies +\[root\]/]], at.found);
        }
        {
          await using server = await start(folder, sealed.block);
          at.env['BAO_ADDR'] = server.address;
          // It listens before the service has answered.
          if (auto) await active(server.address);
          const opened: readonly Step[] = auto
            ? [['status', /Sealed +false/]]
            : [
                ['operator unseal $newthree', /1\/2/],
                ['operator unseal $newtwo', /Sealed +false/],
              ];
          await runSteps(at, opened, at.found);
          await active(server.address);
          await runSteps(at, backedUp('rotate-keys', target), at.found);
          const key = await decrypted(at.found.get('encrypted') ?? '', privateKey);
          at.found.set('last', key);
          await runSteps(
            at,
            [
              ['operator generate-root -init', /Nonce +(?<nonce>\S+)/],
              ['operator generate-root -nonce=$nonce $last', /Encoded Token/],
            ],
            at.found,
          );
        }
      });
    }
  });
}
