import { ProviderProblem } from '../../providers/contract.ts';
import { membersAt } from '../../providers/members.ts';
import { webhook as provider, type WebhookConfig } from '../../providers/webhook/provider.ts';
import type { Generator } from '../contract.ts';

/** How messages name what was asked for. */
const KEY = 'the webhook';

/** What a web API answers: a JSON object, each member of which is a value. It may go wherever the webhook of a store may. */
export const webhook: Generator<WebhookConfig> = {
  kind: 'Webhook',
  generate: async (config, credentials, signal) => {
    const client = provider.connect(config, credentials);
    try {
      const found = await membersAt(client, { key: KEY }, signal);
      if (!found.found) throw new ProviderProblem('unsuitable', 'the webhook answers 404');
      return { values: found.value };
    } finally {
      client.close();
    }
  },
};
