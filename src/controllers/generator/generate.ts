/** Finds the generator that a reference names, and lets it make values, by what the asking namespace has. */
import { isObject } from '../../client/json.ts';
import type { Generated, Generator, Left } from '../../generators/contract.ts';
import { generators } from '../../generators/generators.ts';
import { apiVersionOf, Objects } from '../../kube/objects.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import type { GeneratorRef } from '../external-secret/definition.ts';
import type { Resource } from '../kind.ts';
import { credentialsOf } from '../secret-store/credentials.ts';
import { clusterGenerator, generatorKinds, type ClusterGeneratorSpec } from './definition.ts';

/** A generator as it was when it was used. */
export interface GeneratorResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: unknown;
}

export interface Made extends Generated {
  readonly by: GeneratorResource;
}

export interface GenerateOptions {
  readonly cluster: Pick<Cluster, 'api' | 'secrets' | 'configMaps' | 'localServers'>;
  readonly controllerClass: string;
}

const invalid = (message: string, cause?: unknown): ProviderProblem =>
  new ProviderProblem('invalid', message, { cause });

export class Generators {
  readonly #options: GenerateOptions;

  constructor(options: GenerateOptions) {
    this.#options = options;
  }

  /** For an object of that namespace. Rejects with `ProviderProblem`. */
  async generate(ref: GeneratorRef, namespace: string, signal: AbortSignal): Promise<Made> {
    const by = await this.#find(ref, namespace);
    const made = await offered(by.kind).generate(by.spec as never, this.#credentials(namespace, by.kind), signal);
    return { ...made, by };
  }

  /** Rejects with `ProviderProblem`. */
  async cleanUp({ kind, spec }: GeneratorResource, left: Left, namespace: string, signal: AbortSignal): Promise<void> {
    await offered(kind).cleanUp?.(spec as never, left, this.#credentials(namespace, kind), signal);
  }

  /** Whatever it names is of the namespace that asks, of a ClusterGenerator as well: nobody lends it more. */
  #credentials(namespace: string, name: string) {
    return credentialsOf(this.#options.cluster, { name, own: namespace, asking: namespace });
  }

  async #find({ apiVersion, kind, name }: GeneratorRef, namespace: string): Promise<GeneratorResource> {
    const ours = apiVersionOf(clusterGenerator);
    if (apiVersion !== undefined && apiVersion !== '' && apiVersion !== ours)
      throw invalid(`generatorRef: apiVersion is ${ours}`);
    const found =
      kind === clusterGenerator.kind ? await this.#ofCluster(name) : await this.#ofNamespace(kind, name, namespace);
    this.#mustBeOurs(found.spec, `${kind} "${name}"`);
    return { apiVersion: ours, ...found };
  }

  async #ofNamespace(kind: string, name: string, namespace: string) {
    const known = generatorKinds.get(kind);
    if (known === undefined) throw notOffered(kind);
    const objects = new Objects<Resource<unknown, object>>(this.#options.cluster.api, known.definition);
    const found = await asked(kind, name, () => objects.get({ namespace, name }));
    // One without a specification has all of its defaults.
    return { kind, spec: found.spec ?? {} };
  }

  async #ofCluster(name: string) {
    const objects = new Objects<Resource<ClusterGeneratorSpec, object>>(this.#options.cluster.api, clusterGenerator);
    const { spec } = await asked(clusterGenerator.kind, name, () => objects.get({ namespace: '', name }));
    const known = generatorKinds.get(spec.kind);
    if (known === undefined) throw notOffered(spec.kind);
    const own = spec.generator[known.inCluster];
    if (own === undefined)
      throw invalid(
        `ClusterGenerator "${name}": its kind is ${spec.kind}, and generator.${known.inCluster} is not there`,
      );
    return { kind: spec.kind, spec: own as unknown };
  }

  #mustBeOurs(spec: unknown, what: string): void {
    const wanted = isObject(spec) ? (spec['controller'] ?? '') : '';
    if (wanted !== '' && wanted !== this.#options.controllerClass)
      throw invalid(`${what} is looked after by a controller of another class`);
  }
}

function offered(kind: string): Generator<never> {
  const found = generators.get(kind);
  if (found === undefined) throw notOffered(kind);
  return found;
}

const notOffered = (kind: string): ProviderProblem =>
  invalid(`generatorRef: the kind "${kind}" is not offered: it is one of ${[...generators.keys()].join(', ')}`);

async function asked<T>(kind: string, name: string, get: () => Promise<T | undefined>): Promise<T> {
  let found: T | undefined;
  try {
    found = await get();
  } catch (error) {
    if (!(error instanceof KubernetesProblem)) throw error;
    throw new ProviderProblem('unreachable', `cannot get ${kind} "${name}": ${error.message}`, { cause: error });
  }
  if (found === undefined) throw invalid(`could not get ${kind} "${name}": there is none`);
  return found;
}
