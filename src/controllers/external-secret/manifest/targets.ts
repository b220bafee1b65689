/** Objects that ExternalSecrets make in place of Secrets: of kinds that the API server is asked for, where RBAC and `kinds.ts` allow it. */
import { kindAt } from '../../../kube/discovery.ts';
import { keyOf, Objects, type Kind, type KubernetesObject } from '../../../kube/objects.ts';
import { KubernetesProblem } from '../../../kube/problem.ts';
import { canonicalJson } from '../../../lib/canonical-json.ts';
import { sha256Base64 } from '../../../lib/crypto/hash.ts';
import { defined } from '../../../lib/defined.ts';
import { ProviderProblem } from '../../../providers/contract.ts';
import { kept, type Kept } from '../../../providers/kept.ts';
import type { Cluster } from '../../cluster.ts';
import { targetName, type ExternalSecret } from '../definition.ts';
import { fieldManagerOf, isOwner, MANAGED } from '../ownership.ts';
import type { Material } from '../plan.ts';
import { resourceWords } from '../status.ts';
import { isUnwatched, type Plan } from '../target-plan.ts';
import type { TargetKind } from '../target-kind.ts';
import { nameOf } from '../targets.ts';
import { withoutContent } from '../without-content.ts';
import { contentOf, losesFields, partOf, patchOf, shapeOf } from './fields.ts';
import { refusalOf, type Manifest } from './kinds.ts';
import type { Json } from './paths.ts';
import { planResource, type Resource } from './plan.ts';
import type { RenderedResource } from './template.ts';

const FLAG = '-unsafe-allow-generic-targets';
const FORBIDDEN = 403;
/** Milliseconds: which name the collection of a kind has can change. */
const KIND_MS = 600_000;

interface Left {
  readonly version: string;
  /** The names of what we made of it, and a digest of their values: what others do beside it is theirs. */
  readonly shape: unknown;
  readonly digest: string;
}

type Asked = Pick<Cluster, 'api' | 'watches'>;

const kindTextOf = ({ apiVersion, kind }: Manifest): string => `${apiVersion} ${kind}`;

function manifestOf({ spec }: ExternalSecret): Manifest {
  const { manifest } = spec.target ?? {};
  if (manifest === undefined) throw new Error('an ExternalSecret without target.manifest makes a Secret');
  return manifest;
}

const digestOf = (object: unknown, shape: unknown): string => sha256Base64(canonicalJson(partOf(object, shape)));

function ownPart(es: ExternalSecret, { content, labels, annotations }: RenderedResource): Json {
  const owners = isOwner(es) ? { ownerReferences: [] } : {};
  return { ...content, metadata: { labels: { ...labels, [MANAGED]: 'true' }, annotations, ...owners } };
}

const marksOf = ({ metadata: { labels, annotations, ownerReferences, finalizers } }: KubernetesObject): Json =>
  defined({ labels, annotations, ownerReferences, finalizers });

export class GenericTargets implements TargetKind<Resource> {
  readonly words = resourceWords;
  readonly #cluster: Asked;
  readonly #allowed: boolean;
  readonly #kinds = new Map<string, Kept<Kind>>();
  /** By the key of the ExternalSecret. */
  readonly #shapes = new Map<string, unknown>();
  readonly #left = new Map<string, Left>();

  constructor(cluster: Asked, allowed: boolean) {
    this.#cluster = cluster;
    this.#allowed = allowed;
  }

  mustOffer(es: ExternalSecret): void {
    const manifest = manifestOf(es);
    if (!this.#allowed) {
      const remedy = `the controller makes other objects than Secrets only with ${FLAG}`;
      throw new ProviderProblem('invalid', `spec.target.manifest: ${remedy}`);
    }
    const refused = refusalOf(manifest, targetName(es));
    if (refused !== undefined) throw new ProviderProblem('invalid', `spec.target.manifest: ${refused}`);
  }

  isAsLeft(es: ExternalSecret): boolean {
    const left = this.#left.get(keyOf(es.metadata));
    const watched = this.#cluster.watches.get(kindTextOf(manifestOf(es)))?.get(keyOf(nameOf(es)));
    return left !== undefined && left.version === watched?.metadata.resourceVersion;
  }

  /** Its watch may have begun a moment ago, and knows of nothing yet. */
  seemsAbsent(_es: ExternalSecret): boolean {
    return false;
  }

  async get(es: ExternalSecret): Promise<Resource | undefined> {
    this.mustOffer(es);
    const objects = await this.#objects(es);
    const found = await this.#told(es, objects.get(nameOf(es)));
    // Not before it could be read: a watch that is not allowed is tried again and again.
    this.#cluster.watches.begin(objects.kind);
    return found;
  }

  leave(es: ExternalSecret, resource: Resource | undefined): void {
    const key = keyOf(es.metadata);
    const shape = this.#shapes.get(key) ?? this.#left.get(key)?.shape;
    const version = resource?.metadata.resourceVersion;
    if (version === undefined || shape === undefined) this.#left.delete(key);
    else this.#left.set(key, { version, shape, digest: digestOf(resource, shape) });
  }

  /** What was left in the time of another controller is looked at anew: no digest of it stands anywhere. */
  isIntact(es: ExternalSecret, resource: Resource | undefined): boolean {
    if (isUnwatched(es)) return true;
    const left = this.#left.get(keyOf(es.metadata));
    return left !== undefined && resource !== undefined && digestOf(resource, left.shape) === left.digest;
  }

  isFrozen(es: ExternalSecret, resource: Resource | undefined): boolean {
    return es.spec.target?.immutable === true && resource?.['immutable'] === true;
  }

  plan(es: ExternalSecret, resource: Resource | undefined, made: Material): Plan<Resource> {
    const { plan, rendered } = planResource(es, manifestOf(es), resource, made);
    if (rendered !== undefined) this.#shapes.set(keyOf(es.metadata), shapeOf(ownPart(es, rendered)));
    return plan;
  }

  loses(before: Resource | undefined, after: Resource): boolean {
    return before !== undefined && losesFields(contentOf(before), contentOf(after));
  }

  async create(es: ExternalSecret, resource: Resource): Promise<Resource> {
    const objects = await this.#objects(es);
    return this.#told(es, objects.create(resource, fieldManagerOf(es.metadata.name), true));
  }

  /** What we change alone is sent: the rest of it stays as it is to the last digit. */
  async replace(es: ExternalSecret, resource: Resource, before: Resource): Promise<Resource> {
    const objects = await this.#objects(es);
    const { resourceVersion, uid } = before.metadata;
    const metadata = { ...patchOf(marksOf(before), marksOf(resource)), resourceVersion, uid };
    const patch = { ...patchOf(contentOf(before), contentOf(resource)), metadata };
    return this.#told(es, objects.patch(nameOf(es), patch, fieldManagerOf(es.metadata.name)));
  }

  async remove(es: ExternalSecret, { metadata }: Resource): Promise<void> {
    const { name, namespace = '', uid = '', resourceVersion = '' } = metadata;
    const objects = await this.#objects(es);
    await this.#told(es, objects.delete({ namespace, name }, { uid, resourceVersion }));
  }

  forget(key: string): void {
    this.#left.delete(key);
    this.#shapes.delete(key);
  }

  async #objects(es: ExternalSecret): Promise<Objects<Resource>> {
    return new Objects<Resource>(this.#cluster.api, await this.#kind(manifestOf(es)));
  }

  async #kind(manifest: Manifest): Promise<Kind> {
    const { apiVersion, kind } = manifest;
    const text = kindTextOf(manifest);
    const known = this.#kinds.get(text) ?? kept(() => kindAt(this.#cluster.api, apiVersion, kind), KIND_MS);
    this.#kinds.set(text, known);
    const found = await known.get();
    if (found.namespaced) return found;
    const why = `${kind} is of the whole cluster: an ExternalSecret makes objects of its own namespace alone`;
    throw new ProviderProblem('invalid', `spec.target.manifest: ${why}`);
  }

  async #told<T>(es: ExternalSecret, work: Promise<T>): Promise<T> {
    const { kind } = manifestOf(es);
    try {
      return await work;
    } catch (error) {
      if (error instanceof KubernetesProblem && error.status === FORBIDDEN) {
        const remedy = 'grant the kind to the controller: -generic-targets of `lockstep controller manifests`';
        throw new KubernetesProblem(`${error.message} (${remedy})`, { status: FORBIDDEN, cause: error });
      }
      throw withoutContent(error, `the ${kind} "${targetName(es)}"`);
    }
  }
}
