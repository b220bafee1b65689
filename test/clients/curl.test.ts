/** curl, with what people and scripts write: LIST as a method or as a query, and JSON that is labelled a form. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { has, must } from './support/run.ts';
import { devServer, type TestServer } from './support/server.ts';

const skip = (await has('curl', ['--version'])) ? false : 'there is no curl';

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

describe('curl', { skip }, () => {
  let server: TestServer;
  before(async () => {
    server = await devServer();
  });
  after(() => server[Symbol.asyncDispose]());

  interface Asking {
    readonly headers?: readonly string[];
    readonly options?: readonly string[];
  }

  /** All of the paths in one call of curl, over one connection where the server keeps it. */
  async function curl(paths: string | readonly string[], asking: Asking = {}): Promise<readonly Reply[]> {
    const { headers = ['X-Vault-Token: root'], options = [] } = asking;
    const each = ['--silent', '--show-error', '--write-out', '\\n%{http_code}\\n', ...options];
    const all = [...each, ...headers.flatMap((header) => ['--header', header])];
    const urls = [paths].flat().map((path) => `${server.address}/v1/${path}`);
    const lines = (await must('curl', [...all, ...urls])).split('\n').filter((line) => line !== '');
    const replies: Reply[] = [];
    let body: unknown;
    for (const line of lines) {
      if (/^\d{3}$/.test(line)) {
        replies.push({ status: Number(line), body });
        body = undefined;
      } else {
        body = JSON.parse(line);
      }
    }
    return replies;
  }

  const keysOf = ({ body }: Reply): unknown => (body as { data: { keys: unknown } }).data.keys;
  const LIST = { options: ['-X', 'LIST'] };

  test('lists by method and by query, also over one connection', async () => {
    const options = ['-d', '{"x":"LIST / HTTP/1.1"}'];
    await curl(['cubbyhole/curl/a', 'cubbyhole/curl/b/c'], { options });
    const listed = ['a', 'b/'];
    for (const path of ['cubbyhole/curl', 'cubbyhole/curl/']) {
      assert.deepEqual((await curl([path, path, path], LIST)).map(keysOf), [listed, listed, listed]);
      assert.deepEqual((await curl(`${path}?list=true`)).map(keysOf), [listed]);
    }
    assert.deepEqual((await curl('cubbyhole/curl/a'))[0]?.status, 200);
    assert.deepEqual(await curl('cubbyhole/none', LIST), [{ status: 404, body: { errors: [] } }]);
    assert.deepEqual((await curl('cubbyhole/curl', { options: ['-X', 'LINK'] }))[0]?.status, 405);
  });

  test('sends JSON under the label of a form, and a real form', async () => {
    assert.equal((await curl('secret/data/curl', { options: ['-d', '{"data":{"x":"y"}}'] }))[0]?.status, 200);
    assert.equal((await curl('cubbyhole/form', { options: ['-d', 'x=1&y=two'] }))[0]?.status, 204);
    const [read] = await curl('cubbyhole/form');
    assert.deepEqual((read?.body as { data: unknown }).data, { x: '1', y: 'two' });
  });

  test('takes the token as a bearer, and says what is wrong without one', async () => {
    assert.equal((await curl('sys/mounts', { headers: ['Authorization: Bearer root'] }))[0]?.status, 200);
    const refused = [{ status: 403, body: { errors: ['permission denied'] } }];
    assert.deepEqual(await curl('sys/mounts', { headers: [] }), refused);
  });

  test('asks for health as load balancers do', async () => {
    assert.equal((await curl('sys/health', { headers: [] }))[0]?.status, 200);
    const head = await must('curl', ['--silent', '--head', `${server.address}/v1/sys/health?activecode=299`]);
    assert.match(head, /^HTTP\/1\.1 299/);
  });
});
