/** Each row of docs/compatibility-endpoints.md, asked of a running OpenBao and of a running Lockstep: what it says is there is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compatibilityTable, type Row } from '../support/compatibility.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { devServer } from './support/server.ts';

const binary = await openbao();
const skip = binary === undefined ? 'needs OpenBao, which could not be fetched' : false;

/** It would end what comes after it, or does not end itself; or it looks the same whether it or what it names is missing. */
const leftOut =
  /^sys\/(seal|step-down|monitor|wait|events\/subscribe\/:type|init|unseal|workflows\/unauthed-execute\/:path)$|^auth\/token\/revoke/;

/** What others need is deleted last. */
const rows = compatibilityTable()
  .filter(({ path }) => !leftOut.test(path))
  .toSorted((one, other) => Number(one.method === 'DELETE') - Number(other.method === 'DELETE'));

/** What stands for a name where not any name will do: these are looked at before anything else. */
const named: Readonly<Record<string, string>> = {
  ':method_id': '00000000-0000-0000-0000-000000000000',
  'catalog/:type': 'catalog/auth',
  'router/:tag': 'router/root',
  ':role_name': 'made',
};

/** OpenBao has no such path until a role of that name is there, or until its listener serves it. */
const notThere = /^sys\/(generate-root|rekey)\/|\/bind-secret-id$/;

interface Answer {
  readonly status: number;
  readonly text: string;
}

type Ask = (method: string, path: string, body?: object) => Promise<Answer>;

const askAt =
  (address: string): Ask =>
  async (method, path, body) => {
    const given = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = method === 'PATCH' ? { 'Content-Type': 'application/merge-patch+json' } : {};
    const response = await fetch(`${address}/v1/${path}${method === 'LIST' ? '?list=true' : ''}`, {
      ...{
        method: method === 'LIST' ? 'GET' : method,
        headers: { 'X-Vault-Token': 'root', Connection: 'close', ...type },
      },
      ...given,
    }).catch(() => undefined);
    // So OpenBao 2.7.2 answers a workflow without a text.
    if (response === undefined) return { status: 500, text: 'the connection was closed' };
    // A connection each: one that waits for the other server is closed.
    return { status: response.status, text: await response.text() };
  };

async function prepared(address: string): Promise<Ask> {
  const ask = askAt(address);
  for (const type of ['approle', 'cert', 'userpass', 'jwt', 'kubernetes', 'ldap', 'aws', 'spiffe'])
    await ask('POST', `sys/auth/${type}`, { type });
  await ask('POST', 'sys/mounts/kv1', { type: 'kv' });
  await ask('POST', 'auth/approle/role/made', {});
  return ask;
}

const pathOf = ({ path }: Row): string =>
  Object.entries(named)
    .reduce((text, [name, value]) => text.replace(name, value), path)
    .replaceAll(/:\w+/g, 'none');

/** Of what is missing below an endpoint it is said otherwise. */
const isMissing = ({ status, text }: Answer): boolean =>
  status === 405 || (status === 404 && /unsupported path|no handler for route/.test(text));

/** `theirs`: of OpenBao, where the row says that it has this. */
function problemOf(row: Row, theirs: Answer | undefined, ours: Answer): string | undefined {
  if (ours.status >= 500 && ours.status !== 503) return 'fails here';
  if (row.standing === 'not here') {
    return isMissing(ours) || row.reason.includes(String(ours.status)) ? undefined : 'is here, or says otherwise';
  }
  if (isMissing(ours)) return 'is not here';
  return theirs === undefined || notThere.test(row.path) || !isMissing(theirs) ? undefined : 'is not in OpenBao';
}

test('what the table says is there is there when it is asked', { skip }, async () => {
  await using bao = await startOpenBao(binary ?? '');
  await using own = await devServer();
  const [theirs, ours] = [await prepared(bao.address), await prepared(own.address)];
  const wrong: string[] = [];
  for (const row of rows) {
    const body = ['POST', 'PATCH'].includes(row.method) ? {} : undefined;
    const isBoth = row.standing === 'same' || row.standing === 'different';
    const there = isBoth ? await theirs(row.method, pathOf(row), body) : undefined;
    const here = await ours(row.method, pathOf(row), body);
    const problem = problemOf(row, there, here);
    if (problem !== undefined) {
      wrong.push(`${row.method} ${row.path} (${row.standing}) ${problem}: ${here.status} ${here.text.slice(0, 100)}`);
    }
  }
  assert.deepEqual(wrong, []);
});
