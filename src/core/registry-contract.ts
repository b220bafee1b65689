/** What the core needs to know of the plug-ins: their types. `registry.ts` lists them. */
import type { AnyPlugin } from '../framework/plugin.ts';

export interface PluginRegistry {
  readonly engines: Readonly<Record<string, AnyPlugin>>;
  readonly auth: Readonly<Record<string, AnyPlugin>>;
}
