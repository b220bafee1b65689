import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { AgentListener } from '../config/agent.ts';
import { createLogger } from '../lib/log.ts';
import { HealthListeners } from './health.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-health-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const log = createLogger({ level: 'error', format: 'standard', write: () => undefined, now: Date.now });
const pages = { health: () => ({ missing: [] }), metrics: () => '' };
const unix = (address: string): AgentListener[] => [
  { ...({ type: 'unix', address, socket_mode: 0o660, socket_user: undefined, socket_group: undefined } as const) },
];

test('a socket takes the place of what a killed process left, of nothing else, and goes when it is closed', async () => {
  const file = join(root, 'precious');
  writeFileSync(file, 'x');
  await assert.rejects(HealthListeners.open(unix(file), pages, log), /not a socket/);
  assert.equal(readFileSync(file, 'utf8'), 'x');
  const path = join(root, 's.sock');
  const first = await HealthListeners.open(unix(path), pages, log);
  await assert.rejects(HealthListeners.open(unix(path), pages, log), /another process listens there/);
  assert.equal(lstatSync(path).mode & 0o777, 0o660);
  const [reply] = (await once(request({ socketPath: path, path: '/healthz' }).end(), 'response')) as [IncomingMessage];
  assert.equal(reply.statusCode, 200);
  reply.resume();
  await first.close();
  assert.throws(() => lstatSync(path), { code: 'ENOENT' });
});
