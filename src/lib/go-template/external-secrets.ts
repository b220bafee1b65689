/** The functions that External Secrets Operator gives its templates: sprig's, and those for YAML, PEM, PKCS #12, JWK and RSA. */
import type { FunctionMap } from './function.ts';
import { keyFunctions } from './keys.ts';
import { pemFunctions } from './pem.ts';
import { pkcs12Functions } from './pkcs12.ts';
import { hexFunctions } from './sprig/encoding.ts';
import { sprigWith } from './sprig/index.ts';
import { yamlFunctions } from './yaml.ts';

/** Templates may ask for the time and for chance: what they render is kept until the ExternalSecret is due again. */
export const externalSecretsFunctions: FunctionMap = {
  ...sprigWith(Date.now),
  ...hexFunctions,
  ...yamlFunctions,
  ...pemFunctions,
  ...pkcs12Functions,
  ...keyFunctions,
};

/** The engine repeats no value; a template can, by `fail`, and what is said of it is read by more people than the values. */
export const withoutValues = (message: string, values: Iterable<string | Uint8Array>): string =>
  [...values]
    .map((value) => Buffer.from(value).toString('utf8'))
    .filter((text) => text.length > 2)
    .reduce((said, text) => said.replaceAll(text, '…'), message);
