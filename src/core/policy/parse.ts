/** Policy documents, HCL or JSON, to typed rules. What is not understood is refused: a dropped key could widen a rule. */
import { fail, isLockstepError } from '../../errors.ts';
import { durationSeconds } from '../../lib/duration.ts';
import { blocksOf, HclError, parseHcl, type Attribute, type Block, type Body } from '../../lib/hcl/index.ts';
import { didYouMean } from '../../lib/suggest.ts';
import { capabilities, capabilitySet, has, isCapability, type Capability, type CapabilitySet } from './capability.ts';
import { parseKeysTemplate, type KeysTemplate } from './keys-template.ts';
import { parseControlGroup } from './control-group.ts';
import { parameterRules } from './parameter-rules.ts';
import { parseRulePath } from './rule-path.ts';
import type { Constraints, Rule } from './rule.ts';

/** UTF-8 bytes of one document. */
export const MAX_POLICY_BYTES = 512 * 1024;

const documentKeys = ['name', 'path'] as const;
const ruleKeys = [
  'comment',
  'policy',
  'capabilities',
  'allowed_parameters',
  'denied_parameters',
  'required_parameters',
  'min_wrapping_ttl',
  'max_wrapping_ttl',
  'pagination_limit',
  'list_scan_response_keys_filter_path',
  'expiration',
  'subscribe_event_types',
  'control_group',
] as const;
type RuleKey = (typeof ruleKeys)[number];
/** Keys of Vault and OpenBao that narrow a rule in ways that are not offered here. */
const unsupportedKeys: ReadonlySet<string> = new Set(['mfa_methods']);

/** The form of policies before capabilities. */
const legacy: Readonly<Record<string, readonly Capability[]>> = {
  deny: ['deny'],
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
};

/**
 * The rules of a document, in its order; a path may be written twice (`compile` merges). Throws `badRequest` that says
 * where (`policy:line:column`), which name and what was probably meant.
 */
export function parsePolicy(document: string): readonly Rule[] {
  if (Buffer.byteLength(document) > MAX_POLICY_BYTES) {
    throw fail('badRequest', `failed to parse policy: it is larger than ${MAX_POLICY_BYTES} bytes`);
  }
  try {
    const body = parseHcl(document, 'policy');
    refuseUnknown(body, documentKeys);
    return blocksOf(body, 'path', 1).map(parseRule);
  } catch (error) {
    if (error instanceof HclError) throw fail('badRequest', `failed to parse policy: ${error.message}`);
    throw error;
  }
}

function parseRule(block: Block): Rule {
  const { body } = block;
  return located(block, () => {
    const { path, kind, templated } = parseRulePath(block.labels[0] ?? '');
    refuseUnknown(body, ruleKeys);
    const granted = parseCapabilities(body);
    const comment = read(body, 'comment', text);
    const expiration = read(body, 'expiration', moment);
    return {
      path,
      line: block.position.line,
      kind,
      templated,
      capabilities: granted,
      constraints: has(granted, 'deny') ? {} : parseConstraints(body, path, granted),
      ...(expiration === undefined ? {} : { expiration }),
      ...(comment === undefined ? {} : { comment }),
    };
  });
}

/** Turns a `badRequest` from below into one that says where the block stands. */
function located<T>(block: Block, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isLockstepError(error, 'badRequest')) throw new HclError(block.position, error.message);
    throw error;
  }
}

function refuseUnknown(body: Body, known: readonly string[]): void {
  const named = [
    ...[...body.attributes].map(([name, { position }]) => ({ name, position })),
    ...body.blocks.map(({ type, position }) => ({ name: type, position })),
  ];
  for (const { name, position } of named) {
    if (known.includes(name)) continue;
    if (unsupportedKeys.has(name)) {
      throw new HclError(position, `${name} is not supported: without it the rule would allow more than it says`);
    }
    throw new HclError(position, `unknown key \`${shown(name)}\`${didYouMean(name, known)}`);
  }
}

function parseCapabilities(body: Body): CapabilitySet {
  const attribute = body.attributes.get('capabilities');
  const written = read(body, 'capabilities', texts) ?? [];
  const names = written.map((name) => {
    if (isCapability(name)) return name;
    throw problem(attribute, `unknown capability \`${shown(name)}\`${didYouMean(name, capabilities)}`);
  });
  const old = read(body, 'policy', text) ?? '';
  if (old !== '' && !Object.hasOwn(legacy, old)) {
    const choices = Object.keys(legacy);
    throw problem(body.attributes.get('policy'), `unknown policy \`${shown(old)}\`${didYouMean(old, choices)}`);
  }
  return capabilitySet([...names, ...(old === '' ? [] : (legacy[old] ?? []))]);
}

function parseConstraints(body: Body, path: string, granted: CapabilitySet): Constraints {
  const lowered = read(body, 'required_parameters', texts)?.map((name) => name.toLowerCase());
  const found = {
    allowedParameters: parameterRules(body, 'allowed_parameters'),
    deniedParameters: parameterRules(body, 'denied_parameters'),
    requiredParameters: lowered?.length === 0 ? undefined : lowered,
    minWrappingTtl: read(body, 'min_wrapping_ttl', duration),
    maxWrappingTtl: read(body, 'max_wrapping_ttl', duration),
    paginationLimit: read(body, 'pagination_limit', limit),
    keysFilter: read(body, 'list_scan_response_keys_filter_path', keysFilter),
    subscribeEventTypes: read(body, 'subscribe_event_types', texts),
    controlGroup: parseControlGroup(body, path, granted),
  };
  const { minWrappingTtl = 0, maxWrappingTtl = 0 } = found;
  if (maxWrappingTtl > 0 && maxWrappingTtl < minWrappingTtl) {
    throw problem(body.attributes.get('max_wrapping_ttl'), 'max_wrapping_ttl is less than min_wrapping_ttl');
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Constraints;
}

type Reader<T> = (attribute: Attribute, name: RuleKey) => T;

function read<T>(body: Body, name: RuleKey, reader: Reader<T>): T | undefined {
  const block = body.blocks.find(({ type }) => type === name);
  if (block !== undefined) throw new HclError(block.position, `${name} must be a plain value, not a block`);
  const attribute = body.attributes.get(name);
  return attribute === undefined ? undefined : reader(attribute, name);
}

function text(attribute: Attribute, name: RuleKey): string {
  if (typeof attribute.value === 'string') return attribute.value;
  throw problem(attribute, `${name} must be a string`);
}

function texts(attribute: Attribute, name: RuleKey): readonly string[] {
  const { value } = attribute;
  const strings = Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  if (Array.isArray(value) && strings.length === value.length) return strings;
  throw problem(attribute, `${name} must be a list of strings`);
}

/** Seconds; 0, as in Vault, sets no bound. */
function duration(attribute: Attribute, name: RuleKey): number | undefined {
  const seconds = durationSeconds(attribute.value, name);
  return seconds === 0 ? undefined : seconds;
}

function limit(attribute: Attribute, name: RuleKey): number | undefined {
  const { value } = attribute;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw problem(attribute, `${name} must be a whole number, 0 or more`);
  }
  return value === 0 ? undefined : value;
}

function keysFilter(attribute: Attribute, name: RuleKey): KeysTemplate | undefined {
  const written = text(attribute, name);
  if (written === '') return undefined;
  try {
    return parseKeysTemplate(written);
  } catch (error) {
    throw problem(attribute, `${name}: ${error instanceof Error ? error.message : 'it is no template'}`);
  }
}

/** RFC 3339, or seconds since the epoch; gives milliseconds. */
function moment(attribute: Attribute, name: RuleKey): number {
  const { value } = attribute;
  const ms = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? textMoment(value) : NaN;
  if (Number.isSafeInteger(Math.floor(ms)) && ms >= 0) return Math.floor(ms);
  throw problem(attribute, `${name} must be a moment such as 2030-01-31T00:00:00Z`);
}

function textMoment(value: string): number {
  if (/^\d{1,12}$/.test(value)) return Number(value) * 1000;
  const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;
  return rfc3339.test(value) ? Date.parse(value) : NaN;
}

function problem(attribute: Attribute | undefined, message: string): Error {
  return attribute === undefined ? fail('badRequest', message) : new HclError(attribute.position, message);
}

/** Names come from the network: an error shows only their beginning. */
function shown(name: string): string {
  return name.length <= 64 ? name : `${name.slice(0, 64)}…`;
}
