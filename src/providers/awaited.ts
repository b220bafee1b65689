/** What `coming` gives, which others may wait for too: whoever gives up rejects with the signal's reason, and it goes on for them. */
export async function awaited<T>(coming: Promise<T>, signal: AbortSignal): Promise<T> {
  const given = Promise.withResolvers<never>();
  const abort = (): void => {
    given.reject(signal.reason as Error);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([coming, given.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
