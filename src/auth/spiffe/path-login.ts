/** `login`: an SVID of the trust domain for a token. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import type { Grant } from '../../framework/reply.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import type { SpiffeId } from '../../lib/spiffe/spiffe-id.ts';
import { boundCidrsFor, checkLoginAddress, grantOf } from '../token-fields.ts';
import type { Verifying } from './bundle-source.ts';
import { verifiedToken } from './jwt-svid.ts';
import type { SpiffeMount } from './mount.ts';
import { mustReadRole, type SpiffeRole } from './role.ts';
import { matchesWorkload } from './workload-pattern.ts';

const at = pathsOf<SpiffeMount>();

interface Shown {
  readonly type: 'cert' | 'jwt' | undefined;
  readonly jwt: string;
}

/** A JWT-SVID in the body or, as upstream, in the header `Authorization`; otherwise the certificate of the connection. */
function svidOf(
  { type, jwt }: Shown,
  call: Call,
): { readonly token: string } | { readonly chain: readonly Uint8Array[] } {
  const bearer = call.token?.split('.').length === 3 ? call.token : '';
  const token = jwt === '' ? bearer : jwt;
  if (type === 'jwt' || (type === undefined && token !== '')) {
    if (token === '') throw fail('badRequest', 'missing JWT-SVID: send it as jwt, or as Authorization: Bearer');
    return { token };
  }
  const chain = call.clientCertificates;
  if (chain.length === 0) {
    throw fail('badRequest', 'missing SVID: this connection shows no client certificate; send a JWT-SVID as jwt');
  }
  return { chain };
}

async function byCertificate(chain: readonly Uint8Array[], verifying: Verifying): Promise<SpiffeId> {
  const { verifiedCertificate } = await import('./x509-svid.ts');
  return verifiedCertificate(chain, verifying);
}

async function verified(mount: SpiffeMount, shown: Shown, call: Call): Promise<SpiffeId> {
  const config = mount.mustConfig();
  const svid = svidOf(shown, call);
  const verifying = { config, source: mount.bundles(config, call.now), now: call.now, signal: call.signal() };
  const id = await ('token' in svid ? verifiedToken(svid.token, verifying) : byCertificate(svid.chain, verifying));
  if (id.trustDomain !== config.trustDomain) throw new TokenRefused('subject', 'it is of another trust domain');
  if (id.path === '') throw new TokenRefused('subject', 'it names a trust domain and no workload');
  return id;
}

function grantFor(name: string, role: SpiffeRole, { trustDomain, path }: SpiffeId, address: string): Grant {
  const id = `spiffe://${trustDomain}${path}`;
  const metadata = { spiffe_id: id, workload_id: path.slice(1) };
  return grantOf(role.token, {
    displayName: role.displayName,
    role: name,
    metadata: { ...metadata, role: name },
    alias: { name: id, metadata },
    internal: { role: name },
    boundCidrs: boundCidrsFor(role.token, address),
  });
}

const login = at('login', {
  help: 'Logs in with an SVID: a JWT, or the client certificate of the connection.',
  access: 'open',
  fields: {
    role: field.string('The role.', { default: '' }),
    type: field.enum('Which kind of SVID: by default a JWT where one is sent, else the certificate.', ['cert', 'jwt']),
    jwt: field.secret('The JWT-SVID; without, that of the header Authorization.', { default: '' }),
  },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (mount, { role: asked, type, jwt }, call) => {
        const name = asked.toLowerCase();
        const role = mustReadRole(mount.view.shared, name);
        const { address } = call.client;
        checkLoginAddress(role.token, address);
        const id = await verified(mount, { type, jwt }, call);
        if (!matchesWorkload(role.patterns, id.path)) {
          throw new TokenRefused('claim', 'its workload is not one that the role binds');
        }
        return { status: 200, grant: grantFor(name, role, id, address) };
      },
    },
  },
});

export const loginPaths = [login];
