import type { Cursor } from './cursor.ts';
import { isDigit, isWordStart } from './word.ts';

/**
 * `<<EOF` or `<<-EOF` at its first `<`, up to the line that holds nothing but the marker. The value ends with the last
 * newline before that line. As in HCL 1, `<<-` removes the marker line's own indentation, and only if every line has it.
 */
export function scanHeredoc(cursor: Cursor): string {
  const start = cursor.position();
  if (cursor.peek(1) !== 0x3c) throw cursor.error('unexpected <, expected a heredoc: <<EOF', start);
  cursor.offset += 2;
  const indented = cursor.peek() === 0x2d;
  if (indented) cursor.offset += 1;
  const marker = scanMarker(cursor);
  const first = cursor.offset;
  for (let line = first; line <= cursor.text.length;) {
    cursor.newline(line);
    const newline = cursor.text.indexOf('\n', line);
    const end = newline < 0 ? cursor.text.length : newline;
    const indent = markerIndent(cursor.text, line, end, marker);
    if (indent !== undefined) {
      cursor.offset = end;
      const value = cursor.text.slice(first, line);
      return indented ? unindent(value, indent) : value;
    }
    line = end + 1;
  }
  throw cursor.error(`this heredoc has no end: expected a line with ${marker}`, start);
}

/** Reads the marker and the end of its line. */
function scanMarker(cursor: Cursor): string {
  const start = cursor.offset;
  while (isWordStart(cursor.peek()) || isDigit(cursor.peek())) cursor.offset += 1;
  const marker = cursor.text.slice(start, cursor.offset);
  if (cursor.peek() === 0x0d) cursor.offset += 1;
  if (marker === '' || cursor.peek() !== 0x0a) {
    throw cursor.error('a heredoc needs a marker of letters and digits, then a new line: <<EOF');
  }
  cursor.offset += 1;
  return marker;
}

/** The white space before the marker when that line holds nothing else; otherwise undefined. */
function markerIndent(text: string, from: number, to: number, marker: string): string | undefined {
  let start = from;
  while (start < to && (text[start] === ' ' || text[start] === '\t')) start += 1;
  if (!text.startsWith(marker, start)) return undefined;
  let end = start + marker.length;
  while (end < to && text[end] === '\r') end += 1;
  return end === to ? text.slice(from, start) : undefined;
}

function unindent(value: string, indent: string): string {
  if (indent === '' || value === '') return value;
  const lines = value.slice(0, -1).split('\n');
  if (!lines.every((line) => line.startsWith(indent))) return value;
  return `${lines.map((line) => line.slice(indent.length)).join('\n')}\n`;
}
