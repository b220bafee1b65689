/** A CEL role: a program decides from a token's claims who logs in, and what they get. */
import { fail } from '../../errors.ts';
import { field, isObject, type JsonObject, type Values } from '../../framework/field.ts';
import type { Compartment, LoginTerms } from '../../framework/plugin.ts';
import { decodeRecord, recordAt } from '../../lib/record.ts';
import type { Page } from '../../storage/store.ts';
import { markedName } from './cel-name.ts';
import { programs, type Program, type Runnable } from './cel-program.ts';
import type { JwtRole } from './role.ts';

export interface CelRole extends Pick<JwtRole, 'boundAudiences' | 'leeways'> {
  readonly program: Program;
  /** Kept and shown, as upstream; no login is told it. */
  readonly message: string;
}

export const celRolesPrefix = 'cel/role/';

const keyOf = (name: string): string => celRolesPrefix + name.toLowerCase();

export const readCelRole = (from: Pick<Compartment, 'get'>, name: string): CelRole | undefined =>
  recordAt<CelRole>(from, keyOf(name));

export interface RunnableRole {
  readonly name: string;
  readonly role: CelRole;
  readonly runnable: Runnable;
}

/** `name`: in lower case. Its program is not compiled before it runs. Throws `badRequest`. */
export function mustReadCelRole(from: Pick<Compartment, 'kept'>, name: string): RunnableRole {
  if (name === '') throw fail('badRequest', 'missing role');
  const found = from.kept(keyOf(name), decodeRunnable);
  if (found === undefined) throw fail('badRequest', `role "${name.slice(0, 128)}" could not be found`);
  return { name, ...found };
}

function decodeRunnable(bytes: Uint8Array, key: string): Omit<RunnableRole, 'name'> {
  const role = decodeRecord<CelRole>(bytes, key);
  return { role, runnable: programs.of(role.program) };
}

export const celRoleFields = {
  cel_program: field.object('The program: expression, and variables, each with name and expression, in that order.'),
  message: field.string('What the role is for. No login is told it.'),
  bound_audiences: field.list('One of them must be an audience of the token.'),
  expiration_leeway: field.signedDuration('How long a token without exp is good; 0 is 150 s, a negative one none.'),
  not_before_leeway: field.signedDuration('How long before exp a token without nbf and iat is good; 0 is 150 s.'),
  clock_skew_leeway: field.signedDuration('For clocks that differ; 0 is 60 s, a negative one none.'),
};

export type GivenCelRole = Values<typeof celRoleFields>;

/** As upstream shows them where none were given. */
const LEEWAYS = { clockSkew: 60, expiration: 150, notBefore: 150 };

function textAt(raw: JsonObject, name: string, where: string): string {
  const { [name]: value = '' } = raw;
  if (typeof value !== 'string') throw fail('badRequest', `field "${where}.${name}": expected a string`);
  return value;
}

/** Throws `badRequest` for members that are none: a misspelt one must not be left out in silence. */
function checkMembers(raw: JsonObject, members: readonly string[], where: string): void {
  const other = Object.keys(raw).find((each) => !members.includes(each));
  if (other === undefined) return;
  throw fail('badRequest', `field "${where}": unknown "${other.slice(0, 128)}", it has ${members.join(' and ')}`);
}

function variablesOf(raw: unknown): Program['variables'] {
  if (raw === undefined || raw === null) return [];
  if (!Array.isArray(raw)) throw fail('badRequest', 'field "cel_program.variables": expected a list of objects');
  return raw.map((each: unknown, index) => {
    const where = `cel_program.variables[${String(index)}]`;
    if (!isObject(each)) throw fail('badRequest', `field "${where}": expected an object`);
    checkMembers(each, ['name', 'expression'], where);
    return { name: textAt(each, 'name', where), expression: textAt(each, 'expression', where) };
  });
}

function programOf(raw: JsonObject): Program {
  checkMembers(raw, ['expression', 'variables'], 'cel_program');
  const { expression = '', variables } = raw;
  if (expression === null || expression === '') throw fail('badRequest', 'cel_program.expression cannot be empty');
  if (typeof expression !== 'string') throw fail('badRequest', 'field "cel_program.expression": expected a string');
  return { expression, variables: variablesOf(variables) };
}

/** A whole role: what is not given has its default. Throws `badRequest`. */
export function newCelRole(given: GivenCelRole): CelRole {
  if (given.cel_program === undefined) throw fail('badRequest', "missing required field 'cel_program'");
  return {
    program: programOf(given.cel_program),
    message: given.message ?? '',
    boundAudiences: given.bound_audiences ?? [],
    leeways: {
      clockSkew: given.clock_skew_leeway ?? LEEWAYS.clockSkew,
      expiration: given.expiration_leeway ?? LEEWAYS.expiration,
      notBefore: given.not_before_leeway ?? LEEWAYS.notBefore,
    },
  };
}

/** `body` over the role, by RFC 7396: null gives a default back, and a program is merged. Throws `badRequest`. */
export function patchedCelRole(before: CelRole, given: GivenCelRole, body: JsonObject): CelRole {
  const kept = <T>(name: keyof GivenCelRole, value: T | undefined, was: T): T | undefined =>
    body[name] === null ? undefined : (value ?? was);
  if (body['cel_program'] === null) throw fail('badRequest', 'cel_program.expression cannot be empty');
  return newCelRole({
    cel_program: { ...shownProgram(before.program), ...given.cel_program },
    message: kept('message', given.message, before.message),
    bound_audiences: kept('bound_audiences', given.bound_audiences, before.boundAudiences),
    clock_skew_leeway: kept('clock_skew_leeway', given.clock_skew_leeway, before.leeways.clockSkew),
    expiration_leeway: kept('expiration_leeway', given.expiration_leeway, before.leeways.expiration),
    not_before_leeway: kept('not_before_leeway', given.not_before_leeway, before.leeways.notBefore),
  });
}

const shownProgram = ({ expression, variables }: Program): JsonObject =>
  variables.length === 0 ? { expression } : { variables, expression };

export const shownCelRole = (role: CelRole, name: string): JsonObject => ({
  bound_audiences: role.boundAudiences,
  cel_program: shownProgram(role.program),
  clock_skew_leeway: role.leeways.clockSkew,
  expiration_leeway: role.leeways.expiration,
  message: role.message,
  name: name.toLowerCase(),
  not_before_leeway: role.leeways.notBefore,
});

/** As `Plugin.logins`: which policies they give, the program alone knows. */
export function celLogins(data: Pick<Compartment, 'list'>, { limit, after }: Page): readonly LoginTerms[] {
  const keys = data.list(celRolesPrefix, after === undefined ? { limit } : { limit, after: keyOf(after) });
  return keys.map((key) => ({
    ...{ name: markedName(key.slice(celRolesPrefix.length)), byProgram: true },
    ...{ policies: [], noDefaultPolicy: true },
  }));
}
