/** One kept-open connection to a server: every request on it is served by the same thread. */
import { Agent, request } from 'node:http';

export interface Asked {
  readonly token?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export class Connection implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #address: string;

  /** `http://127.0.0.1:8200`. */
  constructor(address: string) {
    this.#address = address;
  }

  ask(method: string, path: string, { token, body, headers }: Asked = {}): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const asking = request(
        `${this.#address}/v1/${path}`,
        {
          method,
          agent: this.#agent,
          headers: { ...(token === undefined ? {} : { 'X-Vault-Token': token }), ...headers },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.once('error', reject);
          response.once('end', () => {
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          });
        },
      );
      asking.once('error', reject);
      asking.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
