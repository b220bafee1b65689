/** Conditions in a status (`metav1.Condition` without its generation, as these kinds have it). */
export interface Condition<T extends string = string> {
  readonly type: T;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** With this one in place of its like; the very list that came when nothing is different. */
export function conditionsWith<T extends string>(
  before: readonly Condition<T>[],
  next: Omit<Condition<T>, 'lastTransitionTime'>,
  now: string,
): readonly Condition<T>[] {
  const known = before.find(({ type }) => type === next.type);
  if (known?.status === next.status && known.reason === next.reason && known.message === next.message) return before;
  const since = known?.status === next.status ? known.lastTransitionTime : undefined;
  return [...before.filter(({ type }) => type !== next.type), { ...next, lastTransitionTime: since ?? now }];
}

/** RFC 3339 in whole seconds, as the API server keeps moments. `ms`: since the epoch. */
export const momentOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
