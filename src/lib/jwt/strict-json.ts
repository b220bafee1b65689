/**
 * JSON that nobody reads in two ways: a member twice, or nesting without end, is refused (RFC 8725, section 2.4 has what
 * comes of parsers that differ).
 */

/** `JSON.parse` is left to judge the grammar; this looks at what it lets pass. */
export interface JsonBounds {
  /** UTF-16 units. */
  readonly length: number;
  readonly depth: number;
}

const DEEPEST = 16;

/** An object's members so far, or an array. */
type Level = Set<string> | undefined;

/** The index behind the string that begins at `start`, or -1. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x5c) at += 1;
    else if (unit === 0x22) return at + 1;
  }
  return -1;
}

/** Whether what comes next, but for blanks, is a colon: the string before it is a member's name. */
function isName(text: string, from: number): boolean {
  let at = from;
  while (/[ \t\n\r]/.test(text.charAt(at))) at += 1;
  return text.charAt(at) === ':';
}

function isNewName(text: string, level: Level): boolean {
  const name: unknown = JSON.parse(text);
  if (level === undefined || typeof name !== 'string' || level.has(name)) return false;
  level.add(name);
  return true;
}

function isPlain(text: string, depth: number): boolean {
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at);
    if (sign === '{' || sign === '[') {
      if (levels.length >= depth) return false;
      levels.push(sign === '{' ? new Set() : undefined);
    } else if (sign === '}' || sign === ']') {
      levels.pop();
    } else if (sign === '"') {
      const end = endOfString(text, at);
      if (end < 0) return false;
      if (isName(text, end) && !isNewName(text.slice(at, end), levels.at(-1))) return false;
      at = end - 1;
    }
  }
  return true;
}

/** A JSON object; undefined for all else, and for what is beyond the bounds or names a member twice. */
export function strictObject(
  text: string,
  { length, depth = DEEPEST }: Pick<JsonBounds, 'length'> & Partial<JsonBounds>,
): Readonly<Record<string, unknown>> | undefined {
  if (text.length > length) return undefined;
  try {
    if (!isPlain(text, depth)) return undefined;
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
