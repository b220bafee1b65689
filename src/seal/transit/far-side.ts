/** The other server, whose transit engine wraps the key: requests to it, tried again while it cannot be reached. */
import { request as plainRequest } from 'node:http';
import { request as secureRequest, type RequestOptions } from 'node:https';

import { fail } from '../../errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { checkedFor } from '../../lib/server-name.ts';
import { insist } from '../insist.ts';

export interface FarSideOptions {
  /** `https://kms.example:8200`. */
  readonly address: string;
  readonly token: Secret<string>;
  readonly namespace: string;
  /** PEM. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
  readonly skipVerify: boolean;
  /** Told of each try that failed and is made again. */
  readonly warn: (message: string) => void;
}

export type Answer = Readonly<Record<string, unknown>>;

const MAX_REPLY = 1 << 20;

export class FarSide {
  readonly #options: FarSideOptions;

  constructor(options: FarSideOptions) {
    this.#options = options;
  }

  /** Until it succeeds, is refused, or the signal aborts. Throws `invalidConfig` for a refusal, `timeout` at the end. */
  async insist(method: string, path: string, body: Answer | undefined, signal: AbortSignal): Promise<Answer> {
    const { address: place, warn } = this.#options;
    return await insist(() => this.once(method, path, body, signal), { kind: 'transit', place, signal, warn });
  }

  /** Rejects with an error of its own where trying again can help. */
  async once(method: string, path: string, body: Answer | undefined, signal: AbortSignal): Promise<Answer> {
    const { status, text } = await this.#send(method, path, body, signal);
    if (status >= 500 || status === 429 || status === 412) throw new Error(`it answered ${status}`);
    if (status === 204) return {};
    if (status === 200) return JSON.parse(text) as Answer;
    throw refusal(path, status, text);
  }

  #send(method: string, path: string, body: Answer | undefined, signal: AbortSignal) {
    const { address, token, namespace, ca, cert, key, serverName, skipVerify } = this.#options;
    const url = new URL(`/v1/${path}`, address);
    const options: RequestOptions = {
      ...{ method, signal, timeout: 10_000 },
      // A connection of its own: one that was checked for another name must not serve.
      agent: false,
      headers: {
        'X-Vault-Token': token.expose(),
        'X-Vault-Request': 'true',
        ...(namespace === '' ? {} : { 'X-Vault-Namespace': namespace }),
      },
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : checkedFor(serverName)),
      rejectUnauthorized: !skipVerify,
    };
    return new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
      const request = url.protocol === 'https:' ? secureRequest : plainRequest;
      const asking = request(url, options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > MAX_REPLY) response.destroy(new Error('its reply is too long'));
        });
        response.once('error', reject);
        response.once('end', () => {
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      asking.once('timeout', () => asking.destroy(new Error('no answer within 10 s')));
      asking.once('error', reject);
      asking.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

/** What the other side says of itself is shown; it repeats no plaintext. */
function refusal(path: string, status: number, text: string): Error {
  let said = '';
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown };
    if (Array.isArray(errors)) said = errors.filter((each) => typeof each === 'string').join('; ');
  } catch {
    said = 'it does not speak as Vault does';
  }
  const code = status === 400 ? 'corrupt' : 'invalidConfig';
  return fail(code, `seal "transit": ${path} was refused with ${status}: ${said.trim().slice(0, 300)}`);
}
