/** `matches`, on RE2: its time grows with the text and the pattern's own size alone, and it pays for both. */
import { library } from './library.ts';
import type { CelFunc } from '@bufbuild/cel';
import type { RE2JS } from 're2js';
import type { Meter } from './meter.ts';

const LONGEST = 256;
/** Instructions that are run for a character in the time of a step. */
const INSTRUCTIONS = 4;
/** To compile an instruction, in steps. */
const COMPILING = 2;
/** Instructions of the patterns that are kept, of all programs of an environment. */
const KEPT = 250_000;
/** Of one pattern, in steps. */
const DEAREST = 5_000;
/** A class of Unicode, in steps. */
const CLASS = 200;

/** Folding the case of a range beyond ASCII takes seconds: each of its characters is looked at. */
const FOLDS = /\(\?[a-zA-Z-]*i/;
const BEYOND_ASCII = /[^\0-\x7f]|\\x|\\[pP]/;

/** What it could take to compile, told from the text alone; a repetition with a count is made as often as it says. */
function dearness(pattern: string): number {
  const classes = pattern.match(/\\[pP]/g)?.length ?? 0;
  const counts = [...pattern.matchAll(/\{(?:\d*,)?(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  return pattern.length + classes * CLASS + (counts * pattern.length) / INSTRUCTIONS;
}

function checkPattern(pattern: string): void {
  if (pattern.length > LONGEST) throw new Error(`a pattern has at most ${String(LONGEST)} characters`);
  if (FOLDS.test(pattern) && BEYOND_ASCII.test(pattern)) {
    throw new Error('a pattern without case (?i) has characters of ASCII alone');
  }
  if (dearness(pattern) > DEAREST) throw new Error('the pattern repeats too much');
}

export class Patterns {
  readonly #kept = new Map<string, RE2JS>();
  #instructions = 0;

  /** One that stands in a program as it is, and is made once. Throws for one that is none. */
  keep(pattern: string): RE2JS {
    const known = this.#kept.get(pattern);
    const compiled = known ?? this.#compile(pattern);
    this.#kept.delete(pattern);
    this.#kept.set(pattern, compiled);
    if (known === undefined) this.#instructions += compiled.programSize();
    for (const [oldest, old] of this.#kept) {
      if (this.#instructions <= KEPT || oldest === pattern) break;
      this.#kept.delete(oldest);
      this.#instructions -= old.programSize();
    }
    return compiled;
  }

  #compile(pattern: string): RE2JS {
    checkPattern(pattern);
    try {
      return library().RE2JS.compile(pattern);
    } catch (error) {
      throw new Error('the pattern is not one that RE2 knows', { cause: error });
    }
  }

  /** What it costs depends on nothing but the two: not on which other programs there are. */
  #run(compiled: RE2JS, text: string, meter: Meter): boolean {
    meter.spend((compiled.programSize() * (1 + text.length)) / INSTRUCTIONS);
    return compiled.matcher(text).find();
  }

  #matches(text: string, pattern: string, meter: Meter): boolean {
    checkPattern(pattern);
    // Before it is compiled, which may fail as late as it likes.
    meter.spend(dearness(pattern));
    const compiled = this.#compile(pattern);
    meter.spend(compiled.programSize() * COMPILING);
    return this.#run(compiled, text, meter);
  }

  functions(meter: Meter): CelFunc[] {
    const { cel } = library();
    const { STRING, BOOL } = cel.CelScalar;
    const matches = (text: string, pattern: string): boolean => this.#matches(text, pattern, meter);
    return [
      cel.celMethod('matches', STRING, [STRING], BOOL, function (pattern) {
        return matches(this, pattern);
      }),
      cel.celFunc('matches', [STRING, STRING], BOOL, matches),
      // By a pattern that stands in the program as it is: see `metered.ts`.
      cel.celFunc('@matches', [STRING, STRING], BOOL, (text, pattern) => this.#run(this.keep(pattern), text, meter)),
    ];
  }
}
