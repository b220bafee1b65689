/** Gives steps to one server, one after the other. */
import { setTimeout as pause } from 'node:timers/promises';
import { isFields, type Reply, type Step } from './step.ts';

export interface Answered {
  readonly step: Step;
  readonly reply: Reply;
}

/** What a server has answered, with what it called its own. */
export interface Replayed {
  readonly answers: readonly Answered[];
  /** Value → name: its ids and tokens. */
  readonly kept: ReadonlyMap<string, string>;
}

/** `address` is `http://127.0.0.1:…`; its root token `root`, until a step keeps another one under that name. */
export async function replay(address: string, steps: readonly Step[]): Promise<Replayed> {
  const values = new Map<string, string>([['root', 'root']]);
  const kept = new Map<string, string>();
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values.get(name) ?? `no-${name}`);
  const answers: Answered[] = [];
  for (const step of steps) {
    let reply = await ask(address, step, fill);
    while (step.until !== undefined && reply.status !== step.until) {
      await pause(5);
      reply = await ask(address, step, fill);
    }
    if (step.method === 'DELETE' && lying(reply.body, 'data.status') === 'in-progress') {
      // Deleted in the background, and listed until then: how long that takes is no answer to compare.
      const { body: _, keep: __, ...rest } = step;
      while ((await ask(address, { ...rest, method: 'GET' }, fill)).status !== 404) await pause(5);
    }
    for (const [name, at] of Object.entries(step.keep ?? {})) {
      const value = lying(reply.body, at);
      if (typeof value !== 'string' || value === '') continue;
      values.set(name, value);
      kept.set(value, name);
    }
    answers.push({ step, reply });
  }
  return { answers, kept };
}

async function ask(address: string, step: Step, fill: (text: string) => string): Promise<Reply> {
  const token = fill(step.token ?? '{root}');
  const listing = step.method === 'LIST';
  const path = fill(step.path);
  const response = await fetch(`${address}/v1/${path}${listing ? `${path.includes('?') ? '&' : '?'}list=true` : ''}`, {
    method: listing ? 'GET' : step.method,
    headers: {
      ...(token === '' ? {} : { 'X-Vault-Token': token }),
      ...(step.method === 'PATCH' ? { 'Content-Type': 'application/merge-patch+json' } : {}),
      ...Object.fromEntries(Object.entries(step.headers ?? {}).map(([name, value]) => [name, fill(value)])),
    },
    ...(step.body === undefined ? {} : { body: fill(JSON.stringify(step.body)) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return `not JSON: ${text.slice(0, 80)}`;
  }
}

function lying(body: unknown, at: string): unknown {
  let value = body;
  for (const name of at.split('.')) {
    if (Array.isArray(value)) value = value[Number(name)];
    else value = isFields(value) ? value[name] : undefined;
  }
  return value;
}
