import type { ClientSettings } from '../client/settings.ts';
import { Client, type Intercepted } from '../client/client.ts';
import type { Branch } from './command-tree.ts';
import type { ClientConfig } from '../config/client.ts';
import { Described } from './described.ts';
import { CommandError } from './errors.ts';
import type { Output } from './output.ts';
import { readAll, type Terminal } from './terminal.ts';
import { readToken } from './token-file.ts';

export interface ContextOptions {
  readonly terminal: Terminal;
  readonly config: ClientConfig;
  readonly output: Output;
  readonly headers: Readonly<Record<string, string>>;
  readonly wrapTtl: string | undefined;
  readonly interactive: boolean;
  /** The table of commands, for what is made from it. */
  readonly commands: () => Promise<readonly Branch[]>;
  /** Puts the request into words where it was asked for instead of made. */
  readonly describe: ((request: Intercepted) => string) | undefined;
}

/** What a command is given: where to read and write, and the client, made when first used. */
export class Context {
  readonly terminal: Terminal;
  readonly config: ClientConfig;
  readonly out: Output;
  readonly #options: ContextOptions;
  #client: Client | undefined;
  #stdin: Promise<string> | undefined;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.terminal = options.terminal;
    this.config = options.config;
    this.out = options.output;
  }

  /** The client for what the command is there to do. */
  get client(): Client {
    const { describe } = this.#options;
    if (describe === undefined) return this.inquirer;
    const intercept = (request: Intercepted): never => {
      throw new Described(describe(request));
    };
    return this.inquirer.with({}, { intercept });
  }

  /** The client for questions on the way, which are asked even when the main request is only described. */
  get inquirer(): Client {
    this.#client ??= new Client(this.#settings());
    return this.#client;
  }

  /** All of standard input; a second use ends the command. */
  stdin(): Promise<string> {
    if (this.#stdin !== undefined)
      throw new CommandError('"-" can be given once only: standard input is read to its end');
    this.#stdin = readAll(this.terminal.stdin);
    return this.#stdin;
  }

  commands(): Promise<readonly Branch[]> {
    return this.#options.commands();
  }

  get interactive(): boolean {
    return this.#options.interactive && this.terminal.stdin.isTTY === true;
  }

  /** Asks on the terminal without showing what is typed. */
  async askHidden(question: string, instead: string): Promise<string> {
    if (!this.interactive) {
      throw new CommandError(
        `cannot ask for it: standard input is no terminal (or -non-interactive is set). ${instead}`,
      );
    }
    const { askHidden } = await import('./prompt.ts');
    return askHidden(this.terminal, question);
  }

  /** Whether requests carry no token. */
  get anonymous(): boolean {
    return (this.#client?.settings.token ?? '') === '';
  }

  close(): void {
    this.#client?.close();
  }

  #settings(): ClientSettings {
    const { config } = this;
    const wrapTtl = this.#options.wrapTtl ?? (config.wrap_ttl === undefined ? undefined : `${config.wrap_ttl}s`);
    return {
      address: config.endpoint,
      token: config.token?.expose() ?? readToken(config.token_file),
      namespace: config.namespace,
      disableRedirects: config.disable_redirects,
      wrapTtl,
      headers: { ...config.headers, ...this.#options.headers },
      timeoutMs: config.timeout * 1000,
      maxRetries: config.max_retries,
      tls: {
        caCert: config.ca_cert,
        caCertText: config.ca_cert_bytes,
        caPath: config.ca_path,
        clientCert: config.client_cert,
        clientKey: config.client_key,
        serverName: config.tls_server_name,
        skipVerify: config.tls_skip_verify,
      },
    };
  }
}
