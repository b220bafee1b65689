/**
 * What a cluster refuses in our name, before it is stored: ValidatingAdmissionPolicies (admissionregistration.k8s.io/v1, since
 * Kubernetes 1.30), in CEL. They need no server of ours.
 */
import { fail } from '../errors.ts';
import type { KubernetesObject } from '../kube/objects.ts';

export interface Policy extends KubernetesObject {
  readonly spec: object;
}

/** Whom they do not concern, or concern alone: `system:serviceaccount:<namespace>:<name>`. */
export const userOf = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`;

const registration = 'admissionregistration.k8s.io/v1';

function policyAnd(name: string, spec: object): readonly Policy[] {
  return [
    {
      apiVersion: registration,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: { failurePolicy: 'Fail', ...spec },
    },
    {
      ...{ apiVersion: registration, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name } },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

/** An API server allows two questions to its authorizer in an expression and some 28 in a policy: one for each store. */
const MOST_STORES = 16;

const text = JSON.stringify;

/** `list` where the path is there, each part of it being asked for by `has`. */
const listAt = (root: string, ...path: readonly string[]): string => {
  const steps = path.map((_, i) => [root, ...path.slice(0, i + 1)].join('.'));
  return `(${steps.map((step) => `has(${step})`).join(' && ')} ? ${steps.at(-1) ?? ''} : [])`;
};

const oneAt = (root: string, ...path: readonly string[]): string => {
  const steps = path.map((_, i) => [root, ...path.slice(0, i + 1)].join('.'));
  return `(${steps.map((step) => `has(${step})`).join(' && ')} ? [${steps.at(-1) ?? ''}] : [])`;
};

/** Those of the elements' `sourceRef.<field>` that are there. */
const ofSources = (list: string, field: string): string =>
  `${listAt('variables.spec', list)}.filter(e, has(e.sourceRef) && has(e.sourceRef.${field})).map(e, e.sourceRef.${field})`;

/** Every reference to a store in any of the kinds: each has some of these fields, with the same meaning. */
const STORES = [
  oneAt('variables.spec', 'secretStoreRef'),
  ofSources('data', 'storeRef'),
  ofSources('dataFrom', 'storeRef'),
  listAt('variables.spec', 'secretStoreRefs'),
  `${listAt('variables.spec', 'dataTo')}.filter(e, has(e.storeRef)).map(e, e.storeRef)`,
  listAt('variables.spec', 'fallbackStores'),
].join(' + ');

const GENERATORS = [ofSources('dataFrom', 'generatorRef'), oneAt('variables.spec', 'selector', 'generatorRef')].join(
  ' + ',
);

/** As `<kind>/<name>`; without a name where it is by labels, which may be any. What names nothing is read by nobody. */
const STORE_NAMES =
  "variables.stores.filter(r, has(r.labelSelector) || (has(r.name) && r.name != ''))" +
  ".map(r, (has(r.kind) && r.kind != '' ? r.kind : 'SecretStore') + '/' + (has(r.labelSelector) ? '' : r.name))";

const spread = (field: string, kind: string): string => `object.kind == '${kind}' ? object.spec.${field}`;

const variables = [
  {
    name: 'spec',
    expression: `${spread('externalSecretSpec', 'ClusterExternalSecret')} : ${spread('pushSecretSpec', 'ClusterPushSecret')} : object.spec`,
  },
  // Of what belongs to the cluster: in all namespaces.
  { name: 'within', expression: "has(object.metadata.namespace) ? object.metadata.namespace : ''" },
  { name: 'stores', expression: STORES },
  {
    name: 'generators',
    expression: `(${GENERATORS}).filter(r, r.kind == 'ClusterGenerator').map(r, 'ClusterGenerator/' + r.name)`,
  },
  { name: 'left0', expression: `${STORE_NAMES} + variables.generators` },
  ...Array.from({ length: MOST_STORES }, (_, i) => {
    const left = `variables.left${String(i)}`;
    // Not `distinct()`, which API servers have since 1.34 alone.
    return { name: `left${String(i + 1)}`, expression: `size(${left}) == 0 ? [] : ${left}.filter(e, e != ${left}[0])` };
  }),
];

function mayUse(i: number): object {
  const left = `variables.left${String(i)}`;
  const kind = `${left}[0].split('/')[0]`;
  const isGenerator = `${kind} == 'ClusterGenerator'`;
  const group = `(${isGenerator} ? 'generators.external-secrets.io' : 'external-secrets.io')`;
  const resource = `(${isGenerator} ? 'clustergenerators' : ${kind} == 'ClusterSecretStore' ? 'clustersecretstores' : 'secretstores')`;
  const namespace = `(${kind} == 'SecretStore' ? variables.within : '')`;
  const asking = `authorizer.group(${group}).resource(${resource}).namespace(${namespace}).name(${left}[0].split('/')[1])`;
  return {
    expression: `size(${left}) == 0 || ${asking}.check('use').allowed()`,
    messageExpression:
      `request.userInfo.username + ' may not use ' + ${left}[0] + (${left}[0].endsWith('/') ? '*' : '') + ` +
      `': a role must grant the verb "use" on it (external-secrets.io)'`,
    reason: 'Forbidden',
  };
}

const kinds = (apiVersions: readonly string[], resources: readonly string[]): object => ({
  ...{ apiGroups: ['external-secrets.io'], apiVersions, operations: ['CREATE', 'UPDATE'], resources },
});

/**
 * Whoever makes an object that reads or writes a store, or a ClusterGenerator, must have the verb `use` on it: the controller has
 * more rights than they. `user`: the controller, which makes objects for others, asked already when they made theirs.
 */
export const requireUse = (user: string): readonly Policy[] =>
  policyAnd('lockstep-require-use', {
    matchConstraints: {
      resourceRules: [
        kinds(['v1'], ['externalsecrets', 'clusterexternalsecrets', 'secretstores', 'clustersecretstores']),
        kinds(['v1alpha1'], ['pushsecrets', 'clusterpushsecrets']),
      ],
    },
    matchConditions: [
      { name: 'not-the-controller', expression: `request.userInfo.username != ${text(user)}` },
      // Labels and finalizers are changed by those who use no store, and what has no spec uses none.
      {
        name: 'spec-changed',
        expression:
          "has(object.spec) && (request.operation == 'CREATE' || !has(oldObject.spec) || object.spec != oldObject.spec)",
      },
    ],
    variables,
    validations: [
      ...Array.from({ length: MOST_STORES }, (_, i) => mayUse(i)),
      {
        expression: `size(variables.left${String(MOST_STORES)}) == 0`,
        message: `more than ${String(MOST_STORES)} different stores and generators in one object cannot be checked: make several objects`,
      },
    ],
  });

/** What API servers take for their own, as long as they are told nothing else. */
const API_SERVERS = /^(?:https:\/\/)?kubernetes\.default(?:\.svc(?:\..*)?)?\/?$|^(?:kubernetes|api)$/;

/** Throws `invalidConfig` for what an API server is known to take for its own. */
function checkAudiences(audiences: readonly string[]): void {
  const own = audiences.find((each) => API_SERVERS.test(each));
  if (own !== undefined)
    throw fail(
      'invalidConfig',
      `-token-audiences: "${own}" is the API server's own: with it a token of any account is that account`,
    );
}

/**
 * The controller asks for tokens of these audiences alone. Without one a token is for the API server: whatever server a store names would have the
 * account in its hands. Throws `invalidConfig`.
 */
export function tokenAudiences(user: string, audiences: readonly string[]): readonly Policy[] {
  checkAudiences(audiences);
  return policyAnd('lockstep-token-audiences', {
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['serviceaccounts/token'] },
      ],
    },
    matchConditions: [{ name: 'the-controller', expression: `request.userInfo.username == ${text(user)}` }],
    variables: [{ name: 'allowed', expression: text(audiences) }],
    validations: [
      {
        expression:
          'has(object.spec.audiences) && size(object.spec.audiences) > 0 && object.spec.audiences.all(a, a in variables.allowed)',
        message: `the controller asks for tokens of these audiences alone: ${audiences.join(', ')}. Name one as serviceAccountRef.audiences of the store`,
        reason: 'Forbidden',
      },
    ],
  });
}
