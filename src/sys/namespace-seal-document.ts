/** The document that a namespace's seal is asked for by: one `seal` stanza, in HCL or JSON, as OpenBao takes it. */
import { fail } from '../errors.ts';
import { blocksOf, HclError, parseHcl, type Block, type Body } from '../lib/hcl/index.ts';
import type { Split } from '../seal/shamir/shares.ts';

const LONGEST = 16_384;
const NAME = 'seal';
const COUNT = /^[0-9]{1,3}$/;

const wrong = (what: string): Error => fail('badRequest', `invalid seal config: ${what}`);

/** Throws `badRequest` for what is no such document. */
export function readSealDocument(text: string): Split {
  if (text.length > LONGEST) throw wrong(`it has more than ${String(LONGEST)} characters`);
  const stanzas = stanzasOf(text);
  const [stanza] = stanzas;
  if (stanza === undefined || stanzas.length > 1) throw wrong('it must contain exactly one seal stanza');
  if (stanza.labels[0] !== 'shamir') throw wrong('a namespace can have a seal of the type "shamir" alone');
  return readSplit(stanza.body);
}

function stanzasOf(text: string): readonly Block[] {
  try {
    return blocksOf(parseHcl(text, NAME), 'seal', 1);
  } catch (error) {
    if (error instanceof HclError) throw wrong(`unable to parse it: ${error.message}`);
    throw error;
  }
}

function readSplit({ attributes, blocks }: Body): Split {
  const unknown = [...attributes.keys()].find((key) => key !== 'shares' && key !== 'threshold') ?? blocks[0]?.type;
  if (unknown !== undefined) throw wrong(`"${unknown}" is not known: it has "shares" and "threshold"`);
  return { shares: count(attributes.get('shares')?.value), threshold: count(attributes.get('threshold')?.value) };
}

/** 0, which no split has, for what is not given. */
function count(value: unknown): number {
  if (value === undefined) return 0;
  const number = typeof value === 'string' && COUNT.test(value) ? Number(value) : value;
  if (typeof number !== 'number') throw wrong('"shares" and "threshold" must be numbers');
  return number;
}
