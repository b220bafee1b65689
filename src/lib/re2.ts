/** Patterns that a user supplies run on RE2: their time grows with the text alone, never by backtracking. */
import type * as Re2 from 're2js';
import { onDemand } from './on-demand.ts';

const re2 = onDemand<typeof Re2>(import.meta, 're2js');

const MOST = 4_096;

export interface Pattern {
  /** Whether it matches anywhere. */
  readonly finds: (text: string) => boolean;
  /** Each match in its place: Go's `ReplaceAllString`, with `$1`, `${name}` and `$$`. */
  readonly replace: (text: string, replacement: string) => string;
}

/** Throws an Error that says what is wrong with it. Loaded once a pattern is given: a start without one does not pay for it. */
export function compilePattern(source: string): Pattern {
  if (source.length > MOST) throw new Error(`the pattern has more than ${String(MOST)} characters`);
  const { RE2JS } = re2();
  let compiled: Re2.RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    throw new Error(`"${source}" is no pattern that RE2 knows`, { cause: error });
  }
  return {
    finds: (text) => compiled.matcher(text).find(),
    replace: (text, replacement) => {
      const matcher = compiled.matcher(text);
      let [replaced, from, last] = ['', 0, -1];
      while (matcher.find()) {
        // As Go: an empty match right after another is none, so that `(.*)` matches a text once.
        if (matcher.start() === matcher.end() && matcher.end() === last) continue;
        last = matcher.end();
        replaced += text.slice(from, matcher.start()) + expanded(replacement, matcher);
        from = matcher.end();
      }
      return replaced + text.slice(from);
    },
  };
}

/** `$name` takes as many letters, digits and underscores as follow; a group that is not there is empty. */
function expanded(replacement: string, matcher: Re2.Matcher): string {
  return replacement.replaceAll(
    /\$(?:(\$)|(\w+)|\{(\w+)\})/g,
    (_all, dollar?: string, bare?: string, braced?: string) => {
      if (dollar !== undefined) return '$';
      const name = bare ?? braced ?? '';
      try {
        return matcher.group(/^\d+$/.test(name) ? Number(name) : name) ?? '';
      } catch {
        return '';
      }
    },
  );
}
