/** `sys/wrapping/…`: replies that wait in a single-use token for whom they are meant. */
import { BAD_WRAPPING_TOKEN } from '../core/wrapping/wrapping.ts';
import { release } from '../core/control/release.ts';
import type { Node } from '../core/node.ts';
import { sentToken } from '../core/requests/sent-token.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const token = field.secret('The wrapping token; the calling one if there is none.');

function wrappingToken(given: string | undefined, call: Call): string {
  const id = given === undefined || given === '' ? call.token : given;
  if (id === undefined) throw fail('badRequest', 'missing "token" value in input');
  return id;
}

const wrap = at('wrapping/wrap', {
  help: 'Wraps the data that it is given.',
  namespaces: true,
  fields: {},
  body: 'anything',
  operations: {
    update: {
      summary: 'Wrap data',
      writes: 'local',
      replies: { 200: 'any' },
      run: (_node, _values, call) => {
        if (call.wrapTtl === 0) throw fail('badRequest', 'endpoint requires response wrapping to be used');
        return reply.ok(call.body);
      },
    },
  },
});

const shown = {
  creation_time: field.time('When it was wrapped.'),
  creation_path: field.string('The path that was asked for.'),
  creation_ttl: field.integer('How long it can be unwrapped, seconds from its creation.'),
};

/** No token is asked for here: the one that was sent counts where it would be one. */
function look({ services }: Node, given: string | undefined, call: Call): Reply {
  const id = wrappingToken(given, call);
  const known = sentToken(services, { ...call.origin, token: call.token }) !== undefined;
  const asking = { namespace: call.namespace, token: known ? call.token : undefined };
  const waiting = services.controls.byToken(id, asking);
  return reply.ok({
    ...(waiting === undefined ? services.wrapping.lookup(id, asking) : services.controls.lookup(waiting)),
  });
}

const lookup = at('wrapping/lookup', {
  help: 'What is known of a wrapped response; it stays wrapped.',
  namespaces: true,
  access: 'open',
  fields: { token },
  operations: {
    read: {
      summary: 'Look the calling wrapping token up',
      writes: 'nothing',
      replies: { 200: shown },
      run: (node, _values, call) => look(node, undefined, call),
    },
    update: {
      summary: 'Look a wrapping token up',
      writes: 'nothing',
      replies: { 200: shown },
      run: (node, values, call) => look(node, values.token, call),
    },
  },
});

const unwrap = at('wrapping/unwrap', {
  help: 'The wrapped response, or that of a request that was approved; once.',
  namespaces: true,
  badToken: BAD_WRAPPING_TOKEN,
  fields: { token },
  operations: {
    update: {
      summary: 'Unwrap',
      writes: 'local',
      replies: { 200: 'any', 204: 'empty', 404: 'any' },
      form: ['application/json'],
      run: async (node, values, call): Promise<Reply> => {
        const { wrapping, controls } = node.services;
        const id = wrappingToken(values.token, call);
        const waiting = controls.byToken(id, call);
        if (waiting !== undefined) return release(node.services, waiting, call);
        const body = id === call.token ? wrapping.unwrapOwn(call.client.tokenKey) : await wrapping.unwrap(id, call);
        return { status: 200, raw: { contentType: 'application/json', body } };
      },
    },
  },
});

const rewrap = at('wrapping/rewrap', {
  help: 'Puts a wrapped response into a new token; the old one ends.',
  namespaces: true,
  fields: { token },
  operations: {
    update: {
      summary: 'Rewrap',
      writes: 'local',
      replies: { 200: 'empty' },
      run: async (node, values, call) => {
        const wrapInfo = await node.services.wrapping.rewrap(wrappingToken(values.token, call), call);
        return { status: 200, wrapInfo };
      },
    },
  },
});

export const wrappingPaths = [wrap, lookup, unwrap, rewrap];
