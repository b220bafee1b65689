/** A first start that initialises the node and makes the requests of its configuration, in OpenBao's manner. */
import { isSource, type InitializeRequest } from '../config/initialize.ts';
import type { ServerConfig } from '../config/server.ts';
import type { Node } from '../core/node.ts';
import { CUT_OFF, finishSelfInit } from '../core/self-init.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Verb } from '../framework/path.ts';
import type { Outcome } from '../framework/request.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Logger } from '../lib/log.ts';
import { ask } from './local-request.ts';
import { checkSegments } from './path.ts';
import { History, worked } from './self-init-values.ts';

const VERBS: Readonly<Record<InitializeRequest['operation'], Verb>> = {
  create: 'update',
  update: 'update',
  read: 'read',
  patch: 'patch',
  delete: 'delete',
  list: 'list',
  scan: 'scan',
};

/**
 * To be called before anything listens: else somebody could initialise the node first. Initialises an empty node, makes all requests and revokes the root token that they were made with. Throws
 * `invalidConfig`, naming the request, where one fails: the node then stays marked as incomplete.
 */
export async function initializeSelf(node: Node, config: ServerConfig, log: Logger): Promise<void> {
  // One recovery key, which nobody gets to see, as nobody would be there to take it.
  const { rootToken } = await node.initialize({ recoveryShares: 1, recoveryThreshold: 1, unfinished: true });
  if (node.sealed) throw fail('invalidConfig', CUT_OFF);
  const history = new History(config.variable);
  try {
    for (const { name, request } of config.initialize) {
      for (const each of request) {
        await make(node, { block: name, request: each, rootToken, history, log });
        failpoint('self-init.request');
      }
    }
  } catch (error) {
    const reason = isLockstepError(error) ? error.message : 'internal error';
    throw fail('invalidConfig', `${reason}\n${CUT_OFF}`, { cause: error });
  } finally {
    // With it go the tokens that were made below it.
    await ask(node, { verb: 'update', path: 'auth/token/revoke-self', token: rootToken, body: {} });
  }
  failpoint('self-init.finish');
  await finishSelfInit(node.services.store);
  log.info('initialised from the configuration', { requests: history.size });
}

interface Making {
  readonly block: string;
  readonly request: InitializeRequest;
  readonly rootToken: string;
  readonly history: History;
  readonly log: Logger;
}

async function make(node: Node, { block, request, rootToken, history, log }: Making): Promise<void> {
  const { name, operation, allow_failure: mayFail } = request;
  const what = `initialize "${block}" request "${name}"`;
  try {
    const path = await text(request.path, 'path', history);
    const token = request.token === undefined ? rootToken : await text(request.token, 'token', history);
    const data = request.data === undefined ? undefined : ((await worked(request.data, history)) as JsonObject);
    const clean = path.replace(/^\/+/, '');
    checkSegments(clean, '`path`');
    const body = data ?? (VERBS[operation] === 'update' ? {} : undefined);
    const asked = { verb: VERBS[operation], path: clean, token, ...(body === undefined ? {} : { body }) };
    const outcome = await ask(node, asked);
    history.add(block, name, { request: { operation, path: clean, data: data ?? {} }, response: responseOf(outcome) });
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    if (!mayFail) throw fail('invalidConfig', `${what} failed: ${error.message}`, { cause: error });
    history.add(block, name, { request: {}, response: {} });
    log.warn('a request of the configuration failed, as it may', { block, request: name, reason: error.message });
  }
}

async function text(value: InitializeRequest['path'], name: string, history: History): Promise<string> {
  if (value === undefined) return '';
  const found = isSource(value) ? await worked(value, history) : value;
  if (typeof found === 'string') return found;
  throw fail('invalidConfig', `\`${name}\` must be a string`);
}

/** As a client would see it. */
function responseOf({ reply, auth, wrapInfo, leaseId, leaseDuration, renewable, warnings }: Outcome): JsonObject {
  const wrapped = { lease_id: leaseId, lease_duration: leaseDuration, renewable };
  return { ...wrapped, data: reply?.data ?? null, auth, wrap_info: wrapInfo, warnings };
}
