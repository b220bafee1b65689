/**
 * Runs a workflow. Its requests are requests like any other: each goes through quotas, policies, control groups and audit
 * by the token that it carries, which is the caller's where the workflow names none. Nothing here allows anything.
 */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Handler, Request, WorkflowRun } from '../../framework/request.ts';
import { checkSegments } from '../../lib/path-segments.ts';
import { ProfileBudget } from '../../lib/profile/budget.ts';
import { workedAs } from '../../lib/profile/evaluate.ts';
import { History } from '../../lib/profile/history.ts';
import { runProfile, type Host, type Step } from '../../lib/profile/run.ts';
import { responseFields, responseOf } from '../requests/as-response.ts';
import { WORKFLOW, type Workflow } from './document.ts';
import { readInput } from './input-fields.ts';

/** Workflows that call each other. */
export const DEEPEST = 5;

export interface Execution {
  readonly workflow: Workflow;
  readonly path: string;
  readonly call: Call;
  /** The node itself. */
  readonly handler: Handler;
  /** Run without a token: one that was sent along counts for nothing. */
  readonly unauthenticated: boolean;
}

export interface Ran {
  /** undefined: the workflow has no output. */
  readonly data: JsonObject | undefined;
}

export interface Traced {
  readonly history: { readonly requests: unknown; readonly responses: unknown };
  readonly response: JsonObject | undefined;
  readonly error: string | null;
}

/** Throws what a request was refused with, naming it. */
export async function execute(execution: Execution): Promise<Ran> {
  const { host, workflow } = prepared(execution);
  await runProfile(workflow.flows, host);
  return { data: await outputOf(workflow, host) };
}

/** As `execute`, but answers with everything that was asked and answered, also where it fails. */
export async function trace(execution: Execution): Promise<Traced> {
  const { host, workflow } = prepared(execution);
  const { requests, responses } = host.history;
  const history = { requests, responses };
  try {
    await runProfile(workflow.flows, host);
    const data = await outputOf(workflow, host);
    return { history, response: data === undefined ? undefined : responseFields({ data }), error: null };
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return { history, response: undefined, error: explained(error) };
  }
}

/** With the words of a program that failed: they may quote values, which whoever traces sees anyhow. */
function explained(error: LockstepError): string {
  let inner: unknown = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error && !isLockstepError(inner) ? `${error.message}: ${inner.message}` : error.message;
}

async function outputOf({ output }: Workflow, host: Host): Promise<JsonObject | undefined> {
  if (output === undefined) return undefined;
  try {
    const data = await workedAs(output.data, 'map', host);
    return (data ?? undefined) as JsonObject | undefined;
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    throw fail('badRequest', `output: ${error.message}`, { cause: error });
  }
}

function prepared(execution: Execution): { readonly host: Host; readonly workflow: Workflow } {
  const { workflow, path, call, unauthenticated } = execution;
  const run = runOf(call, unauthenticated);
  const token = unauthenticated ? undefined : call.token;
  if (token === undefined && !unauthenticated) {
    throw fail('badRequest', 'a workflow is run by a token that is sent with it, not by one that is not kept');
  }
  const { budget } = run;
  const sent = { ...call.body, path };
  const fields = workflow.input && { ...readInput(workflow.input, sent), path };
  const host: Host = {
    ...{ kind: WORKFLOW, history: new History(budget), budget, id: run.nextId },
    input: fields && { fields, sent, size: budget.keep(sent) },
    goOn: () => {
      if (call.signal().aborted) throw fail('timeout');
    },
    ask: (step) => asked(execution, { step, run, token: step.token ?? token }),
  };
  return { host, workflow };
}

/** What it shares with the workflows that called it, if any did. */
function runOf({ id, origin }: Call, unauthenticated: boolean): WorkflowRun {
  const { run } = origin;
  if (run === undefined) {
    let last = 0;
    const nextId = (): string => `${id}.${String((last += 1))}`;
    return { depth: 1, unauthenticated, budget: new ProfileBudget(), nextId };
  }
  // Nobody without a token gets further than the workflow that was meant for it.
  if (run.unauthenticated) throw fail('permissionDenied');
  if (run.depth >= DEEPEST) {
    throw fail('badRequest', `workflows call each other ${String(DEEPEST)} deep at most`);
  }
  return { ...run, depth: run.depth + 1, unauthenticated };
}

interface Asking {
  readonly step: Step;
  readonly run: WorkflowRun;
  readonly token: string | undefined;
}

async function asked({ handler, call }: Execution, asking: Asking): Promise<JsonObject | null> {
  const outcome = await handler.handle(requestOf(call, asking));
  if (outcome.waits === true) {
    throw fail('permissionDenied', 'the request needs an approval, and a workflow does not wait: make it by itself');
  }
  return responseOf(outcome);
}

function requestOf(call: Call, { step, run, token }: Asking): Request {
  const { verb, path, data, headers } = step;
  checkSegments(path, '`path`');
  if (path === '') throw fail('badRequest', '`path` is empty');
  const { address, port, peer, clientCertificates, listener } = call.origin;
  const { 'x-vault-namespace': below = [], ...others } = headers;
  const body = data ?? (verb === 'update' ? {} : undefined);
  return {
    ...{ id: step.id, verb, path, namespace: namespaceBelow(call, below), body, address, port, listener, run },
    token: token === '' ? undefined : token,
    ...(peer === undefined ? {} : { peer }),
    ...(clientCertificates === undefined ? {} : { clientCertificates }),
    ...{ help: false, method: METHODS[verb] ?? 'GET', query: {}, headers: others, wrapTtl: 0, index: undefined },
    contentType: body === undefined ? '' : verb === 'patch' ? 'application/merge-patch+json' : 'application/json',
    signal: call.signal,
  };
}

const METHODS: Readonly<Record<string, string>> = {
  ...{ read: 'GET', update: 'PUT', patch: 'PATCH', delete: 'DELETE', list: 'LIST', scan: 'SCAN' },
};

/** A workflow works in its namespace and below it: a header leads further down, never up. */
function namespaceBelow({ namespace }: Call, header: readonly string[]): string {
  const [given = '', ...more] = header;
  const below = given.replace(/^\/|\/$/g, '');
  if (more.length > 0) throw fail('badRequest', '`X-Vault-Namespace` has one value');
  checkSegments(below, '`X-Vault-Namespace`');
  return `${namespace.path}${below}`.replace(/\/$/, '');
}
