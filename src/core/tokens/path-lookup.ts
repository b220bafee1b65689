/** `auth/token/lookup…` and `accessors`: what is known of a token. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { describeToken, type Token } from './token.ts';
import type { TokenAuth } from './token-auth.ts';

const at = pathsOf<TokenAuth>();
/** Each is a record to read. */
const ACCESSORS_AT_ONCE = 200;

/** What Vault answers for a token that is not there: 403 to its holder, so that it logs in again. */
export function found(token: Token | undefined): Token {
  if (token === undefined) throw fail('invalidToken', 'bad token');
  return token;
}

/** The calling token, as it is now. */
export const ownToken = ({ services }: Pick<TokenAuth, 'services'>, { token }: Call): Token =>
  found(token === undefined ? undefined : services.tokens.find(token));

/** Of the namespace that is asked: what belongs to another one is as if it were not there (design rule 31). */
export function tokenIn(
  auth: Pick<TokenAuth, 'services'>,
  { namespace, token: own }: Call,
  id: string,
): Token | undefined {
  const token = auth.services.tokens.find(id);
  return token?.namespace === namespace.id || id === own ? token : undefined;
}

export function foundByAccessor(auth: TokenAuth, { namespace }: Call, accessor: string): Token {
  const token = auth.services.tokens.byAccessor(namespace.id, accessor);
  if (token === undefined) throw fail('badRequest', 'invalid accessor');
  return token;
}

function shown({ services }: TokenAuth, token: Token, id: string): Reply {
  const path = services.namespaces.byId(token.namespace)?.path ?? '';
  // As Vault, which names no root namespace.
  return reply.ok({ ...describeToken(token, id, services.now()), ...(path === '' ? {} : { namespace_path: path }) });
}

const own = (auth: TokenAuth, call: Call): Reply => shown(auth, ownToken(auth, call), call.token ?? '');

const lookUp = (auth: TokenAuth, token: string | undefined, call: Call): Reply =>
  token === undefined || token === '' ? own(auth, call) : shown(auth, found(tokenIn(auth, call, token)), token);

const lookup = at('lookup', {
  help: 'What is known of a token. Without one: of the calling token.',
  fields: { token: field.secret('The token.') },
  operations: {
    read: {
      summary: 'Look a token up',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (auth, { token }, call) => lookUp(auth, token, call),
    },
    update: {
      summary: 'Look a token up',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (auth, { token }, call) => lookUp(auth, token, call),
    },
  },
});

const self = at('lookup-self', {
  help: 'What is known of the calling token.',
  fields: { token: field.secret('Ignored: the calling token is meant.') },
  operations: {
    read: {
      summary: 'Look the calling token up',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (auth, _values, call) => own(auth, call),
    },
    update: {
      summary: 'Look the calling token up',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (auth, _values, call) => own(auth, call),
    },
  },
});

const byAccessor = at('lookup-accessor', {
  help: 'What is known of the token of an accessor; never the token itself.',
  fields: { accessor: field.required(field.string('The accessor.')) },
  operations: {
    update: {
      summary: 'Look a token up by its accessor',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (auth, { accessor }, call) => shown(auth, foundByAccessor(auth, call, accessor), ''),
    },
  },
});

const accessors = at('accessors', {
  help: 'Accessors of all live tokens of the namespace.',
  access: 'root',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List accessors',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Accessors.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) =>
        listed({ read: (page) => services.tokens.accessors(namespace.id, page), atOnce: ACCESSORS_AT_ONCE }, asked),
    },
  },
});

export const lookupPaths = [lookup, self, byAccessor, accessors];
