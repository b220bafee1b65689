/** GeneralName (RFC 5280, section 4.2.1.6) as its bytes have it: the forms that clients are known by. */
import { fromBER, type BaseBlock } from 'asn1js';
import { CertificateRefused } from './refusal.ts';

export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly text: string }
  /** An address, or in a constraint an address and its mask. */
  | { readonly kind: 'address'; readonly bytes: Uint8Array }
  | { readonly kind: 'other' };

const TEXTS: Readonly<Record<number, 'email' | 'dns' | 'uri'>> = { 1: 'email', 2: 'dns', 6: 'uri' };
const ADDRESS = 7;
const CONTEXT = 3;

export interface Block {
  /** Of the context-specific class; undefined for any other. */
  readonly tag: number | undefined;
  readonly children: readonly Block[];
  readonly bytes: Uint8Array;
}

function blockOf(node: BaseBlock): Block {
  const { tagClass, tagNumber } = node.idBlock;
  const { value } = node.valueBlock as { readonly value?: readonly BaseBlock[] };
  const { valueHexView } = node.valueBlock as { readonly valueHexView?: Uint8Array };
  return {
    tag: tagClass === CONTEXT ? tagNumber : undefined,
    children: Array.isArray(value) ? value.map(blockOf) : [],
    bytes: valueHexView ?? new Uint8Array(),
  };
}

/** All of it, as one value. Throws `CertificateRefused`. */
export function parseBlock(der: Uint8Array): Block {
  const { offset, result } = fromBER(der);
  if (offset !== der.length) throw new CertificateRefused('malformed', 'an extension is no DER');
  return blockOf(result);
}

/** Throws `CertificateRefused` for what no name of that form has: a NUL or a line end ends names where they are compared. */
export function checkedText(text: string): string {
  if (/[\u0000-\u001f\u007f-\u009f\ufffd]/.test(text)) {
    throw new CertificateRefused('name', 'a name has control characters');
  }
  return text;
}

function ia5(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 0x7f)) throw new CertificateRefused('name', 'a name is not in ASCII');
  return checkedText(Buffer.from(bytes).toString('latin1'));
}

export function generalNameOf({ tag, bytes }: Block): GeneralName {
  const kind = tag === undefined ? undefined : TEXTS[tag];
  if (kind !== undefined) return { kind, text: ia5(bytes) };
  return tag === ADDRESS ? { kind: 'address', bytes } : { kind: 'other' };
}
