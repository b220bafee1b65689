/**
 * The document of a workflow, HCL or JSON: `input { field "<type>" "<name>" { … } }`, `flow "<name>" { request "<name>"
 * { … } }`, `output { data = … }`. Whatever can be judged before it is run is judged when it is written.
 */
import { fail } from '../../errors.ts';
import { blocksOf, HclError, parseHcl, type Block, type Body } from '../../lib/hcl/index.ts';
import { freeValue, type Json } from '../../lib/hcl/free.ts';
import { isOperation, OPERATIONS, isSource, placeOf } from '../../lib/profile/profile.ts';
import type { ProfileBlock, ProfileKind, ProfileRequest } from '../../lib/profile/profile.ts';
import { problemsIn, referenceOf } from '../../lib/profile/sources.ts';
import { INPUT_TYPES, isInputType, problemOfDefault, type InputField } from './input-fields.ts';

/** `env` and `file` read what is the node's: never for a workflow. */
export const WORKFLOW: ProfileKind = {
  outer: 'flow',
  sources: ['request', 'response', 'input', 'cel', 'template'],
};

export interface Workflow {
  /** undefined: it takes no input. */
  readonly input: readonly InputField[] | undefined;
  readonly flows: readonly ProfileBlock[];
  readonly output: { readonly data: Json | undefined } | undefined;
}

/** Characters of a document. */
export const LONGEST_DOCUMENT = 256 * 1024;
const MOST_REQUESTS = 128;
const MOST_FIELDS = 128;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,127}$/;

/** Throws `badRequest` with all problems; none of them repeats a value. */
export function parseWorkflow(text: string): Workflow {
  if (text.length > LONGEST_DOCUMENT) {
    throw fail('badRequest', `a workflow has at most ${String(LONGEST_DOCUMENT)} characters`);
  }
  try {
    const body = parseHcl(text, 'workflow');
    onlyThese(body, 'workflow', ['input', 'flow', 'output']);
    const workflow = { input: inputOf(body), flows: flowsOf(body), output: outputOf(body) };
    const problems = problemsOf(workflow);
    if (problems.length > 0) throw fail('badRequest', `workflow: ${problems.slice(0, 10).join('; ')}`);
    return workflow;
  } catch (error) {
    if (error instanceof HclError) throw fail('badRequest', error.message);
    throw error;
  }
}

/** What nobody reads is a mistake of who wrote it. */
function onlyThese({ attributes, blocks }: Body, what: string, known: readonly string[]): void {
  const unknown = [...attributes.keys(), ...blocks.map(({ type }) => type)].find((name) => !known.includes(name));
  if (unknown !== undefined) throw fail('badRequest', `${what} has no \`${unknown}\`: it has ${known.join(', ')}`);
}

/** At most one block without a label. */
function singleOf(body: Body, type: 'input' | 'output'): Body | undefined {
  const blocks = blocksOf(body, type);
  if (blocks.length > 1) throw fail('badRequest', `workflow: there is at most one \`${type}\``);
  return blocks[0]?.body;
}

/** `flow "a" { … }`, or as JSON has it as well, `{ "type": "a", … }`. */
function namedOf(body: Body, type: string): readonly (readonly [name: string, body: Body])[] {
  const named = (block: Block): boolean => block.labels.length === 0 && block.body.attributes.has('type');
  const first = body.blocks.find((block) => block.type === type);
  if (first === undefined || !named(first)) {
    return blocksOf(body, type, 1).map((block) => [block.labels[0] ?? '', block.body]);
  }
  return blocksOf(body, type).map((block) => {
    const attributes = new Map(block.body.attributes);
    attributes.delete('type');
    return [textOf(block.body, 'type') ?? '', { ...block.body, attributes }];
  });
}

function textOf(body: Body, name: string): string | undefined {
  const value = body.attributes.get(name)?.value;
  return typeof value === 'string' ? value : undefined;
}

const REQUEST_KEYS = ['operation', 'path', 'token', 'data', 'headers', 'when', 'allow_failure'] as const;

function flowsOf(body: Body): readonly ProfileBlock[] {
  return namedOf(body, 'flow').map(([name, inside]) => {
    onlyThese(inside, placeOf(WORKFLOW, name), ['when', 'request']);
    const request = namedOf(inside, 'request').map(([label, its]): ProfileRequest => {
      onlyThese(its, placeOf(WORKFLOW, name, label), REQUEST_KEYS);
      const values = REQUEST_KEYS.map((key) => [key, freeValue(its, [key])] as const);
      return { name: label, ...Object.fromEntries(values.filter(([, value]) => value !== undefined)) };
    });
    return { name, when: freeValue(inside, ['when']), request };
  });
}

function outputOf(body: Body): Workflow['output'] {
  const inside = singleOf(body, 'output');
  if (inside === undefined) return undefined;
  onlyThese(inside, 'output', ['data', 'headers']);
  if (freeValue(inside, ['headers']) !== undefined) {
    throw fail('badRequest', 'output: `headers` is not offered: no reply of `sys/` carries any of one’s own');
  }
  return { data: freeValue(inside, ['data']) };
}

const FIELD_KEYS = ['type', 'name', 'default', 'description', 'required', 'deprecated', 'query', 'allowed_values'];

function inputOf(body: Body): Workflow['input'] {
  const inside = singleOf(body, 'input');
  if (inside === undefined) return undefined;
  onlyThese(inside, 'input', ['field']);
  return inside.blocks.map(fieldOf);
}

/** Type and name are labels or members: `field "string" "x" {}`, `field "x" { type = "string" }`. */
function fieldOf({ labels, body }: Block): InputField {
  onlyThese(body, 'field', FIELD_KEYS);
  const given = { type: textOf(body, 'type'), name: textOf(body, 'name') };
  const left = [...labels];
  const type = given.type ?? left.shift();
  const name = given.name ?? left.shift();
  if (type === undefined || name === undefined || left.length > 0) {
    throw fail('badRequest', 'input: a field has one type and one name: `field "string" "a" { … }`');
  }
  if (!isInputType(type)) {
    throw fail('badRequest', `input: field "${name}" has no such type: it is one of ${INPUT_TYPES.join(', ')}`);
  }
  const allowed = freeValue(body, ['allowed_values']);
  const field: InputField = {
    ...{ name, type, required: freeValue(body, ['required']) === true, fallback: freeValue(body, ['default']) },
    allowed: Array.isArray(allowed) ? (allowed as readonly Json[]) : [],
  };
  const problem = problemOfDefault(field);
  if (problem !== undefined) throw fail('badRequest', `input: \`default\`: ${problem}`);
  return field;
}

const twice = (names: readonly string[]): string | undefined => names.find((name, at) => names.indexOf(name) !== at);

function problemsOf({ input, flows, output }: Workflow): readonly string[] {
  const fields = input === undefined ? undefined : new Set(['path', ...input.map(({ name }) => name)]);
  const problems = [...ofNames(input, flows)];
  const earlier = new Set<string>();
  for (const flow of flows) {
    const judging = { kind: WORKFLOW, fields, earlier };
    problems.push(...problemsIn(flow.when, judging).map((each) => `${placeOf(WORKFLOW, flow.name)}: ${each}`));
    for (const request of flow.request) {
      const place = placeOf(WORKFLOW, flow.name, request.name);
      const inside = [
        ...literals(request),
        ...REQUEST_KEYS.flatMap((key) => problemsIn(request[key], judging).map((each) => `\`${key}\`: ${each}`)),
      ];
      problems.push(...inside.map((each) => `${place}: ${each}`));
      earlier.add(referenceOf(flow.name, request.name));
    }
  }
  const ending = problemsIn(output?.data, { kind: WORKFLOW, fields, earlier });
  return [...problems, ...ending.map((each) => `output: ${each}`)];
}

function ofNames(input: Workflow['input'], flows: readonly ProfileBlock[]): readonly string[] {
  const requests = flows.flatMap(({ name, request }) => request.map((each) => referenceOf(name, each.name)));
  const names = [...flows.map(({ name }) => name), ...flows.flatMap(({ request }) => request.map(({ name }) => name))];
  const fields = ['path', ...(input ?? []).map(({ name }) => name)];
  const bad = names.some((name) => !NAME.test(name));
  const again = twice(flows.map(({ name }) => name)) ?? twice(requests)?.replace(' ', '", "');
  const field = twice(fields);
  return [
    ...(flows.length === 0 ? ['there must be at least one `flow` block'] : []),
    ...(bad ? ['a name begins with a letter or `_`, then letters, digits, `_` and `-`, 128 at most'] : []),
    ...(again === undefined ? [] : [`"${again}" is there twice`]),
    ...(field === undefined
      ? []
      : [`the input has "${field}" twice${field === 'path' ? ': it is the workflow’s own' : ''}`]),
    ...(requests.length > MOST_REQUESTS ? [`it has at most ${String(MOST_REQUESTS)} requests`] : []),
    ...(fields.length > MOST_FIELDS ? [`it takes at most ${String(MOST_FIELDS)} fields`] : []),
  ];
}

/** Of what is written as it is. */
function literals({ operation, path }: ProfileRequest): readonly string[] {
  const known = isSource(operation) || isOperation(operation);
  return [
    ...(known ? [] : [`\`operation\` is not one of ${Object.keys(OPERATIONS).join(', ')}`]),
    ...(path === undefined || path === '' ? ['`path` is missing: where the request goes'] : []),
  ];
}
