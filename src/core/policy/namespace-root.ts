/**
 * What the policy `root` says in a namespace with a seal of its own, whose shares give a token of it: everything there and
 * below. In the root namespace it has no rules, and nothing is looked at.
 */
import { capabilities } from './capability.ts';

const granted = capabilities.filter((name) => name !== 'deny').map((name) => `"${name}"`);

export const NAMESPACE_ROOT = `path "*" {
  capabilities = [${granted.join(', ')}]
  subscribe_event_types = ["*"]
}
`;
