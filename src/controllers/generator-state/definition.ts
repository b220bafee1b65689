/** GeneratorState (generators.external-secrets.io/v1alpha1): what a generator has left in the world, until it is taken away. */
import { clusterGenerator } from '../generator/definition.ts';
import type { Definition, ObjectOf } from '../kind.ts';
import { anything, listOf, moment, object, text, type Read } from '../schema.ts';

const spec = object(
  { resource: anything(), state: anything() },
  { garbageCollectionDeadline: moment('From then on it is taken away, and forgotten.') },
);

const condition = object(
  { type: text(), status: text() },
  { reason: text(), message: text(), lastTransitionTime: moment() },
);

const status = object({}, { conditions: listOf(condition) });

export const generatorState: Definition<Read<typeof spec>, Read<typeof status>> = {
  ...{ group: clusterGenerator.group, version: clusterGenerator.version, namespaced: true, selectable: [] },
  ...{ kind: 'GeneratorState', plural: 'generatorstates', shortNames: ['gs'], spec, status },
  categories: ['external-secrets-generators'],
  columns: [{ name: 'GC Deadline', type: 'string', jsonPath: '.spec.garbageCollectionDeadline' }],
};

export type GeneratorState = ObjectOf<typeof generatorState>;
