/** AWS KMS, or what speaks like it: requests to it, tried again while it cannot be reached. */
import type { KMSClient } from '@aws-sdk/client-kms';

import { fail, isLockstepError } from '../../errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { insist } from '../insist.ts';

export interface AwsKmsOptions {
  /** Id, ARN or alias of the key. */
  readonly keyId: string;
  readonly region: string;
  readonly endpoint?: string | undefined;
  /** undefined: AWS's own chain finds some. */
  readonly credentials?:
    | {
        readonly accessKeyId: Secret<string>;
        readonly secretAccessKey: Secret<string>;
        readonly sessionToken?: Secret<string> | undefined;
      }
    | undefined;
  /** Told of each try that failed and is made again. */
  readonly warn: (message: string) => void;
}

export interface Encrypted {
  /** ARN of the key that encrypted. */
  readonly keyId: string;
  readonly blob: Uint8Array;
}

const KIND = 'awskms';
/** Bound to what is encrypted, and shown in CloudTrail. */
const EncryptionContext = { purpose: 'lockstep unseal key' };
const ATTEMPTS = 3;
const TIMES = { connectionTimeout: 5_000, requestTimeout: 10_000 };

/** Trying again may help. */
const PASSING = new Set([
  'DependencyTimeoutException',
  'KMSInternalException',
  'KeyUnavailableException',
  'LimitExceededException',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
]);

const REMEDIES: Readonly<Record<string, string>> = {
  AccessDeniedException: 'grant kms:Encrypt and kms:Decrypt on it',
  CredentialsProviderError: 'give access_key and secret_key, or the machine a role',
  DisabledException: 'enable the key',
  ExpiredTokenException: 'renew the session token',
  IncorrectKeyException: 'the unseal key is under another key: give kms_key_id of that one',
  InvalidSignatureException: 'check secret_key and the clock',
  KMSInvalidStateException: 'the key must be enabled, not pending deletion or import',
  NotFoundException: 'check kms_key_id and region',
  UnrecognizedClientException: 'check access_key',
};

export class AwsKms implements Disposable {
  readonly #options: AwsKmsOptions;
  readonly #place: string;
  #client: KMSClient | undefined;

  constructor(options: AwsKmsOptions) {
    this.#options = options;
    this.#place = options.endpoint ?? `AWS KMS in ${options.region}`;
  }

  [Symbol.dispose](): void {
    this.#client?.destroy();
  }

  /** Until it succeeds, is refused, or the signal aborts. Throws `invalidConfig` for a refusal, `timeout` at the end. */
  encrypt(clear: Uint8Array, signal: AbortSignal): Promise<Encrypted> {
    return this.#insist(() => this.encryptOnce(clear, signal), signal);
  }

  /** As `encrypt`; `corrupt` for what this key did not encrypt. */
  decrypt({ keyId, blob }: Encrypted, signal: AbortSignal): Promise<Uint8Array> {
    return this.#insist(async () => {
      const { DecryptCommand } = await import('@aws-sdk/client-kms');
      const command = new DecryptCommand({ CiphertextBlob: blob, KeyId: keyId, EncryptionContext });
      const { Plaintext } = await this.#told(keyId, async (client) => client.send(command, { abortSignal: signal }));
      return Plaintext ?? new Uint8Array(0);
    }, signal);
  }

  /** Rejects with an error of its own where trying again can help. */
  async encryptOnce(clear: Uint8Array, signal: AbortSignal): Promise<Encrypted> {
    const { keyId } = this.#options;
    const { EncryptCommand } = await import('@aws-sdk/client-kms');
    const command = new EncryptCommand({ KeyId: keyId, Plaintext: clear, EncryptionContext });
    const { CiphertextBlob, KeyId } = await this.#told(keyId, async (client) =>
      client.send(command, { abortSignal: signal }),
    );
    if (CiphertextBlob === undefined || KeyId === undefined) {
      throw fail('invalidConfig', `seal "${KIND}": ${this.#place} gave no ciphertext: is it AWS KMS?`);
    }
    return { keyId: KeyId, blob: CiphertextBlob };
  }

  #insist<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return insist(work, { kind: KIND, place: this.#place, signal, warn: this.#options.warn });
  }

  /** What the service says of itself is shown; it repeats no plaintext. */
  async #told<T>(keyId: string, send: (client: KMSClient) => Promise<T>): Promise<T> {
    try {
      return await send(await this.#connected());
    } catch (error) {
      if (isLockstepError(error) || !(error instanceof Error)) throw error;
      const { name, message } = error;
      if (name === 'InvalidCiphertextException') {
        throw fail(
          'corrupt',
          `seal "${KIND}": the key ${keyId} did not encrypt the stored unseal key, or it is damaged`,
        );
      }
      if (PASSING.has(name) || !isRefusal(error))
        throw new Error(`${name}: ${message}`.slice(0, 300), { cause: error });
      const remedy = REMEDIES[name] ?? 'check the configuration of the seal';
      throw fail('invalidConfig', `seal "${KIND}": the key ${keyId}: ${name}: ${message.slice(0, 300)}: ${remedy}`);
    }
  }

  /** The package is loaded with the first request. */
  async #connected(): Promise<KMSClient> {
    if (this.#client !== undefined) return this.#client;
    const { KMSClient: Client } = await import('@aws-sdk/client-kms');
    const { region, endpoint, credentials } = this.#options;
    this.#client ??= new Client({
      ...{ region, maxAttempts: ATTEMPTS, requestHandler: TIMES },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined
        ? {}
        : {
            credentials: {
              accessKeyId: credentials.accessKeyId.expose(),
              secretAccessKey: credentials.secretAccessKey.expose(),
              ...(credentials.sessionToken && { sessionToken: credentials.sessionToken.expose() }),
            },
          }),
    });
    return this.#client;
  }
}

/** The service answered, and it is not its own fault; or there is nothing to ask it with. */
function isRefusal(error: Error): boolean {
  if (error.name === 'CredentialsProviderError') return true;
  const { $fault, $metadata } = error as { readonly $fault?: unknown; readonly $metadata?: unknown };
  const { httpStatusCode: status = 0 } = ($metadata ?? {}) as { readonly httpStatusCode?: number };
  return $fault === 'client' && status >= 400 && status < 500 && status !== 429;
}
