/** Password policies: how long a password is, and of which characters. Documents are those of Vault, HCL or JSON. */
import { fail } from '../../errors.ts';
import { randomIndexes } from '../../lib/crypto/random.ts';
import { blocksOf, HclError, parseHcl, type Attribute, type Body } from '../../lib/hcl/index.ts';

const MAX_BYTES = 64 * 1024;
/** As Vault bounds it. */
const LENGTH = { least: 4, most: 100 } as const;
const MOST_RULES = 32;
/** Characters that are drawn before a policy counts as one that no password meets: at worst some 30 ms, with all rules. */
const MOST_DRAWN = 20_000;

interface CharsetRule {
  readonly characters: ReadonlySet<string>;
  readonly least: number;
}

export interface PasswordPolicy {
  readonly length: number;
  /** Of all rules together, each once. */
  readonly characters: readonly string[];
  readonly rules: readonly CharsetRule[];
}

const refused = (why: string): Error => fail('badRequest', `invalid password policy: ${why}`);

/** Throws `badRequest` that says what is wrong and where. */
export function parsePasswordPolicy(document: string): PasswordPolicy {
  if (Buffer.byteLength(document) > MAX_BYTES) throw refused(`it is larger than ${String(MAX_BYTES)} bytes`);
  try {
    return policyOf(parseHcl(document, 'policy'));
  } catch (error) {
    if (error instanceof HclError) throw refused(error.message);
    throw error;
  }
}

function policyOf(body: Body): PasswordPolicy {
  onlyKnown(body, ['length'], ['rule']);
  const length = whole(body.attributes.get('length'), 'length', 0);
  if (length < LENGTH.least || length > LENGTH.most) {
    throw fail('badRequest', `passwords must be between ${String(LENGTH.least)} and ${String(LENGTH.most)} characters`);
  }
  const rules = blocksOf(body, 'rule', 1).map(({ labels: [kind = ''], body: rule, position }) => {
    if (kind !== 'charset') throw new HclError(position, `unrecognized rule type ${kind.slice(0, 64)}: it is charset`);
    return ruleOf(rule);
  });
  if (rules.length > MOST_RULES) throw refused(`it has more than ${String(MOST_RULES)} rules`);
  const characters = [...new Set(rules.flatMap((rule) => [...rule.characters]))];
  if (characters.length === 0) throw refused('no charset specified');
  const least = rules.reduce((sum, rule) => sum + rule.least, 0);
  if (least > length) {
    throw refused(`specified rules require at least ${String(least)} characters but ${String(length)} is specified`);
  }
  return { length, characters, rules };
}

function ruleOf(body: Body): CharsetRule {
  onlyKnown(body, ['charset', 'min-chars'], []);
  const charset = body.attributes.get('charset');
  if (typeof charset?.value !== 'string')
    throw new HclError(charset?.position ?? body.position, 'charset must be text');
  const least = whole(body.attributes.get('min-chars'), 'min-chars', 0);
  // By code point, as Vault counts characters.
  return { characters: new Set(charset.value), least };
}

function whole(attribute: Attribute | undefined, name: string, fallback: number): number {
  if (attribute === undefined) return fallback;
  const { value, position } = attribute;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new HclError(position, `${name} must be a whole number, 0 or more`);
}

/** What is left out in silence would make weaker passwords than its author thinks. */
function onlyKnown(body: Body, attributes: readonly string[], blocks: readonly string[]): void {
  for (const [name, { position }] of body.attributes) {
    if (!attributes.includes(name)) throw new HclError(position, `unknown key \`${name.slice(0, 64)}\``);
  }
  for (const { type, position } of body.blocks) {
    if (!blocks.includes(type)) throw new HclError(position, `unknown block \`${type.slice(0, 64)}\``);
  }
}

function meets(drawn: readonly string[], rules: readonly CharsetRule[]): boolean {
  return rules.every(({ characters, least }) => {
    if (least === 0) return true;
    let found = 0;
    for (const each of drawn) if (characters.has(each)) found += 1;
    return found >= least;
  });
}

/**
 * A password, each that meets the rules equally likely: what does not meet them is drawn anew. Throws `badRequest` where
 * too few would.
 */
export function generatePassword({ length, characters, rules }: PasswordPolicy): string {
  for (let drawnSoFar = 0; drawnSoFar < MOST_DRAWN; drawnSoFar += length) {
    const drawn = randomIndexes(characters.length, length).map((at) => characters[at] ?? '');
    if (meets(drawn, rules)) return drawn.join('');
  }
  throw fail('badRequest', 'too few passwords meet the rules: ask for fewer min-chars, or for a longer password');
}
