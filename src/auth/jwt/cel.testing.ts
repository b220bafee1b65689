/** A mount with CEL roles, for tests of them. */
import assert from 'node:assert/strict';
import { ask } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';
import { methodWithKey } from './mount.testing.ts';

type Body = Readonly<Record<string, unknown>>;

export const MERGE = 'application/merge-patch+json';

/** As `methodWithKey`. */
export async function celMethod(config: Body = {}) {
  const jwt = await methodWithKey(config);
  const { node, token } = jwt;
  const write = (name: string, body: Body): Promise<Outcome> => jwt.at('POST', `cel/role/${name}`, body);
  const patch = (name: string, body: Body, contentType: string = MERGE): Promise<Outcome> =>
    ask(node, 'PATCH', `auth/jwt/cel/role/${name}`, { token, body, contentType });
  /** Of a program that is one expression. */
  const celRole = async (name: string, expression: string, more: Body = {}): Promise<void> => {
    const { status, errors } = await write(name, { cel_program: { expression }, bound_audiences: 'us', ...more });
    assert.equal(status, 200, String(errors));
  };
  const celLogin = (body: Body, address = '127.0.0.1'): Promise<Outcome> =>
    ask(node, 'POST', 'auth/jwt/cel/login', { body, address });
  const celBy = async (name: string, change: object = {}): Promise<Outcome> =>
    celLogin({ role: name, jwt: await jwt.tokenOf(change) });
  /** What the expression gives these claims. */
  const answer = async (expression: string, change: object = {}): Promise<Outcome> => {
    await celRole('tried', expression);
    return celBy('tried', change);
  };
  return { ...jwt, write, patch, celRole, celLogin, celBy, answer };
}
