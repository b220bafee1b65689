/** A login that needs a second factor: asks for the code, or says how the login is finished. */
import type { Client } from '../client/client.ts';
import type { Envelope } from '../client/envelope.ts';
import { isObject } from '../client/json.ts';
import type { Context } from './context.ts';
import { CommandError, during, exit } from './errors.ts';

interface Method {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** Whoever logs in has no secret of it, and may make one now. */
  readonly enrols: boolean;
}

interface Requirement {
  readonly id: string;
  /** Of each enforcement the methods of which one will do. */
  readonly constraints: readonly (readonly Method[])[];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What the reply to a login asks for; undefined when the login is done. */
export function requirementOf({ auth }: Envelope): Requirement | undefined {
  const asked = auth?.mfa_requirement;
  if (!isObject(asked)) return undefined;
  const constraints = isObject(asked['mfa_constraints']) ? Object.values(asked['mfa_constraints']) : [];
  return {
    id: textOf(asked['mfa_request_id']),
    constraints: constraints.map((each) => {
      const any = isObject(each) && Array.isArray(each['any']) ? each['any'].filter(isObject) : [];
      return any.map(({ id, name, type, self_enrollment_enabled: enrols }) => ({
        ...{ id: textOf(id), name: textOf(name), type: textOf(type) },
        enrols: enrols === true,
      }));
    }),
  };
}

/** Asks for one code of each enforcement, once for each method. */
export async function finishByCode(
  context: Context,
  client: Client,
  { id, constraints }: Requirement,
): Promise<Envelope> {
  const payload: Record<string, readonly string[]> = {};
  for (const [method] of constraints) {
    if (method === undefined) throw new CommandError('Error authenticating: no method could satisfy the server');
    if (method.id in payload) continue;
    if (method.enrols) await enrol(context, client, { request: id, method });
    const called = method.name === '' ? method.id : method.name;
    const code = await context.askHidden(
      `Code of "${called}" (${method.type}, will be hidden): `,
      explained({ id, constraints }),
    );
    payload[method.id] = [code.trim()];
  }
  const body = { mfa_request_id: id, mfa_payload: payload };
  const reply = await during('Error authenticating', client.write('sys/mfa/validate', body));
  if (reply === undefined) throw new CommandError('Error authenticating: the reply is empty', exit.server);
  return reply;
}

/** Makes the secret that is missing and shows it; it is kept once its first code was right. */
async function enrol(
  context: Context,
  client: Client,
  { request, method }: { request: string; method: Method },
): Promise<void> {
  const body = { mfa_request_id: request, mfa_method_id: method.id };
  const reply = await during('Error enrolling', client.write(`identity/mfa/method/${method.type}/self-enroll`, body));
  context.out.note(
    'There is no secret of yours for this second factor yet. Put this one into an authenticator app, then give its code:\n\n' +
      `    ${textOf(reply?.data?.['url'])}\n`,
  );
}

/** For who cannot be asked. */
export function explained({ id, constraints }: Requirement): string {
  const methods = constraints.flatMap(([method]) => (method === undefined ? [] : [method.id]));
  const payload = Object.fromEntries(methods.map((each) => [each, ['<code>']]));
  const enrols = constraints.flatMap(([method]) => (method?.enrols === true ? [method] : []));
  const first = enrols.map(
    (each) =>
      `    lockstep write -field=url identity/mfa/method/${each.type}/self-enroll mfa_request_id=${id} mfa_method_id=${each.id}\n`,
  );
  const json = JSON.stringify({ mfa_request_id: id, mfa_payload: payload });
  return (
    'The login needs a second factor, and nobody can be asked for it here. Within five minutes:\n\n' +
    first.join('') +
    `    echo '${json}' | lockstep write sys/mfa/validate -\n`
  );
}
