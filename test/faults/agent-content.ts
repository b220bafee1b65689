/** A value long enough to be torn, that tells whether it is whole. */
const copies = 4_000;

export function content(n: number): string {
  return String(n).padStart(12, '0').repeat(copies);
}

export function problemOf(text: string): string | undefined {
  const first = text.slice(0, 12);
  if (text.length !== 12 * copies) return `holds ${text.length} bytes`;
  return text === first.repeat(copies) ? undefined : 'is mixed from two contents';
}
