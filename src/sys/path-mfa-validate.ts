/** `sys/mfa/validate`: the second factor of a login that waits for it. */
import { identityPoliciesOf } from '../core/requests/grants.ts';
import { credentialsIn } from '../core/mfa/credentials.ts';
import type { Node } from '../core/node.ts';
import { authBlock } from '../core/tokens/token.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';

const at = pathsOf<Node>();

const validate = at('mfa/validate', {
  help: 'Finishes a login that needs a second factor.',
  namespaces: true,
  access: 'open',
  fields: {
    mfa_request_id: field.string('As the login was answered.', { default: '' }),
    mfa_payload: field.object('By id or name of an MFA method: a list with the code.', { default: {} }),
  },
  operations: {
    update: {
      summary: 'Finish a login by a second factor',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async ({ services }, values, call) => {
        if (values.mfa_request_id === '')
          throw fail('badRequest', 'missing mfa_request_id: the one that the login answered');
        const credentials = credentialsIn(values.mfa_payload);
        const { id, token } = await services.loginMfa.validate(call, values.mfa_request_id, credentials);
        return { status: 200, auth: authBlock(token, id, identityPoliciesOf(services, token)) };
      },
    },
  },
});

export const mfaValidatePaths = [validate];
