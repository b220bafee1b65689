/**
 * `node:http`, loaded without its re-exports of undici (WebSocket and others): an `import` evaluates them too, which
 * takes 35 ms of a start.
 */
export const { createServer, STATUS_CODES } = process.getBuiltinModule('node:http');
