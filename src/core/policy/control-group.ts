/**
 * `control_group` of a policy document: whose approval a request needs before it is done. What is not understood, and what
 * nobody would have to approve, is refused: it would leave the path open.
 */
import { durationSeconds } from '../../lib/duration.ts';
import { blocksOf, HclError, type Attribute, type Block, type Body } from '../../lib/hcl/index.ts';
import { didYouMean } from '../../lib/suggest.ts';
import { capabilities, capabilitySet, has, isCapability, namesOf, type CapabilitySet } from './capability.ts';

/** Some approvals by members of some groups. */
export interface ControlFactor {
  readonly name: string;
  /** Names and ids mean groups of the policy's own namespace, never groups of the same name elsewhere. */
  readonly groupNames: readonly string[];
  readonly groupIds: readonly string[];
  /** Of that many different entities; at least one. */
  readonly approvals: number;
  /** Operations that need it; all of the path where none is named. */
  readonly capabilities: CapabilitySet;
  /** Whether the approval of who asks counts too. */
  readonly selfAllowed: boolean;
  /** The path of the policy's namespace, once it is compiled; empty for the root one. */
  readonly namespace: string;
}

export interface ControlGroup {
  /** Seconds that the request waits at most; absent where no document says. */
  readonly ttl?: number;
  /** All of them must be met. */
  readonly factors: readonly ControlFactor[];
}

const groupKeys = ['ttl', 'self_auth_allowed', 'factor'] as const;
const factorKeys = ['controlled_capabilities', 'identity'] as const;
const identityKeys = ['group_names', 'group_ids', 'approvals'] as const;

/** More would be no rule that anybody can read. */
const MOST_FACTORS = 32;
const MOST_GROUPS = 64;
const MOST_APPROVALS = 100;

/** Undefined when the document does not say. `granted`: what the path's stanza grants. Throws HclError. */
export function parseControlGroup(body: Body, path: string, granted: CapabilitySet): ControlGroup | undefined {
  const [block, second] = blocksOf(body, 'control_group');
  if (block === undefined) return undefined;
  const where = `path "${path.slice(0, 128)}": control_group`;
  if (second !== undefined) throw new HclError(second.position, `${where} is set twice`);
  refuseUnknown(block.body, groupKeys, where);
  const ttl = read(block.body, 'ttl', (value) => durationSeconds(value, 'ttl'), where);
  const self = read(block.body, 'self_auth_allowed', asBoolean, where) ?? false;
  const blocks = blocksOf(block.body, 'factor', 1);
  if (blocks.length === 0) throw new HclError(block.position, `${where}: it needs at least one factor "name" { … }`);
  if (blocks.length > MOST_FACTORS) {
    throw new HclError(block.position, `${where}: it has more than ${String(MOST_FACTORS)} factors`);
  }
  const factors = blocks.map((each) => parseFactor(each, { where, granted, self }));
  if (new Set(factors.map(({ name }) => name)).size < factors.length) {
    throw new HclError(block.position, `${where}: two factors have one name`);
  }
  return { factors, ...(ttl === undefined || ttl === 0 ? {} : { ttl }) };
}

interface Place {
  readonly where: string;
  readonly granted: CapabilitySet;
  readonly self: boolean;
}

function parseFactor({ labels: [name = ''], body, position }: Block, place: Place): ControlFactor {
  const where = `${place.where}: factor "${name.slice(0, 64)}"`;
  if (name.trim() === '') throw new HclError(position, `${place.where}: a factor needs a name: factor "name" { … }`);
  refuseUnknown(body, factorKeys, where);
  const [identity, second] = blocksOf(body, 'identity');
  if (identity === undefined) throw new HclError(position, `${where}: it needs identity { … }`);
  if (second !== undefined) throw new HclError(second.position, `${where}: identity is set twice`);
  refuseUnknown(identity.body, identityKeys, where);
  const groups = (key: 'group_names' | 'group_ids') => read(identity.body, key, asTexts, where) ?? [];
  const [groupNames, groupIds] = [groups('group_names'), groups('group_ids')];
  if (groupNames.length + groupIds.length === 0) {
    throw new HclError(identity.position, `${where}: nobody could approve: name groups in group_names or group_ids`);
  }
  if (groupNames.length + groupIds.length > MOST_GROUPS) {
    throw new HclError(identity.position, `${where}: it names more than ${String(MOST_GROUPS)} groups`);
  }
  // Absent or 0, it would be met by nobody's approval (OpenBao issue 3666).
  const approvals = read(identity.body, 'approvals', asApprovals, where);
  if (approvals === undefined) {
    throw new HclError(identity.position, `${where}: approvals is missing: say how many are needed, 1 or more`);
  }
  const controlled = parseCapabilities(body, where, place.granted);
  return { name, groupNames, groupIds, approvals, capabilities: controlled, selfAllowed: place.self, namespace: '' };
}

/** A subset of what the stanza grants, as Vault has it: one that is not was meant for something else. */
function parseCapabilities(body: Body, where: string, granted: CapabilitySet): CapabilitySet {
  const written = read(body, 'controlled_capabilities', asTexts, where) ?? [];
  const position = body.attributes.get('controlled_capabilities')?.position ?? body.position;
  const names = written.map((name) => {
    if (isCapability(name) && name !== 'deny') return name;
    throw new HclError(
      position,
      `${where}: unknown capability \`${name.slice(0, 64)}\`${didYouMean(name, capabilities)}`,
    );
  });
  const beyond = names.find((name) => !has(granted, name));
  if (beyond !== undefined) {
    const grants = namesOf(granted).join(', ');
    throw new HclError(position, `${where}: controlled_capabilities has ${beyond}, the path grants ${grants}`);
  }
  return capabilitySet(names);
}

function refuseUnknown(body: Body, known: readonly string[], where: string): void {
  const named = [...body.attributes].map(([name, { position }]) => ({ name, position }));
  for (const { name, position } of [...named, ...body.blocks.map((each) => ({ ...each, name: each.type }))]) {
    if (known.includes(name)) continue;
    throw new HclError(position, `${where}: unknown key \`${name.slice(0, 64)}\`${didYouMean(name, known)}`);
  }
}

/** `convert` gives undefined, or throws `badRequest`, for what is not as it should be. */
function read<T>(body: Body, name: string, convert: (value: Attribute['value']) => T | undefined, where: string) {
  const block = body.blocks.find(({ type }) => type === name);
  if (block !== undefined) throw new HclError(block.position, `${where}: ${name} must be a plain value, not a block`);
  const attribute = body.attributes.get(name);
  if (attribute === undefined) return undefined;
  const problem = (): HclError => new HclError(attribute.position, `${where}: ${name} must be ${shapes[name] ?? ''}`);
  let converted: T | undefined;
  try {
    converted = convert(attribute.value);
  } catch {
    throw problem();
  }
  if (converted === undefined) throw problem();
  return converted;
}

const shapes: Readonly<Record<string, string>> = {
  ttl: 'a duration such as 4h, or seconds',
  self_auth_allowed: 'true or false',
  group_names: 'a list of strings that are not empty',
  group_ids: 'a list of strings that are not empty',
  approvals: `a whole number from 1 to ${String(MOST_APPROVALS)}`,
  controlled_capabilities: 'a list of strings that are not empty',
};

function asBoolean(value: Attribute['value']): boolean | undefined {
  return typeof value === 'boolean' ? value : value === 'true' ? true : value === 'false' ? false : undefined;
}

function asTexts(value: Attribute['value']): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((each) => typeof each === 'string' && each.trim() !== '');
  return texts.length === value.length ? (texts as readonly string[]) : undefined;
}

function asApprovals(value: Attribute['value']): number | undefined {
  const count = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value;
  const fits = typeof count === 'number' && Number.isSafeInteger(count) && count >= 1 && count <= MOST_APPROVALS;
  return fits ? count : undefined;
}

/** Of two stanzas for one path: all factors, each with its own terms, and the shorter time. */
export function mergeControls(
  one: ControlGroup | undefined,
  other: ControlGroup | undefined,
): ControlGroup | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const ttls = [one.ttl, other.ttl].filter((ttl) => ttl !== undefined);
  return {
    factors: [...one.factors, ...other.factors],
    ...(ttls.length === 0 ? {} : { ttl: Math.min(...ttls) }),
  };
}

/** What of it an operation needs; undefined when that is nothing. `sudo`: it is one for which `sudo` is asked too. */
export function controlOf(
  control: ControlGroup | undefined,
  operation: CapabilitySet,
  sudo: CapabilitySet,
): ControlGroup | undefined {
  if (control === undefined) return undefined;
  const asked = operation | sudo;
  const factors = control.factors.filter((each) => each.capabilities === 0 || (each.capabilities & asked) !== 0);
  return factors.length === 0 ? undefined : { ...control, factors };
}
