let arrived: (() => void)[] = [];

function serveAll(): void {
  const these = arrived;
  arrived = [];
  for (const serve of these) serve();
}

/**
 * What came in one turn of the event loop is served at its end, one right after the other. Served as they come, requests would
 * have the parsing of the next one between them, and each would find its code gone from the processor's caches (ADR 9).
 * `serve` does not throw.
 */
export function serveTogether(serve: () => void): void {
  if (arrived.push(serve) === 1) setImmediate(serveAll);
}
