/** A first start that initialises the node and makes the requests of its configuration, in OpenBao's manner. */
import { readFile } from 'node:fs/promises';
import { INITIALIZE } from '../config/initialize.ts';
import type { ServerConfig } from '../config/server.ts';
import type { Node } from '../core/node.ts';
import { CUT_OFF, finishSelfInit } from '../core/self-init.ts';
import { fail, isLockstepError } from '../errors.ts';
import { responseOf } from '../core/requests/as-response.ts';
import type { JsonObject } from '../framework/field.ts';
import { uuid } from '../lib/crypto/random.ts';
import { errorCode } from '../lib/error-code.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Logger } from '../lib/log.ts';
import { checkSegments } from '../lib/path-segments.ts';
import { ProfileBudget } from '../lib/profile/budget.ts';
import { History } from '../lib/profile/history.ts';
import { runProfile, type Host, type Step } from '../lib/profile/run.ts';
import { ask } from './local-request.ts';

/** The operator's own requests, at a time when nobody else is served: bounded against mistakes alone. */
const BOUNDS = { requests: 10_000, size: 256 * 1024 * 1024, read: 4 * 1024 * 1024 * 1024, cel: 100_000_000 };

/**
 * To be called before anything listens: else somebody could initialise the node first. Initialises an empty node, makes all requests and revokes the root token that they were made with. Throws
 * `invalidConfig`, naming the request, where one fails: the node then stays marked as incomplete.
 */
export async function initializeSelf(node: Node, config: ServerConfig, log: Logger): Promise<void> {
  // One recovery key, which nobody gets to see, as nobody would be there to take it.
  const { rootToken } = await node.initialize({ recoveryShares: 1, recoveryThreshold: 1, unfinished: true });
  if (node.sealed) throw fail('invalidConfig', CUT_OFF);
  const budget = new ProfileBudget(BOUNDS);
  try {
    await runProfile(config.initialize, hostOf({ node, config, log, rootToken, budget }));
  } catch (error) {
    const reason = isLockstepError(error) ? error.message : 'internal error';
    throw fail('invalidConfig', `${reason}\n${CUT_OFF}`, { cause: error });
  } finally {
    // With it go the tokens that were made below it.
    await ask(node, { verb: 'update', path: 'auth/token/revoke-self', token: rootToken, body: {} });
  }
  failpoint('self-init.finish');
  await finishSelfInit(node.services.store);
  log.info('initialised from the configuration', { requests: budget.requests });
}

interface Making {
  readonly node: Node;
  readonly config: ServerConfig;
  readonly log: Logger;
  readonly rootToken: string;
  readonly budget: ProfileBudget;
}

function hostOf({ node, config, log, rootToken, budget }: Making): Host {
  /** Read once each: one may be a pipe. */
  const files = new Map<string, Promise<string>>();
  return {
    ...{ kind: INITIALIZE, history: new History(budget), budget, id: uuid },
    outside: (source, given) => {
      if (source === 'env') return variable(config, given);
      const path = String(given['path']);
      const found = files.get(path) ?? read(path);
      files.set(path, found);
      return found;
    },
    ask: async (step) => {
      const outcome = await ask(node, { ...requestOf(step), token: step.token ?? rootToken });
      return responseOf(outcome);
    },
    failed: (place, error) => {
      log.warn('a request of the configuration failed, as it may', { request: place, reason: error.message });
    },
    ended: () => {
      failpoint('self-init.request');
    },
  };
}

function requestOf({ id, verb, path, data, headers }: Step) {
  checkSegments(path, '`path`');
  const { 'x-vault-namespace': namespaces = [''], ...others } = headers;
  const body = data ?? (verb === 'update' ? {} : undefined);
  const namespace = namespaces.join(',').replace(/^\/|\/$/g, '');
  return { id, verb, path, namespace, headers: others, ...(body === undefined ? {} : { body }) };
}

function variable(config: ServerConfig, { env_var: name, require_present: required }: JsonObject): string {
  const found = config.variable(String(name));
  if (found === undefined && required === true) {
    throw fail('badRequest', `the environment variable ${String(name)} is not set`);
  }
  return found ?? '';
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fail('badRequest', `the file ${path} cannot be read (${errorCode(error)})`);
  }
}
