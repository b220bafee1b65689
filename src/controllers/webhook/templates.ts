/**
 * Every template and pattern that stands in an object, and where: what can be told to be wrong before a value is known. They are
 * compiled by the code that renders them later. Templates that lie in ConfigMaps and Secrets are not known here.
 */
import { isObject } from '../../client/json.ts';
import { TemplateError } from '../../lib/go-template/template-error.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import { namePattern } from '../../providers/name-pattern.ts';
import { clusterExternalSecret } from '../cluster-external-secret/definition.ts';
import { clusterPushSecret } from '../cluster-push-secret/definition.ts';
import { externalSecret } from '../external-secret/definition.ts';
import { compile, saidOf } from '../external-secret/render.ts';
import { LITERAL } from '../external-secret/template-sources.ts';
import { rewritePattern, TRANSFORM } from '../external-secret/values.ts';
import { pushSecret } from '../push-secret/definition.ts';
import { matchPattern } from '../push-secret/plan.ts';

/** One of them. `problem` compiles it and says what is wrong with it; undefined: nothing. */
export interface Piece {
  /** `spec.target.template.data[password]`. */
  readonly path: string;
  readonly problem: () => string | undefined;
}

/** Of anything: what an API server has checked by its schema, and what somebody else sent. */
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce((found, name) => (isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined), value);

const members = (value: unknown): readonly (readonly [string, unknown])[] =>
  isObject(value) ? Object.entries(value) : [];

const elements = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function templateProblem(name: string, text: string): string | undefined {
  try {
    compile(name, text);
    return undefined;
  } catch (error) {
    if (error instanceof TemplateError) return saidOf(error, text);
    throw error;
  }
}

function patternProblem(compiling: (source: string) => unknown, source: string): string | undefined {
  try {
    compiling(source);
    return undefined;
  } catch (error) {
    if (error instanceof ProviderProblem) return error.message;
    throw error;
  }
}

function* templates(path: string, found: Iterable<readonly [key: string, name: string, text: unknown]>) {
  for (const [key, name, text] of found) {
    if (typeof text === 'string') yield { path: `${path}${key}`, problem: () => templateProblem(name, text) };
  }
}

function* pattern(path: string, source: unknown, compiling: (source: string) => unknown): Generator<Piece> {
  if (typeof source === 'string' && source !== '') yield { path, problem: () => patternProblem(compiling, source) };
}

const TEXTS = [['data'], ['metadata', 'labels'], ['metadata', 'annotations']] as const;

function* ofTemplate(path: string, template: unknown): Generator<Piece> {
  for (const part of TEXTS) {
    const texts = members(at(template, ...part)).map(([key, text]) => [`[${key}]`, key, text] as const);
    yield* templates([path, ...part].join('.'), texts);
  }
  const from = elements(at(template, 'templateFrom'));
  const literals = from.map((each, i) => [`[${String(i)}].literal`, LITERAL, at(each, 'literal')] as const);
  yield* templates(`${path}.templateFrom`, literals);
}

function* ofRewrites(path: string, rewrites: unknown): Generator<Piece> {
  for (const [i, each] of elements(rewrites).entries()) {
    const own = `${path}[${String(i)}]`;
    yield* pattern(`${own}.regexp.source`, at(each, 'regexp', 'source'), (source) => rewritePattern({ source }));
    yield* templates(own, [['.transform.template', TRANSFORM, at(each, 'transform', 'template')]]);
  }
}

function* ofExternalSecret(path: string, spec: unknown): Generator<Piece> {
  yield* ofTemplate(`${path}.target.template`, at(spec, 'target', 'template'));
  for (const [i, each] of elements(at(spec, 'dataFrom')).entries()) {
    const own = `${path}.dataFrom[${String(i)}]`;
    yield* pattern(`${own}.find.name.regexp`, at(each, 'find', 'name', 'regexp'), namePattern);
    yield* ofRewrites(`${own}.rewrite`, at(each, 'rewrite'));
  }
}

function* ofPushSecret(path: string, spec: unknown): Generator<Piece> {
  yield* ofTemplate(`${path}.template`, at(spec, 'template'));
  for (const [i, each] of elements(at(spec, 'dataTo')).entries()) {
    const own = `${path}.dataTo[${String(i)}]`;
    yield* pattern(`${own}.match.regexp`, at(each, 'match', 'regexp'), matchPattern);
    yield* ofRewrites(`${own}.rewrite`, at(each, 'rewrite'));
  }
}

type Pieces = (spec: unknown) => Iterable<Piece>;

const within =
  (field: string, pieces: (path: string, spec: unknown) => Iterable<Piece>): Pieces =>
  (spec) =>
    pieces(`spec.${field}`, at(spec, field));

/** Whose objects hold templates, and where. */
export const LOOKED_AT = [
  { definition: externalSecret, pieces: (spec: unknown) => ofExternalSecret('spec', spec) },
  { definition: clusterExternalSecret, pieces: within('externalSecretSpec', ofExternalSecret) },
  { definition: pushSecret, pieces: (spec: unknown) => ofPushSecret('spec', spec) },
  { definition: clusterPushSecret, pieces: within('pushSecretSpec', ofPushSecret) },
] as const;

const BY_KIND: ReadonlyMap<string, Pieces> = new Map(
  LOOKED_AT.map(({ definition: { group, kind }, pieces }) => [`${group} ${kind}`, pieces]),
);

/** Of a kind that holds none: nothing. They are found one by one, so that whoever looks may stop. */
export const piecesOf = ({ group, kind }: { readonly group: string; readonly kind: string }, spec: unknown) =>
  BY_KIND.get(`${group} ${kind}`)?.(spec) ?? [];
