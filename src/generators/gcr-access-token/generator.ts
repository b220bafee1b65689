import type { GcpAuthConfig } from '../../providers/gcpsm/config.ts';
import { loginOf } from '../../providers/gcpsm/login.ts';
import { generated } from '../generated.ts';
import type { Generator } from '../contract.ts';

export interface GcrAccessTokenConfig {
  readonly auth: GcpAuthConfig;
  readonly projectID: string;
}

/** A login for registries of images of Google (Artifact Registry, Container Registry): an access token, valid for an hour. */
export const gcrAccessToken: Generator<GcrAccessTokenConfig> = {
  kind: 'GCRAccessToken',
  generate: async ({ auth, projectID }, credentials, signal) => {
    const { token, life } = await loginOf(auth, projectID, credentials)(signal);
    const expiry = String(Math.floor(Date.now() / 1_000) + life);
    return generated({ username: 'oauth2accesstoken', password: token, expiry });
  },
};
