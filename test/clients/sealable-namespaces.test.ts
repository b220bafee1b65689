/** Namespaces with a seal of their own: the same steps by `bao` at OpenBao's server and here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openbao, startOpenBao } from './support/openbao.ts';
import { run } from './support/run.ts';
import { devServer } from './support/server.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

interface Step {
  readonly line: string;
  /** Exit codes: 0, or 2 with the status that the server gave. */
  readonly theirs: string;
  /** Where it is another one. */
  readonly ours?: string;
  /** With the token that the shares gave. */
  readonly made?: true;
}

/**
 * `$0` and `$1` are the first shares of `vault`, `$2` that of `vault/inner`, `$3` and `$4` the next ones of `vault`. A word
 * after `$` is the newest of that name that a step has shown.
 */
const STEPS: readonly Step[] = [
  { line: 'namespace create -key-shares=3 -key-threshold=2 -format=json vault', theirs: '0 shares=3 threshold=2' },
  { line: 'namespace create -key-shares=3 -key-threshold=2 vault', theirs: '2 400' },
  { line: 'namespace create -key-shares=2 -key-threshold=3 wrong', theirs: '2 400' },
  { line: 'namespace create -key-shares=2 wrong', theirs: '2 400' },
  { line: 'namespace create plain', theirs: '0' },
  { line: 'namespace seal-status -format=json vault', theirs: '0 sealed=true progress=0/2 n=3' },
  { line: 'namespace seal-status plain', theirs: '2 400' },
  // There a fault of the server's, for what the caller did.
  { line: 'namespace seal-status nope', theirs: '2 500', ours: '2 400' },
  { line: 'secrets enable -namespace=vault -path=kv kv', theirs: '2 503' },
  { line: 'namespace unseal -format=json vault $0', theirs: '0 sealed=true progress=1/2 n=3' },
  { line: 'namespace unseal -format=json vault $0', theirs: '0 sealed=true progress=1/2 n=3' },
  { line: 'namespace unseal -reset -format=json vault', theirs: '0 sealed=true progress=0/2 n=3' },
  { line: 'namespace unseal vault zz', theirs: '2 400' },
  { line: 'namespace unseal nope $0', theirs: '2 500', ours: '2 400' },
  { line: 'namespace unseal plain $0', theirs: '2 400' },
  { line: 'namespace unseal -format=json vault $0', theirs: '0 sealed=true progress=1/2 n=3' },
  { line: 'namespace unseal -format=json vault $1', theirs: '0 sealed=false progress=0/2 n=3' },
  { line: 'namespace unseal -format=json vault $1', theirs: '0 sealed=false progress=0/2 n=3' },
  { line: 'secrets enable -namespace=vault -path=kv kv', theirs: '0' },
  { line: 'write -namespace=vault kv/x word=hush', theirs: '0' },
  { line: 'read -namespace=vault kv/x', theirs: '0' },
  { line: 'namespace create -namespace=vault below', theirs: '0' },
  {
    line: 'namespace create -namespace=vault -key-shares=1 -key-threshold=1 -format=json inner',
    theirs: '0 shares=1 threshold=1',
  },
  { line: 'namespace unseal -namespace=vault -format=json inner $2', theirs: '0 sealed=false progress=0/1 n=1' },
  { line: 'read -namespace=vault sys/key-status', theirs: '0' },
  { line: 'write -f -namespace=vault sys/rotate', theirs: '0' },
  { line: 'read -namespace=vault/below sys/key-status', theirs: '2 400' },
  { line: 'write -f -namespace=vault sys/seal', theirs: '2 400' },
  { line: 'namespace delete-sealed vault', theirs: '2 400' },
  { line: 'operator rotate-keys -namespace=vault/below -status', theirs: '2 400' },
  { line: 'operator rotate-keys -namespace=vault -target=recovery -status', theirs: '2 400' },
  { line: 'operator rotate-keys -namespace=vault -backup-retrieve', theirs: '2 400' },
  { line: 'operator rotate-keys -namespace=vault -verify -status', theirs: '2 400' },
  { line: 'operator rekey -namespace=vault -status', theirs: '2 400' },
  { line: 'operator rotate-keys -namespace=vault -init -key-shares=2 -key-threshold=3', theirs: '2 400' },
  {
    line: 'operator rotate-keys -namespace=vault -init -key-shares=2 -key-threshold=2 -format=json',
    theirs: '0 started=true progress=0/2',
  },
  { line: 'operator rotate-keys -namespace=vault -init -key-shares=2 -key-threshold=2', theirs: '2 400' },
  // An attempt of the namespace is none of the node.
  { line: 'operator rotate-keys -status -format=json', theirs: '0 started=false progress=0/1' },
  { line: 'operator rotate-keys -namespace=vault -nonce=nope $0', theirs: '2 400' },
  {
    line: 'operator rotate-keys -namespace=vault -nonce=$nonce -format=json $0',
    theirs: '0 started=true progress=1/2',
  },
  { line: 'operator rotate-keys -namespace=vault -nonce=$nonce $0', theirs: '2 400' },
  { line: 'operator rotate-keys -namespace=vault -nonce=$nonce -format=json $1', theirs: '0 shares=2' },
  { line: 'read -namespace=vault kv/x', theirs: '0' },
  { line: 'namespace seal-status -format=json vault', theirs: '0 sealed=false progress=0/2 n=2' },
  { line: 'operator generate-root -namespace=vault/below -init', theirs: '2 400' },
  { line: 'operator generate-root -namespace=vault -init -otp=short', theirs: '2 400' },
  { line: 'operator generate-root -namespace=vault -init -format=json', theirs: '0 started=true progress=0/2' },
  { line: 'operator generate-root -namespace=vault -init', theirs: '2 400' },
  // The shares of before are wrong ones, which there is a fault of the server's.
  {
    line: 'operator generate-root -namespace=vault -nonce=$nonce -format=json $0',
    theirs: '0 started=true progress=1/2',
  },
  { line: 'operator generate-root -namespace=vault -nonce=$nonce $1', theirs: '2 500', ours: '2 400' },
  {
    line: 'operator generate-root -namespace=vault -nonce=$nonce -format=json $3',
    theirs: '0 started=true progress=1/2',
  },
  { line: 'operator generate-root -namespace=vault -nonce=$nonce -format=json $4', theirs: '0 complete' },
  { line: 'operator generate-root -decode=$encoded_token -otp=$otp -format=json', theirs: '0 token' },
  { line: 'read -namespace=vault kv/x', theirs: '0', made: true },
  { line: 'secrets enable -namespace=vault/below -path=kv kv', theirs: '0', made: true },
  { line: 'secrets list', theirs: '2 403', made: true },
  { line: 'secrets list -namespace=plain', theirs: '2 403', made: true },
  { line: 'namespace seal vault', theirs: '2 403', made: true },
  { line: 'token create -namespace=vault -policy=root', theirs: '0', made: true },
  { line: 'token create -namespace=vault/below -policy=root', theirs: '2 400', made: true },
  { line: 'token create -namespace=vault -policy=root', theirs: '2 400' },
  { line: 'namespace seal vault', theirs: '0' },
  { line: 'read -namespace=vault kv/x', theirs: '2 503', made: true },
  { line: 'namespace unseal vault $0', theirs: '0' },
  { line: 'namespace unseal vault $1', theirs: '2 400' },
  { line: 'namespace unseal -reset vault', theirs: '0' },
  { line: 'namespace seal vault', theirs: '0' },
  // There it says that it is sealed, and is not.
  { line: 'namespace seal plain', theirs: '0', ours: '2 400' },
  { line: 'namespace seal nope', theirs: '2 400' },
  { line: 'read -namespace=vault kv/x', theirs: '2 503' },
  { line: 'read vault/kv/x', theirs: '2 503' },
  // There nothing is known of what lies below one that is sealed: gone and not to be had are two things here.
  { line: 'read -namespace=vault/below kv/x', theirs: '2', ours: '2 503' },
  { line: 'namespace seal-status -namespace=vault inner', theirs: '2 503' },
  { line: 'namespace lookup vault', theirs: '0' },
  { line: 'namespace delete vault', theirs: '2 503' },
  { line: 'read -namespace=vault sys/seal-status', theirs: '0' },
  { line: 'namespace unseal vault $3', theirs: '0' },
  { line: 'namespace unseal -format=json vault $4', theirs: '0 sealed=false progress=0/2 n=2' },
  { line: 'read -namespace=vault kv/x', theirs: '0' },
  { line: 'namespace seal-status -namespace=vault -format=json inner', theirs: '0 sealed=true progress=0/1 n=1' },
  { line: 'namespace seal vault', theirs: '0' },
  { line: 'namespace delete-sealed plain', theirs: '2 400' },
  { line: 'namespace delete-sealed nope', theirs: '0' },
  { line: 'namespace delete-sealed vault', theirs: '2 400' },
  { line: 'namespace delete-sealed -force vault', theirs: '0' },
  { line: 'namespace lookup vault', theirs: '2' },
];

/** What a step shows, without what is another each time. */
function told(exit: number, stdout: string, stderr: string): string {
  const status = /Code: (\d+)/.exec(stderr)?.[1];
  if (exit !== 0) return [exit, status].filter((each) => each !== undefined).join(' ');
  if (!stdout.startsWith('{')) return '0';
  const shown = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  const { key_shares: shares, key_threshold: threshold, keys_base64: renewed, started, required } = shown;
  if (Array.isArray(shares)) return `0 shares=${String(shares.length)} threshold=${String(threshold)}`;
  if (Array.isArray(renewed)) return `0 shares=${String(renewed.length)}`;
  if (shown['complete'] === true) return '0 complete';
  if (shown['token'] !== undefined) return '0 token';
  if (started !== undefined)
    return `0 started=${String(started)} progress=${String(shown['progress'])}/${String(required)}`;
  const { sealed, progress, t, n } = shown;
  return `0 sealed=${String(sealed)} progress=${String(progress)}/${String(t)} n=${String(n)}`;
}

interface Shown {
  readonly key_shares?: readonly string[];
  readonly keys?: readonly string[];
  readonly [name: string]: unknown;
}

async function allAt(address: string): Promise<readonly string[]> {
  const env = { HOME: '/nonexistent', PATH: process.env['PATH'], BAO_ADDR: address };
  const shares: string[] = [];
  const shown = new Map<string, string>();
  const found: string[] = [];
  for (const { line, made } of STEPS) {
    const args = line
      .replaceAll(/\$(\d)/g, (_whole, at: string) => shares[Number(at)] ?? '')
      .replaceAll(/\$([a-z_]+)/g, (_whole, name: string) => shown.get(name) ?? '')
      .split(' ');
    const token = made === true ? shown.get('token') : 'root';
    const { code, stdout, stderr } = await run(binary ?? '', args, { env: { ...env, BAO_TOKEN: token } });
    const { key_shares: first, keys: next, ...rest } = stdout.startsWith('{') ? (JSON.parse(stdout) as Shown) : {};
    shares.push(...(first ?? next ?? []).slice(0, 2));
    for (const name of ['nonce', 'otp', 'encoded_token', 'token']) {
      const value = rest[name];
      if (typeof value === 'string' && value !== '') shown.set(name, value);
    }
    found.push(told(code ?? -1, stdout, stderr));
  }
  return found;
}

test('bao finds namespaces with a seal of their own as at OpenBao, but for what is listed', { skip }, async () => {
  await using theirs = await startOpenBao(binary ?? '');
  await using ours = await devServer();
  const lines = (pick: (step: Step) => string) => STEPS.map((step) => `${step.line}: ${pick(step)}`);
  const shown = (found: readonly string[]) => STEPS.map(({ line }, at) => `${line}: ${found[at] ?? ''}`);
  assert.deepEqual(
    shown(await allAt(theirs.address)),
    lines((step) => step.theirs),
  );
  assert.deepEqual(
    shown(await allAt(ours.address)),
    lines((step) => step.ours ?? step.theirs),
  );
});
