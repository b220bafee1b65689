/** Which signatures count: none over MD5, SHA-1 or a hash that nobody uses (RFC 8017, RFC 5758, RFC 8410). */
import type { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { fromBER, ObjectIdentifier, type BaseBlock } from 'asn1js';

const STRONG = new Set([
  '1.2.840.113549.1.1.11', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12', // sha384WithRSAEncryption
  '1.2.840.113549.1.1.13', // sha512WithRSAEncryption
  '1.2.840.10045.4.3.2', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3', // ecdsa-with-SHA384
  '1.2.840.10045.4.3.4', // ecdsa-with-SHA512
  '1.3.101.112', // Ed25519
]);
const RSA_PSS = '1.2.840.113549.1.1.10';
const STRONG_HASHES = new Set(['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3']);

const childrenOf = (node: BaseBlock | undefined): readonly BaseBlock[] => {
  const { value } = (node?.valueBlock ?? {}) as { readonly value?: unknown };
  return Array.isArray(value) ? (value as readonly BaseBlock[]) : [];
};

/** RSASSA-PSS-params: the hash stands under [0], and is SHA-1 where it does not. */
function pssHash(parameters: ArrayBuffer | null | undefined): string | undefined {
  if (parameters === null || parameters === undefined) return undefined;
  const hash = childrenOf(fromBER(parameters).result).find(
    ({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 0,
  );
  const [oid] = childrenOf(childrenOf(hash)[0]);
  return oid instanceof ObjectIdentifier ? oid.getValue() : undefined;
}

export function isStrongSignature({ algorithm, parameters }: AlgorithmIdentifier): boolean {
  return algorithm === RSA_PSS ? STRONG_HASHES.has(pssHash(parameters) ?? '') : STRONG.has(algorithm);
}
