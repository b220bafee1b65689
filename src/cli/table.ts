const glue = '    ';

/**
 * Columns, aligned by spaces. Cells are trimmed, an empty one is `n/a`, the last column is not padded; a cell may span
 * lines. The widths count characters.
 */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.trim() || 'n/a'));
  const widths: number[] = [];
  for (const row of cells) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, lengthOf(cell))));
  const lines = cells.map((row) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell + pad((widths[at] ?? 0) - lengthOf(cell)))).join(glue),
  );
  return lines.join('\n');
}

/** Columns below headings that are underlined by as many dashes as they have characters. */
export function headedTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return alignColumns([headings, headings.map((heading) => '-'.repeat(lengthOf(heading))), ...rows]);
}

export function keyValueTable(rows: readonly (readonly [string, string])[]): string {
  return headedTable(['Key', 'Value'], rows);
}

/** `=== Data ===`, as wide as `width` where it can be. */
export function centredHeading(title: string, width: number): string {
  const free = width - lengthOf(title) - 2;
  const signs = '='.repeat(free <= 0 ? 2 : Math.ceil(free / 2));
  return `${signs} ${title} ${signs}`;
}

/** In code points, as Go counts runes. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

function pad(count: number): string {
  return ' '.repeat(Math.max(0, count));
}
