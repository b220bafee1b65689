import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../../cli/up/free-port.ts';
import { servingCertificate, type ServingCertificate } from '../../lib/crypto/serving-certificate.ts';
import type { Logger } from '../../lib/log.ts';
import { Metrics } from '../../lib/metrics/metrics.ts';
import { fromFolder, type Shown } from './certificate.ts';
import { openWebhook } from './server.ts';

const PATH = '/validate-templates';
const REVIEW = {
  ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
  request: {
    ...{ uid: 'u', operation: 'CREATE', kind: { group: 'external-secrets.io', version: 'v1', kind: 'ExternalSecret' } },
    object: { spec: { target: { template: { data: { a: '{{ nope }} s3cr3t-of-a-body' } } } } },
  },
};
const MIB = 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly body?: string;
  /** Said in place of the body's own. */
  readonly length?: number;
}

const made = (): Promise<ServingCertificate> =>
  servingCertificate(undefined, { commonName: 'hook', names: ['127.0.0.1'], now: Date.now() });

const shown = ({ server }: ServingCertificate): Shown => ({ cert: server.certificate, key: server.key });

describe('the webhook', () => {
  const lines: string[] = [];
  const noted = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Logger = { ...({ debug: noted, info: noted, warn: noted, error: noted } as unknown as Logger) };
  const metrics = new Metrics();
  const started = new AsyncDisposableStack();
  let folder: string;
  let port: number;
  let first: ServingCertificate;
  let trusted: string;

  const write = async ({ cert, key }: Shown): Promise<void> => {
    await writeFile(join(folder, 'tls.key'), key);
    await writeFile(join(folder, 'tls.crt'), cert);
  };

  const ask = ({ method = 'POST', path = PATH, type = 'application/json', ...asking }: Asking): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { body = '', length = Buffer.byteLength(body) } = asking;
      const headers = { 'content-type': type, 'content-length': length };
      const options = { host: '127.0.0.1', port, method, path, headers, ca: trusted, agent: false };
      const message = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('end', () => {
          message.destroy();
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      message.on('error', reject);
      if (length === Buffer.byteLength(body)) message.end(body);
      else message.flushHeaders();
    });

  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => void setTimeout(resolve, 10));
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lockstep-webhook-'));
    started.defer(() => rm(folder, { recursive: true, force: true }));
    port = await freePort();
    const address = `127.0.0.1:${String(port)}`;
    started.use(await openWebhook({ address, certificate: fromFolder(folder), interval: 20, log, metrics }));
    // Nothing is mounted yet: it says so once, and answers as soon as it is.
    await until(() => lines.length > 0);
    first = await made();
    trusted = first.authorities;
    await write(shown(first));
    await until(() => lines.some((line) => line.startsWith('the webhook answers')));
  });
  after(() => started.disposeAsync());

  test('answers a review over TLS', async () => {
    const { status, text } = await ask({ body: JSON.stringify(REVIEW) });
    assert.equal(status, 200);
    const { response } = JSON.parse(text) as { readonly response: { readonly uid: string; readonly allowed: boolean } };
    assert.deepEqual([response.uid, response.allowed], ['u', false]);
    assert.match(lines[0] ?? '', /cannot be had or told.*cannot read .*tls\.crt \(ENOENT\)/);
  });

  for (const [what, asking, status, said = /./] of [
    ['another path', { path: '/' }, 404],
    ['another method', { method: 'GET' }, 405],
    ['another type', { type: 'text/plain' }, 415],
    ['no JSON', { body: '{"s3cr3t-of-a-body' }, 400],
    ['lists without end', { body: '['.repeat(4 * MIB) }, 400, /at most 128 levels/],
    ['objects without end', { body: '{"a\\"]":'.repeat(1_000) }, 400, /at most 128 levels/],
    ['brackets in a text as levels', { body: JSON.stringify('\\"['.repeat(1_000)) }, 400, /no AdmissionReview/],
    ['no review', { body: '{"s3cr3t-of-a-body":1}' }, 400],
    ['more bytes than a review has', { length: 8 * MIB + 1 }, 413],
    ['a length that is none', { length: -1 }, 400],
  ] as const)
    test(`refuses ${what}`, async () => {
      const answer = await ask(asking);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text || '.', said);
      assert.doesNotMatch(answer.text, /s3cr3t/);
    });

  test('holds no more of all bodies than it may, and answers again once they are gone', async () => {
    const slow = Array.from({ length: 4 }, () => {
      const headers = { 'content-type': 'application/json', 'content-length': 8 * MIB };
      const message = request({
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: PATH,
        headers,
        ca: trusted,
        agent: false,
      });
      message.on('error', () => undefined);
      message.flushHeaders();
      return message;
    });
    let answer = await ask({ body: JSON.stringify(REVIEW) });
    while (answer.status !== 503) answer = await ask({ body: JSON.stringify(REVIEW) });
    for (const each of slow) each.destroy();
    while (answer.status !== 200) answer = await ask({ body: JSON.stringify(REVIEW) });
  });

  test('shows a certificate that was replaced, and keeps the one it has while what is there cannot be used', async () => {
    const count = lines.length;
    const next = await made();
    await writeFile(join(folder, 'tls.crt'), '');
    await until(() => lines.length > count);
    assert.match(lines[count] ?? '', /cannot be had or told.*tls\.crt holds no PEM CERTIFICATE/);
    await writeFile(join(folder, 'tls.crt'), next.server.certificate);
    await until(() => lines.some((line) => line.includes('key values mismatch')));
    assert.equal((await ask({ body: JSON.stringify(REVIEW) })).status, 200);
    await write(shown(next));
    await until(() => lines.some((line) => line.startsWith('the certificate of the webhook was replaced')));
    await assert.rejects(ask({ body: JSON.stringify(REVIEW) }), /certificate/);
    trusted = next.authorities;
    assert.equal((await ask({ body: JSON.stringify(REVIEW) })).status, 200);
  });

  test('nothing of bodies and keys is logged, and what was answered is counted', () => {
    assert.doesNotMatch(lines.join('\n'), /s3cr3t|PRIVATE/);
    const { counters } = metrics.read();
    const { samples } = counters.find(({ name }) => name === 'lockstep_controller_admission_reviews_total') ?? {};
    const outcomes = Object.fromEntries((samples ?? []).map(({ labels, value }) => [labels?.['outcome'], value]));
    assert.ok((outcomes['refused'] ?? 0) >= 3 && (outcomes['unanswered'] ?? 0) >= 7, JSON.stringify(outcomes));
  });
});
