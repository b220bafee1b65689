/** The kinds of a group, as the API server has to know them: CustomResourceDefinitions (apiextensions.k8s.io/v1). */
import type { Kind, KubernetesObject } from '../kube/objects.ts';
import type { Schema } from './schema.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
}

export interface Definition<Spec, Status> extends Kind {
  readonly shortNames: readonly string[];
  readonly spec: Schema<Spec>;
  readonly status: Schema<Status>;
  readonly columns: readonly PrinterColumn[];
  /** JSON paths that `--field-selector` knows. */
  readonly selectable: readonly string[];
  /** By which `kubectl get` finds it besides `external-secrets`. */
  readonly categories?: readonly string[];
}

export interface Resource<Spec, Status> extends KubernetesObject {
  readonly spec: Spec;
  readonly status?: Status;
}

export type ObjectOf<D> = D extends Definition<infer Spec, infer Status> ? Resource<Spec, Status> : never;

/** Whether something has to stand in it. */
function mustBeThere({ openapi }: Schema<unknown>): boolean {
  const { required = [], properties = {} } = openapi as {
    readonly required?: readonly string[];
    readonly properties?: Readonly<Record<string, object>>;
  };
  return required.some((name) => !('default' in (properties[name] ?? {})));
}

/** As `kubectl apply` takes it. */
export function customResourceDefinition(definition: Definition<unknown, unknown>) {
  const { group, version, kind, plural, namespaced, shortNames, columns, selectable, categories = [] } = definition;
  const names = { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames };
  const served = {
    ...{ name: version, served: true, storage: true, subresources: { status: {} } },
    additionalPrinterColumns: columns,
    ...(selectable.length === 0 ? {} : { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) }),
    schema: {
      openAPIV3Schema: {
        type: 'object',
        ...(mustBeThere(definition.spec) ? { required: ['spec'] } : {}),
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: { type: 'object' },
          spec: definition.spec.openapi,
          status: definition.status.openapi,
        },
      },
    },
  };
  const spec = {
    ...{ group, scope: namespaced ? 'Namespaced' : 'Cluster', versions: [served] },
    names: { ...names, categories: ['external-secrets', ...categories] },
  };
  const metadata = { name: `${plural}.${group}`, labels: { 'external-secrets.io/component': 'controller' } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata,
    spec,
  } as KubernetesObject;
}
