/** What becomes of an object of External Secrets Operator under our controller. Pure. */
import { isObject } from '../../client/json.ts';
import { generators } from '../../generators/generators.ts';
import type { KubernetesObject } from '../../kube/objects.ts';
import { providers } from '../../providers/providers.ts';
import { clusterExternalSecret } from '../cluster-external-secret/definition.ts';
import { clusterPushSecret } from '../cluster-push-secret/definition.ts';
import { externalSecret, type ExternalSecret, targetName } from '../external-secret/definition.ts';
import { refusalOf } from '../external-secret/manifest/kinds.ts';
import { owns } from '../external-secret/ownership.ts';
import { clusterGenerator } from '../generator/definition.ts';
import type { Definition } from '../kind.ts';
import { pushSecret } from '../push-secret/definition.ts';
import { SecretTypes } from '../secret-types.ts';
import { clusterSecretStore, secretStore } from '../secret-store/definition.ts';
import { foreignFields } from './fields.ts';

/** `unsupported`: it is not synced as it stands. `differs`: it is, otherwise than before. */
export interface Note {
  readonly verdict: 'differs' | 'unsupported';
  /** `spec.target.manifest`; empty: the object as a whole. */
  readonly field: string;
  readonly what: string;
}

export type AnyDefinition = Definition<unknown, unknown>;

export interface Judged extends KubernetesObject {
  readonly spec?: unknown;
}

const no = (field: string, what = 'is not offered'): Note => ({ verdict: 'unsupported', field, what });
const other = (field: string, what: string): Note => ({ verdict: 'differs', field, what });

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((part, name) => (isObject(part) ? part[name] : undefined), value);

const listAt = (value: unknown, name: string): readonly unknown[] => {
  const found = at(value, name);
  return Array.isArray(found) ? found : [];
};

function ofTemplate(template: unknown, field: string): readonly Note[] {
  const type = at(template, 'type');
  const refused = typeof type === 'string' ? new SecretTypes().refusal(type) : undefined;
  return refused === undefined ? [] : [other(`${field}.type`, refused)];
}

function ofGenerator(ref: unknown, field: string): readonly Note[] {
  const kind = at(ref, 'kind');
  if (typeof kind !== 'string' || kind === clusterGenerator.kind || generators.has(kind)) return [];
  return [no(`${field}.kind`, `the generator ${kind} is not offered`)];
}

function ofManifest(target: unknown, field: string): readonly Note[] {
  const manifest = at(target, 'manifest');
  if (manifest === undefined) return [];
  const [apiVersion, kind, name] = [at(manifest, 'apiVersion'), at(manifest, 'kind'), at(target, 'name')].map((each) =>
    typeof each === 'string' ? each : '',
  );
  const refused = refusalOf({ apiVersion: apiVersion ?? '', kind: kind ?? '' }, name ?? '');
  if (refused !== undefined) return [no(`${field}.manifest`, refused)];
  const needs =
    'needs -unsafe-allow-generic-targets and rights (-generic-targets of `lockstep controller manifests`); fields that its kind has not are refused';
  return [other(`${field}.manifest`, needs)];
}

/** `root`: where it stands in the object. */
function ofExternal(spec: unknown, root: string): readonly Note[] {
  const target = at(spec, 'target');
  const deletion = at(target, 'deletionPolicy');
  const late =
    'what is gone at its store is deleted after ten minutes, and many together not at all (-deletion-grace, -mass-deletion-…)';
  return [
    ...ofManifest(target, `${root}.target`),
    ...(deletion === 'Delete' || deletion === 'Merge' ? [other(`${root}.target.deletionPolicy`, late)] : []),
    ...ofTemplate(at(target, 'template'), `${root}.target.template`),
    ...['data', 'dataFrom'].flatMap((name) =>
      listAt(spec, name).flatMap((each) =>
        ofGenerator(at(each, 'sourceRef', 'generatorRef'), `${root}.${name}[].sourceRef.generatorRef`),
      ),
    ),
  ];
}

const pushMetadataFields = new Set([...providers.values()].flatMap(({ pushMetadata = [] }) => pushMetadata));

/** Of which provider its store is stands elsewhere: what no provider of ours has. */
function ofPushMetadata(metadata: unknown, field: string): readonly Note[] {
  if (metadata === undefined) return [];
  const spec = at(metadata, 'spec');
  if (!isObject(spec)) return [no(field, 'is not in the form PushSecretMetadata')];
  const unknown = Object.keys(spec).filter((each) => !pushMetadataFields.has(each));
  return unknown.map((each) => no(`${field}.spec.${each}`));
}

function ofPush(spec: unknown, root: string): readonly Note[] {
  const [data, dataTo] = [listAt(spec, 'data'), listAt(spec, 'dataTo')];
  const nowhere = dataTo.some((each) => at(each, 'storeRef') === undefined);
  return [
    ...data.flatMap((each) => ofPushMetadata(at(each, 'metadata'), `${root}.data[].metadata`)),
    ...dataTo.flatMap((each) => ofPushMetadata(at(each, 'metadata'), `${root}.dataTo[].metadata`)),
    ...(nowhere ? [no(`${root}.dataTo[].storeRef`, 'must name a store, or give a labelSelector')] : []),
    ...ofTemplate(at(spec, 'template'), `${root}.template`),
    ...ofGenerator(at(spec, 'selector', 'generatorRef'), `${root}.selector.generatorRef`),
  ];
}

function ofStore(spec: unknown): readonly Note[] {
  const provider = at(spec, 'provider');
  const [type = ''] = isObject(provider) ? Object.keys(provider) : [];
  if (!providers.has(type)) return [no(`spec.provider.${type}`, `the provider ${type} is not offered`)];
  const login = at(provider, type, 'auth', 'kubernetes');
  if (!isObject(login) || type === 'kubernetes') return [];
  if (login['serviceAccountRef'] !== undefined || login['secretRef'] !== undefined) return [];
  const own = 'names neither serviceAccountRef nor secretRef: the controller lends nobody its own account';
  return [no(`spec.provider.${type}.auth.kubernetes`, own)];
}

const SPECIAL: Readonly<Record<string, (spec: unknown) => readonly Note[]>> = {
  [externalSecret.kind]: (spec) => ofExternal(spec, 'spec'),
  [clusterExternalSecret.kind]: (spec) => ofExternal(at(spec, 'externalSecretSpec'), 'spec.externalSecretSpec'),
  [pushSecret.kind]: (spec) => ofPush(spec, 'spec'),
  [clusterPushSecret.kind]: (spec) => ofPush(at(spec, 'pushSecretSpec'), 'spec.pushSecretSpec'),
  [secretStore.kind]: ofStore,
  [clusterSecretStore.kind]: ofStore,
};

/** What its target would be: External Secrets Operator takes over a Secret that was there before, we do not. */
function ofTarget(object: Judged, secret: KubernetesObject | undefined): readonly Note[] {
  const es = object as ExternalSecret;
  const isOwner = (es.spec.target?.creationPolicy ?? 'Owner') === 'Owner';
  const isSecret = es.spec.target?.manifest === undefined;
  if (secret === undefined || !isSecret || !isOwner || owns(es, secret)) return [];
  return [no('spec.target', `the Secret "${targetName(es)}" was not made for it, and is not overwritten`)];
}

/** `secretAt`: the metadata of the Secret of that name in the object's namespace. */
export function judge(
  definition: AnyDefinition,
  object: Judged,
  secretAt: (name: string) => KubernetesObject | undefined,
): readonly Note[] {
  const fields = foreignFields(definition.spec.openapi, object.spec, 'spec');
  const unknown = fields.map((field) => no(field, 'is not known, and would be dropped'));
  const special = SPECIAL[definition.kind]?.(object.spec) ?? [];
  const isExternal = definition.kind === externalSecret.kind;
  const target = isExternal ? ofTarget(object, secretAt(targetName(object as ExternalSecret))) : [];
  return [...unknown, ...special, ...target];
}
