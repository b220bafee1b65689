/** A real rsyslogd takes what the syslog device sends, whole, with the priority and tag that OpenBao gives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../support/node.ts';
import { rsyslog, startRsyslog } from './support/rsyslog.ts';

const folder = await rsyslog();
const skip = folder === undefined ? 'rsyslog cannot be had' : false;

interface Entry {
  readonly type: string;
  readonly request: { readonly path: string };
}

/** `38 vault[123]: {…}` */
function parse(line: string): { readonly head: string; readonly entry: Entry } {
  const [, head = '', json = ''] = /^(\d+ \S+) ?(\{.*)$/.exec(line) ?? [];
  return { head: head.replace(/\d+\]/, 'PID]'), entry: JSON.parse(json) as Entry };
}

/** Some 90 KB in the log, since every text becomes a hash. */
const long = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`field-${String(at)}`, 'x']));

test('rsyslogd has every entry, over its socket and over TCP', { skip }, async () => {
  await using server = await startRsyslog(folder ?? '');
  const { node, root: token } = await runningNode();
  await using _ = node;
  const enable = async (path: string, options: object): Promise<void> => {
    const { status, errors } = await ask(node, 'PUT', `sys/audit/${path}`, {
      token,
      body: { type: 'syslog', options },
    });
    assert.equal(status, 204, String(errors));
  };
  await enable('local', { address: server.socket });
  await enable('far', { address: `tcp://127.0.0.1:${String(server.port)}`, facility: 'LOCAL3', tag: 'lockstep' });
  await ask(node, 'POST', 'cubbyhole/a', { token, body: long });
  await ask(node, 'GET', 'cubbyhole/a', { token });
  // The first device also has what enabled the second one.
  const lines = (await server.lines(8 + 6)).map(parse);
  const of = (head: string): readonly string[] =>
    lines.filter((line) => line.head === head).map(({ entry }) => `${entry.type} ${entry.request.path}`);
  const asked = ['request cubbyhole/a', 'response cubbyhole/a', 'request cubbyhole/a', 'response cubbyhole/a'];
  assert.deepEqual(of('38 vault[PID]:'), [
    'request sys/audit/test',
    'response sys/audit/local',
    'request sys/audit/far',
    'response sys/audit/far',
    ...asked,
  ]);
  assert.deepEqual(of('158 lockstep[PID]:'), ['request sys/audit/test', 'response sys/audit/far', ...asked]);
});
