import { ApiError } from './api-error.ts';

/**
 * An error as a log line may say it. Of the server's answer only the API's own words are kept: the body of a foreign
 * page could repeat what was sent.
 */
export function explain(error: unknown): string {
  if (error instanceof ApiError) {
    const words = error.errors.length === 0 ? 'no further words' : error.errors.join('; ');
    return `the server answered ${error.status}: ${words.slice(0, 300)}`;
  }
  if (!(error instanceof Error)) return 'unknown error';
  return error.message.slice(0, 500);
}
