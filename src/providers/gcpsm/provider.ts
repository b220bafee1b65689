/** Google Secret Manager, by its REST API (version 1). */
import { BearerApi } from '../bearer-api.ts';
import { ProviderProblem, type Provider } from '../contract.ts';
import type { GcpsmConfig } from './config.ts';
import { endpointOf } from './endpoints.ts';
import { loginOf } from './login.ts';
import { gcpsmFields } from './metadata.ts';
import { SecretManager } from './secret-manager.ts';
import { WHOM } from './tokens.ts';

const POLICIES = ['LatestOrFail', 'LatestOrFetch'];

function projectOf({ projectID = '', auth }: GcpsmConfig): string {
  const project = projectID === '' ? (auth?.workloadIdentity?.clusterProjectID ?? '') : projectID;
  if (/^[a-z0-9.:-]+$/.test(project)) return project;
  throw new ProviderProblem('invalid', 'projectID is the name or the number of a project: nobody else is asked for it');
}

export const gcpsm: Provider<GcpsmConfig> = {
  type: 'gcpsm',
  capabilities: 'ReadWrite',
  pushMetadata: gcpsmFields,
  connect: (config, credentials) => {
    const { location = '', secretVersionSelectionPolicy: policy = 'LatestOrFail' } = config;
    const project = projectOf(config);
    if (!POLICIES.includes(policy)) {
      throw new ProviderProblem('invalid', `secretVersionSelectionPolicy is one of ${POLICIES.join(', ')}`);
    }
    const api = new BearerApi({
      ...{ whom: WHOM, anywhere: true, login: loginOf(config.auth, project, credentials) },
      codeOf: ({ status }) => (typeof status === 'string' ? status : ''),
      kinds: { FAILED_PRECONDITION: 'unsuitable', INVALID_ARGUMENT: 'invalid', NOT_FOUND: 'unsuitable' },
    });
    const within = location === '' ? `projects/${project}` : `projects/${project}/locations/${location}`;
    return new SecretManager({
      ...{ api, parent: `${endpointOf('secretmanager', location)}/v1/${within}` },
      ...{ regional: location !== '', fetchEnabled: policy === 'LatestOrFetch' },
    });
  },
};
