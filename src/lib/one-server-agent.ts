import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';

/**
 * An agent whose requests all go to one server. Node tells an agent's connections apart by a name put together anew of all their options, authorities
 * among them, several times for each request; here only the certificate of who asks can differ. All else, the server's name for TLS too, must be the
 * agent's own option.
 */
export function forOneServer<A extends Agent>(agent: A): A {
  return Object.assign(agent, {
    getName: ({ cert = 'nobody' }: RequestOptions = {}): string => cert.toString(),
  });
}
