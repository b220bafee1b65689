/** Any web API: a request made by templates, and what its answer holds. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { parseJson } from '../../client/json.ts';
import { isLockstepError } from '../../errors.ts';
import { durationMs } from '../../lib/duration.ts';
import { hostOf } from '../../lib/server-name.ts';
import { authoritiesOf, type AuthoritiesConfig } from '../authorities.ts';
import {
  ProviderProblem,
  type Credentials,
  type Found,
  type Provider,
  type ProviderClient,
  type Pushed,
  type Reference,
  type RemoteName,
  type SecretRefLike,
} from '../contract.ts';
import { membersOf } from '../members.ts';
import { bytesOf } from '../property.ts';
import { mustBeOpen, openLookup } from '../reachable.ts';
import { valueAt } from './json-path.ts';
import { ask } from './request.ts';
import { queryEscape, rendered, renderedText, renderedUrl, type TemplateData } from './template.ts';

export interface WebhookConfig extends AuthoritiesConfig {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeout?: string;
  readonly result?: { readonly jsonPath?: string };
  readonly secrets?: readonly { readonly name: string; readonly secretRef: SecretRefLike }[];
  readonly auth?: unknown;
}

interface Remote {
  readonly secrets: TemplateData;
  readonly remoteRef: Readonly<Record<string, string>>;
  /** What is written: under its own key, as External Secrets Operator has it. */
  readonly value?: readonly [key: string, value: string];
}

const TIMEOUT_MS = 20_000;
const CONSENT = 'external-secrets.io/type';

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

function timeoutOf({ timeout }: WebhookConfig): number {
  if (timeout === undefined) return TIMEOUT_MS;
  try {
    return durationMs(timeout, 'timeout') || TIMEOUT_MS;
  } catch (error) {
    throw isLockstepError(error) ? invalid(error.message) : error;
  }
}

const escaped = (texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, queryEscape(text)]));

/** Rejects with `ProviderProblem` where nothing is there: a webhook says by 404 that a secret is gone. */
async function resultAt(path: string, answer: Uint8Array, key: string): Promise<Uint8Array> {
  let document: unknown;
  try {
    document = parseJson(Buffer.from(answer).toString('utf8'));
  } catch {
    throw new ProviderProblem('unsuitable', `the answer for "${key}" is no JSON, as result.jsonPath needs it`);
  }
  const value = await valueAt(path, document);
  if (value === undefined) throw new ProviderProblem('unsuitable', `the answer for "${key}" has nothing at ${path}`);
  return bytesOf(value);
}

/** What templates see. */
function dataOf({ secrets, remoteRef, value }: Remote): TemplateData {
  return { ...secrets, remoteRef: { ...remoteRef, ...(value === undefined ? {} : { [value[0]]: value[1] }) } };
}

class WebhookClient implements ProviderClient {
  readonly #config: WebhookConfig;
  readonly #credentials: Credentials;
  readonly #timeout: number;
  readonly #anywhere: boolean;

  constructor(config: WebhookConfig, credentials: Credentials) {
    if (config.auth !== undefined) throw invalid('auth (NTLM) is not offered: give a header by headers and secrets');
    this.#config = config;
    this.#credentials = credentials;
    this.#timeout = timeoutOf(config);
    this.#anywhere = credentials.store.kind === 'ClusterSecretStore';
  }

  /** Whether somebody listens there: which secret to ask for, a store does not say. */
  async check(signal: AbortSignal): Promise<void> {
    const [, scheme = '', authority = ''] = /^(https?):\/\/([^/?#]*)/i.exec(this.#config.url) ?? [];
    if (authority === '') throw invalid('url is no http:// or https:// address');
    if (authority.includes('{{')) return;
    const url = new URL(`${scheme}://${authority}`);
    if (!this.#anywhere) mustBeOpen(url.hostname);
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const lookup = this.#anywhere ? {} : { lookup: openLookup };
    const socket = connect({ host: hostOf(url), port, ...lookup });
    try {
      await once(socket, 'connect', { signal: AbortSignal.any([signal, AbortSignal.timeout(this.#timeout)]) });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProviderProblem) throw error;
      throw new ProviderProblem('unreachable', `the webhook at ${url.host} cannot be reached`, { cause: error });
    } finally {
      socket.destroy();
    }
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const found = await this.#answer(reference, signal);
    return found === undefined ? { found: false } : { found: true, value: found };
  }

  async members(reference: Reference, signal: AbortSignal): Promise<Found<ReadonlyMap<string, Uint8Array>>> {
    const found = await this.#answer(reference, signal);
    return found === undefined ? { found: false } : { found: true, value: membersOf(found, reference.key) };
  }

  async push({ value, key, property }: Pushed, signal: AbortSignal): Promise<void> {
    const text = Buffer.from(value).toString('utf8');
    const { method = 'POST', body = `{{ index .remoteRef ${JSON.stringify(key)} }}` } = this.#config;
    const done = await this.#ask(
      method,
      body,
      { ...(await this.#remote({ key, property })), value: [key, text] },
      signal,
    );
    if (done === undefined) throw new ProviderProblem('unsuitable', `cannot write "${key}": the webhook answers 404`);
  }

  async remove({ key, property }: RemoteName, signal: AbortSignal): Promise<void> {
    await this.#ask('DELETE', '', await this.#remote({ key, property }), signal);
  }

  close(): void {
    // Nothing is kept open.
  }

  async #answer(reference: Reference, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (reference.metadata === true) throw invalid('metadataPolicy: Fetch is not offered: a webhook has no metadata');
    const { method = 'GET', body = '', result } = this.#config;
    const remote = await this.#remote(reference);
    const answer = await this.#ask(method, body, remote, signal);
    const path = renderedText('result.jsonPath', result?.jsonPath ?? '', dataOf(remote));
    return answer === undefined || path === '' ? answer : resultAt(path, answer, reference.key);
  }

  /** One shape for reading and writing, so that one store can do both. */
  async #remote({ key, version = '', property = '' }: Reference): Promise<Remote> {
    const namespace = this.#credentials.store.namespace ?? '';
    return { remoteRef: { key, remoteKey: key, version, property, namespace }, secrets: await this.#secrets() };
  }

  async #ask(method: string, body: string, remote: Remote, signal: AbortSignal): Promise<Uint8Array | undefined> {
    signal.throwIfAborted();
    const { url, headers = {} } = this.#config;
    const raw = dataOf(remote);
    const inUrl = dataOf({
      ...remote,
      remoteRef: escaped(remote.remoteRef),
      ...(remote.value === undefined ? {} : { value: [remote.value[0], queryEscape(remote.value[1])] as const }),
    });
    return ask(
      {
        ...{ method, timeout: this.#timeout, anywhere: this.#anywhere },
        url: renderedUrl(url, inUrl),
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, renderedText(`headers["${name}"]`, value, raw)]),
        ),
        body: rendered('body', body, raw),
        ca: await authoritiesOf(this.#config, this.#credentials),
      },
      signal,
    );
  }

  /** Only those that are there to be sent to webhooks. */
  async #secrets(): Promise<TemplateData> {
    const found = (this.#config.secrets ?? []).map(async ({ name, secretRef }) => {
      const { labels, values } = await this.#credentials.wholeSecret(secretRef);
      if (labels[CONSENT] === 'webhook') return [name, Object.fromEntries(values)] as const;
      throw invalid(`the Secret "${secretRef.name ?? ''}" lacks the label ${CONSENT}=webhook, by which it may be sent`);
    });
    return Object.fromEntries(await Promise.all(found));
  }
}

export const webhook: Provider<WebhookConfig> = {
  type: 'webhook',
  capabilities: 'ReadWrite',
  // Templates can name it.
  differsByNamespace: () => true,
  connect: (config, credentials) => new WebhookClient(config, credentials),
};
