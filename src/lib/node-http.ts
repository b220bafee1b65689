/**
 * `node:http`, loaded without its re-exports of undici (WebSocket and others): an `import` evaluates them too, which
 * takes 35 ms of a start.
 */
export const { Agent, createServer, request, STATUS_CODES, validateHeaderName, validateHeaderValue } =
  process.getBuiltinModule('node:http');
