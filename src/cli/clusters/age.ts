/** How long ago a moment was, for people: `3d`, `5h`, `2m`, `now`. */
const STEPS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
];

/** Empty for no moment. */
export function ageOf(moment: string | null, now: number): string {
  const then = Date.parse(moment ?? '');
  if (Number.isNaN(then)) return '';
  const passed = Math.max(0, now - then);
  const [unit, length] = STEPS.find(([, each]) => passed >= each) ?? ['', 0];
  return length === 0 ? 'now' : `${String(Math.floor(passed / length))}${unit}`;
}
