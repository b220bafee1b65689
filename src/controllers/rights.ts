/** What the controllers may do in a cluster: RBAC by what the code watches, reads and writes, and nothing else. */
import { fail } from '../errors.ts';
import { leaseKind } from '../kube/leader.ts';
import { clusterExternalSecret } from './cluster-external-secret/definition.ts';
import { clusterPushSecret } from './cluster-push-secret/definition.ts';
import { externalSecret } from './external-secret/definition.ts';
import { groupRefusal } from './external-secret/manifest/kinds.ts';
import { clusterGenerator, generatorKinds } from './generator/definition.ts';
import { generatorState } from './generator-state/definition.ts';
import { pushSecret } from './push-secret/definition.ts';
import { clusterSecretStore, secretStore } from './secret-store/definition.ts';

/** `rbac.authorization.k8s.io/v1`, `PolicyRule`. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const making = [clusterExternalSecret, clusterPushSecret];
const watched = [externalSecret, pushSecret, ...making, secretStore, clusterSecretStore];
const generating = [clusterGenerator, ...[...generatorKinds.values()].map(({ definition }) => definition)];

/** Every kind of ours. */
export const definitions = [...watched, ...generating, generatorState];

const group = externalSecret.group;

/** `everywhere`: in all namespaces and of the cluster; else in one namespace, where there is nothing of the cluster. */
export function rulesOf({ everywhere }: { readonly everywhere: boolean }): readonly Rule[] {
  const within = <K extends { readonly namespaced: boolean; readonly plural: string }>(kinds: readonly K[]) =>
    kinds.filter(({ namespaced }) => everywhere || namespaced).map(({ plural }) => plural);
  const { group: generators, plural: states } = generatorState;
  return [
    { apiGroups: [group], resources: within(watched), verbs: ['get', 'list', 'watch'] },
    { apiGroups: [group], resources: within(watched).map((each) => `${each}/status`), verbs: ['get', 'patch'] },
    { apiGroups: [generators], resources: within(generating), verbs: ['get'] },
    { apiGroups: [generators], resources: [states], verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'] },
    { apiGroups: [generators], resources: [`${states}/status`], verbs: ['get', 'patch'] },
    // Those of a ClusterExternalSecret or ClusterPushSecret; the finalizer of a PushSecret that takes away what it wrote.
    {
      ...{ apiGroups: [group], resources: [externalSecret.plural, pushSecret.plural] },
      verbs: everywhere ? ['create', 'update', 'delete'] : ['update'],
    },
    // An owner reference that blocks deletion needs it, where the API server asks (OwnerReferencesPermissionEnforcement).
    {
      apiGroups: [group],
      resources: within([externalSecret, ...making]).map((plural) => `${plural}/finalizers`),
      verbs: ['update'],
    },
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
    ...(everywhere ? [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] }] : []),
    // The role of AWS stands in its annotations.
    { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  ];
}

/** Where it runs: who leads. */
export const ownRules: readonly Rule[] = [
  { apiGroups: [leaseKind.group], resources: [leaseKind.plural], verbs: ['get', 'create', 'update'] },
];

/** Whose tokens it may ask for. Whoever may ask for any account's token is whoever that account is. */
export const tokenRule: Rule = { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] };

/** Resources that `target.manifest` makes. */
export interface TargetPattern {
  /** Empty for the core. */
  readonly group: string;
  readonly resource: string;
}

export const targetRule = ({ group: target, resource }: TargetPattern): Rule => ({
  apiGroups: [target],
  resources: [resource],
  verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
});

/** A list with commas: `configmaps`, or `<plural>.<group>`. Throws `invalidConfig`, also for what is never made so. */
export function targetPatterns(list: string): readonly TargetPattern[] {
  const parts = list.split(',').map((each) => each.trim());
  return parts
    .filter((each) => each !== '')
    .map((each) => {
      const [resource = '', ...rest] = each.split('.');
      const target = rest.join('.');
      const wrong = (why: string): Error => fail('invalidConfig', `-generic-targets: "${each}": ${why}`);
      if (!NAME.test(resource) || (target !== '' && !NAME.test(target)))
        throw wrong('write it as configmaps, or as <plural>.<group>');
      const refused = resource === 'configmaps' && target === '' ? undefined : groupRefusal(target);
      if (refused !== undefined) throw wrong(refused);
      return { group: target, resource };
    });
}

/** Service accounts whose tokens may be asked for: `*` is each name, or each namespace. */
export interface AccountPattern {
  readonly namespace: string;
  readonly name: string;
}

const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** A list with commas: of one account, of a namespace's (its name is a star) or of all. Throws `invalidConfig`. */
export function accountPatterns(list: string): readonly AccountPattern[] {
  const parts = list.split(',').map((each) => each.trim());
  return parts
    .filter((each) => each !== '')
    .map((each) => {
      const [namespace = '', name = '', ...more] = each.split('/');
      const named = NAME.test(namespace) && (name === '*' || NAME.test(name));
      if (more.length > 0 || (!named && each !== '*/*')) {
        throw fail('invalidConfig', `-token-accounts: "${each}" is none of <namespace>/<name>, <namespace>/* and */*`);
      }
      return { namespace, name };
    });
}
