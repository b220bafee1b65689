/** The error catalogue: what a client is told, with which HTTP status, and whether trying again can help. */

export type Retry = 'never' | 'later' | 'at once';

export const errors = {
  badRequest: { status: 400, retry: 'never', text: 'the request is not valid' },
  /** Of a login: what `src/core/lockout` counts. */
  invalidCredentials: { status: 400, retry: 'never', text: 'invalid username or password' },
  malformedBody: { status: 400, retry: 'never', text: 'failed to parse JSON input' },
  missingToken: { status: 403, retry: 'never', text: 'permission denied' },
  permissionDenied: { status: 403, retry: 'never', text: 'permission denied' },
  invalidToken: { status: 403, retry: 'never', text: 'permission denied' },
  notFound: { status: 404, retry: 'never', text: '' },
  noNamespace: { status: 404, retry: 'never', text: 'namespace not found' },
  namespaceLocked: { status: 503, retry: 'later', text: 'API access to this namespace has been locked' },
  namespaceSealed: { status: 503, retry: 'later', text: 'namespace is sealed' },
  mountMoving: { status: 503, retry: 'later', text: 'the mount is being moved to another namespace: try again later' },
  noHandler: { status: 404, retry: 'never', text: 'no handler for route' },
  unsupportedPath: { status: 404, retry: 'never', text: 'unsupported path' },
  unsupportedOperation: { status: 405, retry: 'never', text: 'unsupported operation' },
  conflict: { status: 409, retry: 'never', text: 'the state has changed' },
  behindIndex: { status: 412, retry: 'later', text: 'this node has not reached the requested index' },
  bodyTooLarge: { status: 413, retry: 'never', text: 'the request body is too large' },
  requestTimeout: { status: 408, retry: 'later', text: 'the request did not arrive in time' },
  missingRequestHeader: { status: 412, retry: 'never', text: "missing 'X-Vault-Request' header" },
  unsupportedMediaType: { status: 415, retry: 'never', text: 'this content type is not served here' },
  headersTooLarge: { status: 431, retry: 'never', text: 'the request headers are too large' },
  tooManyRequests: { status: 429, retry: 'later', text: 'too many requests' },
  internal: { status: 500, retry: 'later', text: 'internal error' },
  auditFailed: { status: 500, retry: 'later', text: 'no audit device could record the request' },
  sealed: { status: 503, retry: 'later', text: 'Vault is sealed' },
  notInitialized: { status: 503, retry: 'later', text: 'server is not yet initialized' },
  alreadyInitialized: { status: 400, retry: 'never', text: 'Vault is already initialized' },
  invalidShares: { status: 400, retry: 'never', text: 'the shares do not open the root key: start again' },
  hubUnreachable: { status: 503, retry: 'later', text: 'the hub cannot be reached: reads go on, writes wait for it' },
  stale: { status: 503, retry: 'later', text: 'this region has not heard from its hub for too long' },
  issuerUnreachable: { status: 503, retry: 'later', text: "the issuer's keys cannot be fetched now: try again later" },
  directoryUnavailable: { status: 503, retry: 'later', text: 'the directory cannot be asked now: try again later' },
  hubRefused: { status: 403, retry: 'never', text: 'the hub refused the forwarded request' },
  elsewhere: { status: 503, retry: 'never', text: 'this belongs to another region' },
  timeout: { status: 503, retry: 'later', text: 'the request took too long' },
  shuttingDown: { status: 503, retry: 'at once', text: 'this node is shutting down' },
  keyTooLong: { status: 400, retry: 'never', text: 'the path is too long' },
  compacted: {
    status: 410,
    retry: 'never',
    text: 'the log no longer reaches back to that index: start from a snapshot',
  },
  unknownPosition: { status: 409, retry: 'never', text: 'that index is not part of this history' },
  formatVersion: { status: 500, retry: 'never', text: 'written by another format version' },
  corrupt: { status: 500, retry: 'never', text: 'a stored record is damaged' },
  snapshotDamaged: { status: 400, retry: 'never', text: 'the snapshot is damaged: take another one' },
  snapshotVersion: { status: 400, retry: 'never', text: 'the snapshot is of another format version' },
  snapshotKeys: { status: 400, retry: 'never', text: 'the snapshot belongs to other keys' },
  snapshotExpired: { status: 503, retry: 'at once', text: 'a storage snapshot was held too long' },
  storeInUse: { status: 503, retry: 'later', text: 'the data directory is in use by another process' },
  storeClosed: { status: 503, retry: 'later', text: 'the store is closed' },
  listenFailed: { status: 500, retry: 'never', text: 'cannot listen' },
  unsafeDirectory: { status: 500, retry: 'never', text: 'others could change what is written there' },
  cannotRender: { status: 500, retry: 'never', text: 'the secret does not fit its file' },
  invalidTemplate: { status: 400, retry: 'never', text: 'the template cannot be rendered' },
  unsafeKey: { status: 500, retry: 'never', text: 'the key is not kept apart from what it protects' },
  noCredentials: { status: 400, retry: 'later', text: 'there is nothing to log in with' },
  invalidConfig: { status: 400, retry: 'never', text: 'the configuration is not valid' },
} as const satisfies Readonly<Record<string, { status: number; retry: Retry; text: string }>>;

export type ErrorCode = keyof typeof errors;

export interface LockstepErrorOptions extends ErrorOptions {
  /** What the client is not told: for the audit. Never a secret, nor what a client sent. */
  readonly detail?: string;
}

/** An error of the catalogue. `message` is shown to the client: it names the thing and the remedy, never a secret. */
export class LockstepError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly retry: Retry;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string = errors[code].text, options?: LockstepErrorOptions) {
    super(message, options);
    this.name = 'LockstepError';
    this.detail = options?.detail;
    this.code = code;
    this.status = errors[code].status;
    this.retry = errors[code].retry;
  }
}

/** `throw fail('permissionDenied')`; a message replaces the catalogue's text where it can name more. */
export function fail(code: ErrorCode, message?: string, options?: LockstepErrorOptions): LockstepError {
  return new LockstepError(code, message, options);
}

export function isLockstepError(error: unknown, code?: ErrorCode): error is LockstepError {
  return error instanceof LockstepError && (code === undefined || error.code === code);
}
