/** What an API server says of an object that it does not take, without the values that it repeats. */
import { KubernetesProblem } from '../../kube/problem.ts';

const BAD_REQUEST = 400;
const UNPROCESSABLE = 422;

/** Names are no secrets: those of fields that the kind has not. */
const unknownIn = (message: string): readonly string[] =>
  [...message.matchAll(/unknown field "([A-Za-z0-9_.[\]-]{1,200})"/g)].map(([, name = '']) => name);

/** `what`: the object, as `the Secret "db"`. */
export function withoutContent(error: unknown, what: string): unknown {
  if (!(error instanceof KubernetesProblem)) return error;
  const { status, fields, message } = error;
  if (status !== BAD_REQUEST && status !== UNPROCESSABLE) return error;
  const unknown = unknownIn(message);
  const named = [...new Set(fields)].join(', ');
  const why =
    unknown.length > 0 ? `there is no field ${unknown.join(', ')}` : `${named === '' ? 'it' : named} is not valid`;
  return new KubernetesProblem(`the API server does not take ${what}: ${why}`, { status });
}
