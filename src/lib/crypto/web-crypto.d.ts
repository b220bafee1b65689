/**
 * The names of Web Cryptography (W3C) that `@peculiar/x509` expects to be global, as Node's types have them. Without them
 * its types would quietly become `any`; the browser's own library (`dom`) would let uses of `window` pass everywhere.
 */
import type { webcrypto } from 'node:crypto';

declare global {
  type Crypto = webcrypto.Crypto;
  type CryptoKey = webcrypto.CryptoKey;
  type CryptoKeyPair = webcrypto.CryptoKeyPair;
  type Algorithm = webcrypto.Algorithm;
  type AlgorithmIdentifier = webcrypto.AlgorithmIdentifier;
  type KeyUsage = webcrypto.KeyUsage;
  type EcKeyGenParams = webcrypto.EcKeyGenParams;
  type EcKeyImportParams = webcrypto.EcKeyImportParams;
  type EcdsaParams = webcrypto.EcdsaParams;
  type RsaHashedImportParams = webcrypto.RsaHashedImportParams;
  type BufferSource = webcrypto.BufferSource;
}
