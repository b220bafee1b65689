/** Every generator that is built in, by its kind. */
import type { Generator } from './contract.ts';
import { acrAccessToken } from './acr-access-token/generator.ts';
import { ecrAuthorizationToken } from './aws/ecr-authorization-token.ts';
import { stsSessionToken } from './aws/sts-session-token.ts';
import { fake } from './fake/generator.ts';
import { gcrAccessToken } from './gcr-access-token/generator.ts';
import { githubAccessToken } from './github-access-token/generator.ts';
import { password } from './password/generator.ts';
import { sshKey } from './ssh-key/generator.ts';
import { uuid } from './uuid/generator.ts';
import { vaultDynamicSecret } from './vault-dynamic-secret/generator.ts';
import { webhook } from './webhook/generator.ts';

/** Configurations are checked by the schema of the kind. */
export const generators: ReadonlyMap<string, Generator<never>> = new Map(
  [
    ...[fake, password, sshKey, uuid, vaultDynamicSecret],
    ...[webhook, acrAccessToken, ecrAuthorizationToken, gcrAccessToken, githubAccessToken, stsSessionToken],
  ].map((each) => [each.kind, each]),
);
