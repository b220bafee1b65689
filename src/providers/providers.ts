/** Every provider that is built in, by its name in `spec.provider`. */
import type { Provider } from './contract.ts';
import { aws } from './aws/provider.ts';
import { azurekv } from './azurekv/provider.ts';
import { crd } from './crd/provider.ts';
import { fake } from './fake/provider.ts';
import { gcpsm } from './gcpsm/provider.ts';
import { kubernetes } from './kubernetes/provider.ts';
import { lockstep } from './lockstep/provider.ts';
import { vault } from './vault/provider.ts';
import { webhook } from './webhook/provider.ts';

/** Configurations are checked by the schema of the store's kind. */
export const providers: ReadonlyMap<string, Provider<never>> = new Map<string, Provider<never>>([
  ['aws', aws],
  ['azurekv', azurekv],
  ['crd', crd],
  ['fake', fake],
  ['gcpsm', gcpsm],
  ['kubernetes', kubernetes],
  ['lockstep', lockstep],
  ['vault', vault],
  ['webhook', webhook],
  // OpenBao speaks the same API, and External Secrets Operator gives it a name of its own.
  ['openBao', vault],
]);
