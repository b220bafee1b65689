/** Every built-in plug-in, one line each. Adding one is a folder and a line here. */
import { approle } from './auth/approle/index.ts';
import { aws } from './auth/aws/index.ts';
import { cert } from './auth/cert/index.ts';
import { jwt, oidc } from './auth/jwt/index.ts';
import { kubernetes } from './auth/kubernetes/index.ts';
import { ldap } from './auth/ldap/index.ts';
import { spiffe } from './auth/spiffe/index.ts';
import { userpass } from './auth/userpass/index.ts';
import type { PluginRegistry } from './core/registry-contract.ts';
import { cubbyhole } from './engines/cubbyhole/index.ts';
import { kv } from './engines/kv/index.ts';

export const registry: PluginRegistry = {
  engines: {
    cubbyhole,
    kv,
  },
  auth: {
    approle,
    aws,
    cert,
    jwt,
    kubernetes,
    ldap,
    oidc,
    spiffe,
    userpass,
  },
};
