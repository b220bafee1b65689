/** The files below `deploy/` that are made of what `lockstep controller manifests` prints: chart and manifests cannot differ from it. */
import { stringify } from 'yaml';
import { requireUse, tokenAudiences, userOf } from '../../src/controllers/admission.ts';
import { kinds, manifests, NAME, NAMESPACE, webhookManifests, type Manifest } from '../../src/controllers/manifests.ts';
import { ownRules, rulesOf, targetRule, tokenRule } from '../../src/controllers/rights.ts';

const CHART = 'deploy/helm/lockstep-controller';
const PLAIN = 'deploy/manifests';
/** Stands for those of the chart's values. */
const AUDIENCE = 'example';
const IMAGE = 'lockstep:0.1.0';

// Lines are never folded: the chart replaces names within them.
const yaml = (objects: readonly Manifest[]): string =>
  objects.map((each) => `---\n${stringify(each, { aliasDuplicateObjects: false, lineWidth: 0 })}`).join('');

const rights = {
  everywhere: rulesOf({ everywhere: true }),
  namespaced: rulesOf({ everywhere: false }),
  leader: ownRules,
  tokens: tokenRule,
  targets: targetRule({ group: '', resource: '' }).verbs,
};

/** The chart puts the release's own in place of these names. */
const webhook = {
  everywhere: webhookManifests('namespace-of-release', { webhook: {} }),
  namespaced: webhookManifests('namespace-of-release', { webhook: {}, scope: 'namespace-looked-at' }),
};

/** Their text by path, from the root of the repository. */
export function deployFiles(): Readonly<Record<string, string>> {
  const user = userOf(NAMESPACE, NAME);
  const crds = yaml(kinds());
  const namespace: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  const isKind = ({ kind }: Manifest): boolean => kind === 'CustomResourceDefinition';
  const controller = manifests(NAMESPACE, { image: IMAGE }).filter((each) => !isKind(each));
  return {
    [`${CHART}/crds/kinds.yaml`]: crds,
    [`${CHART}/files/rights.json`]: `${JSON.stringify(rights, undefined, 2)}\n`,
    [`${CHART}/files/webhook.json`]: `${JSON.stringify(webhook, undefined, 2)}\n`,
    [`${CHART}/files/require-use.yaml`]: yaml(requireUse(user)),
    [`${CHART}/files/token-audiences.yaml`]: yaml(tokenAudiences(user, [AUDIENCE])),
    [`${PLAIN}/kinds.yaml`]: crds,
    [`${PLAIN}/controller.yaml`]: yaml([namespace, ...controller]),
    [`${PLAIN}/webhook.yaml`]: yaml(webhookManifests(NAMESPACE, { webhook: {} })),
    [`${PLAIN}/require-use.yaml`]: yaml(requireUse(user)),
  };
}
