import type { Agent } from 'node:http';

/**
 * An agent whose requests all go to one server. Node tells an agent's connections apart by a name put together anew of all their options, authorities
 * among them, several times for each request; here only the certificate of who asks can differ.
 */
export function forOneServer<A extends Agent>(agent: A): A {
  return Object.assign(agent, {
    getName: ({ cert }: { readonly cert?: unknown } = {}): string => (typeof cert === 'string' ? cert : 'the server'),
  });
}
