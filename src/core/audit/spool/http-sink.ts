/** One POST for each entry, one after the other: 2xx is its receipt. */
import type { Agent, OutgoingHttpHeaders } from 'node:http';
import { Agent as SecureAgent, request as secure } from 'node:https';
import { codeOrMessage } from '../../../lib/error-code.ts';
import { Agent as PlainAgent, request as plain } from '../../../lib/node-http.ts';
import type { RemoteSink } from './remote-sink.ts';

export interface HttpTarget {
  readonly uri: URL;
  readonly headers: OutgoingHttpHeaders;
  /** Milliseconds for which the other side may say nothing. */
  readonly timeout: number;
  /** PEM; undefined: what the system trusts. */
  readonly ca: string | undefined;
}

export class HttpSink implements RemoteSink {
  readonly confirms = true;
  readonly #target: HttpTarget;
  #agent: Agent;

  constructor(target: HttpTarget) {
    this.#target = target;
    this.#agent = this.#newAgent();
  }

  async send(lines: readonly Buffer[]): Promise<number> {
    let count = 0;
    for (const line of lines) {
      try {
        await this.#post(line);
        count += 1;
      } catch (error) {
        if (count > 0) break;
        throw error;
      }
    }
    return count;
  }

  reset(): void {
    this.#agent.destroy();
    this.#agent = this.#newAgent();
  }

  close(): Promise<boolean> {
    this.#agent.destroy();
    return Promise.resolve(true);
  }

  #newAgent(): Agent {
    const options = { keepAlive: true, maxSockets: 1 };
    const { uri, ca } = this.#target;
    if (uri.protocol !== 'https:') return new PlainAgent(options);
    return new SecureAgent({ ...options, ...(ca === undefined ? {} : { ca }) });
  }

  /**
   * Its whole time is bounded, whatever the other side says meanwhile: a delivery that never ended would hold up all later
   * ones, and the seal.
   */
  #post(line: Buffer): Promise<void> {
    const { uri, headers, timeout } = this.#target;
    // Without what may be a secret: user, password and query.
    const name = `${uri.origin}${uri.pathname}`;
    return new Promise((resolve, reject) => {
      const asked = (uri.protocol === 'https:' ? secure : plain)(uri, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...headers, 'content-length': line.length },
      });
      let received = false;
      const timer = setTimeout(() => {
        if (received) resolve();
        asked.destroy(new Error('it does not answer'));
      }, timeout);
      asked.on('error', (error) => {
        reject(new Error(`${name} cannot be reached: ${codeOrMessage(error)}`));
      });
      asked.once('response', (response) => {
        const { statusCode = 0 } = response;
        // The receipt is there. A body is read to its end for the sake of the connection alone.
        received = statusCode >= 200 && statusCode < 300;
        // A redirect is no receipt, and where it leads to nobody has allowed.
        if (!received) reject(new Error(`${name} answers ${String(statusCode)}`));
        response.on('error', () => undefined).once('close', resolve);
        response.once('end', resolve).resume();
      });
      // After all else that may come: an answer that wants another protocol ends without an error.
      asked.once('close', () => {
        clearTimeout(timer);
        reject(new Error(`${name} answers nothing that is known`));
      });
      asked.end(line);
    });
  }
}
