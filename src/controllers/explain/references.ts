/** What a store's configuration refers to in the cluster: Secrets, ConfigMaps and ServiceAccounts with its credentials. */
import { isObject } from '../../client/json.ts';

export interface Reference {
  readonly kind: 'Secret' | 'ConfigMap' | 'ServiceAccount';
  readonly namespace: string;
  readonly name: string;
  /** Where in `spec.provider` it stands, by dots. */
  readonly field: string;
}

const kindOf = (field: string, type: unknown): Reference['kind'] | undefined => {
  if (field === 'caProvider') return type === 'ConfigMap' ? 'ConfigMap' : 'Secret';
  if (/^serviceAccount(?:Ref)?$/.test(field)) return 'ServiceAccount';
  if (field === 'credConfig') return 'ConfigMap';
  const names = /Ref$|^(?:bearerToken|client(?:Cert|Certificate|Id|Key|Secret)|tenantId)$/;
  return names.test(field) ? 'Secret' : undefined;
};

/** `namespace` is meant where none is named; `bound`: another one may not be named, and is not looked at. */
export function referencesOf(config: unknown, namespace: string, bound: boolean, path = ''): readonly Reference[] {
  if (!isObject(config)) return [];
  return Object.entries(config).flatMap(([field, value]) => {
    if (!isObject(value)) return [];
    const where = path === '' ? field : `${path}.${field}`;
    const { name, namespace: named } = value;
    const kind = kindOf(field, value['type']);
    if (kind === undefined || typeof name !== 'string') return referencesOf(value, namespace, bound, where);
    const within = !bound && typeof named === 'string' && named !== '' ? named : namespace;
    return [{ kind, namespace: within, name, field: where }];
  });
}
