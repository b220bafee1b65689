/** The `bao` command of OpenBao, which speaks Vault's API. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.ts';

export interface Bao {
  /** What it wrote to standard output. Fails the test when the command fails. */
  readonly ok: (...args: readonly string[]) => Promise<string>;
  /** The same, asked for and read as JSON. */
  readonly json: <T>(...args: readonly string[]) => Promise<T>;
  /** All that it wrote. Fails the test when the command does not fail. */
  readonly fails: (...args: readonly string[]) => Promise<string>;
  readonly as: (token: string) => Bao;
}

/** Under the names of both: our own command line knows Vault's. */
const asToken = (token: string): NodeJS.ProcessEnv => ({ BAO_TOKEN: token, VAULT_TOKEN: token });

function withEnvironment(command: string, env: NodeJS.ProcessEnv): Bao {
  const ok = async (args: readonly string[], format: string): Promise<string> => {
    const { code, stdout, stderr } = await run(command, args, {
      env: { ...env, BAO_FORMAT: format, VAULT_FORMAT: format },
    });
    assert.equal(code, 0, `bao ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  return {
    ok: (...args) => ok(args, 'table'),
    json: async <T>(...args: readonly string[]) => JSON.parse(await ok(args, 'json')) as T,
    fails: async (...args) => {
      const { code, stdout, stderr } = await run(command, args, { env });
      assert.notEqual(code, 0, `bao ${args.join(' ')}: ${stdout}`);
      return stdout + stderr;
    },
    as: (token) => withEnvironment(command, { ...env, ...asToken(token) }),
  };
}

/** `binary` at this server, with a home directory of its own; as `token`, or as nobody. */
export function baoAt(binary: string, address: string, token?: string): Bao & Disposable {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-bao-'));
  const named = { BAO_ADDR: address, VAULT_ADDR: address };
  const env = { HOME: home, PATH: process.env['PATH'], ...named, ...(token === undefined ? {} : asToken(token)) };
  return {
    ...withEnvironment(binary, env),
    [Symbol.dispose]: () => {
      rmSync(home, { recursive: true });
    },
  };
}
