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

export { parseTemplate, stringMap } from './template.ts';
