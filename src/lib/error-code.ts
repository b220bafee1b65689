/** The code of a system error, such as `ENOENT` (Node's `error.code`); `unknown error` for any other. Its message names paths. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

/** The code of an error where it has one, else what it says: for what reaches out, whose messages name no paths. */
export function codeOrMessage(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
