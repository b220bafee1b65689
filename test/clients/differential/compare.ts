/** Where two replies to one request differ, one line a place. */
import { isFields, type Reply } from './step.ts';

export interface Difference {
  /** Where in the reply: `status`, or `body.data.keys`. */
  readonly at: string;
  readonly theirs: string;
  readonly ours: string;
}

export function differences(theirs: Reply, ours: Reply): readonly Difference[] {
  if (theirs.status !== ours.status)
    return [{ at: `status ${theirs.status}/${ours.status}`, theirs: told(theirs), ours: told(ours) }];
  return [...inside('body', theirs.body, ours.body)];
}

function told({ status, body }: Reply): string {
  return `${status} ${JSON.stringify(body) ?? ''}`.slice(0, 300);
}

function* inside(at: string, theirs: unknown, ours: unknown): Generator<Difference> {
  if (isFields(theirs) && isFields(ours)) {
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      yield* inside(`${at}.${name}`, theirs[name], ours[name]);
    }
    return;
  }
  const [left, right] = [JSON.stringify(theirs) ?? 'absent', JSON.stringify(ours) ?? 'absent'];
  if (left !== right) yield { at, theirs: left.slice(0, 200), ours: right.slice(0, 200) };
}
