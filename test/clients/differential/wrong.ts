/** What clients get wrong at an endpoint, one thing at a time: types, unknown, missing and null fields, methods. */
import { isFields, type Fields, type Step } from './step.ts';

export interface Right {
  /** Asked as it should be. */
  readonly step: Step;
  /** What is asked after each of them: what it has done. */
  readonly after?: readonly Step[];
  /** Methods that the path does not have; these are asked without a body. */
  readonly methods?: readonly Step['method'][];
  /** Fields that are left as they are. */
  readonly fixed?: readonly string[];
}

const values: readonly unknown[] = [7, -1, 1.5, 'x', '', true, [], [7, { a: 1 }], {}, { k: 7 }, null];
const bodies: readonly unknown[] = [null, [], ['x'], 'text', 7];

const kindOf = (value: unknown): string => (Array.isArray(value) ? 'list' : typeof value);

/** The right one, then each wrong one with what it has done, and the right one again, so that what follows starts as before. */
export function wrongly({ step, after = [], methods = [], fixed = [] }: Right): readonly Step[] {
  const body: Fields = isFields(step.body) ? step.body : {};
  const names = Object.keys(body).filter((name) => !fixed.includes(name));
  const asked = (each: unknown, wrong: string): readonly Step[] => [
    { ...step, body: each, wrong },
    ...after.map((read): Step => ({ ...read, wrong, follows: true })),
    step,
  ];
  const { body: _, keep: __, ...bare } = step;
  return [
    step,
    ...after,
    ...names.flatMap((name) =>
      values.flatMap((value) => asked({ ...body, [name]: value }, `${kindOf(body[name])} as ${JSON.stringify(value)}`)),
    ),
    ...names.flatMap((name) =>
      asked(Object.fromEntries(Object.entries(body).filter(([each]) => each !== name)), `no ${name}`),
    ),
    ...asked({ ...body, unknown_field: 'x' }, 'an unknown field'),
    ...asked({}, 'no fields'),
    ...bodies.flatMap((each) => asked(each, `a body that is ${JSON.stringify(each)}`)),
    ...methods.map((method): Step => ({ ...bare, method, wrong: 'method' })),
  ];
}
