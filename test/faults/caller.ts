/** One caller of one server's API, who checks with each answer that the index it carries does not go back. */
import assert from 'node:assert/strict';
import { decodeIndex } from '../../src/core/freshness.ts';
import type { JsonObject } from '../../src/framework/field.ts';

export interface Answer {
  readonly status: number;
  readonly data: JsonObject;
  /** The whole body. */
  readonly bare: JsonObject;
  readonly errors: readonly string[];
  /** `X-Vault-Index`, empty if there was none. */
  readonly index: string;
  /** Seconds since the hub's last word, at a region. */
  readonly age: number | undefined;
}

export interface Asking {
  readonly index?: string;
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
}

const PATIENCE_MS = 90_000;

function headersOf(token: string, method: string, { index, idempotencyKey }: Asking): Record<string, string> {
  return {
    'X-Vault-Token': token,
    'Content-Type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    ...(index === undefined || index === '' ? {} : { 'X-Vault-Index': index }),
    ...(idempotencyKey === undefined ? {} : { 'X-Lockstep-Idempotency-Key': idempotencyKey }),
  };
}

export class Caller {
  readonly #name: string;
  readonly #base: string;
  readonly #token: string;
  readonly #seen = new Map<string, number>();

  constructor(name: string, base: string, token: string) {
    this.#name = name;
    this.#base = base;
    this.#token = token;
  }

  get name(): string {
    return this.#name;
  }

  async ask(method: string, path: string, body?: JsonObject, asking: Asking = {}): Promise<Answer> {
    const reply = await fetch(`${this.#base}/v1/${path}`, {
      method,
      headers: headersOf(this.#token, method, asking),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(asking.timeoutMs ?? PATIENCE_MS),
    });
    const text = await reply.text();
    const bare = (text === '' ? {} : JSON.parse(text)) as JsonObject;
    const index = reply.headers.get('X-Vault-Index') ?? '';
    this.#check(index, `${method} ${path}`);
    const age = reply.headers.get('X-Lockstep-Age');
    return {
      status: reply.status,
      data: (bare['data'] as JsonObject | null | undefined) ?? {},
      bare,
      errors: (bare['errors'] as readonly string[] | undefined) ?? [],
      index,
      age: age === null ? undefined : Number(age),
    };
  }

  /** Undefined when there was no answer: what was asked may have been done. */
  async tried(method: string, path: string, body?: JsonObject, asking: Asking = {}): Promise<Answer | undefined> {
    try {
      return await this.ask(method, path, body, asking);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return undefined;
    }
  }

  /** Reads show what they say; a forwarded write may name an index that its region is still to reach. */
  #check(text: string, what: string): void {
    if (text === '') return;
    const index = decodeIndex(text);
    assert.ok(index !== undefined, `${this.#name} answered with an index that it does not read: ${text}`);
    for (const [log, { sequence }] of Object.entries(index)) {
      const before = this.#seen.get(log) ?? 0;
      assert.ok(sequence >= before, `${this.#name} went back from ${String(before)} to ${String(sequence)} (${what})`);
      if (what.startsWith('GET ')) this.#seen.set(log, sequence);
    }
  }
}
