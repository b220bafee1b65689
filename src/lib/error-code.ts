/** The code of a system error, such as `ENOENT` (Node's `error.code`); `unknown error` for any other. Its message names paths. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
