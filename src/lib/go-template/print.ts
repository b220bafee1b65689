/** Go's `fmt`: values by verbs. */
import { isSpace, runeAt } from './bytes.ts';
import {
  type Flags,
  formatHex,
  formatInteger,
  formatNumber,
  formatQuoted,
  formatQuotedRune,
  formatRune,
  formatText,
  formatUnicode,
  type IntegerForm,
  noFlags,
  pad,
} from './flags.ts';
import type { Meter } from './meter.ts';
import { FunctionError } from './template-error.ts';
import {
  elementsOf,
  GoBytes,
  GoList,
  GoMap,
  GoObject,
  integerOf,
  isUnsigned,
  kindOf,
  typeOf,
  type Value,
} from './value.ts';

/** `fmt.Sprint` */
export function sprint(values: readonly Value[], meter: Meter): string {
  let out = '';
  let text = true;
  for (const value of values) {
    const isText = kindOf(value) === 'string';
    const shown = sprintValue(value, meter);
    meter.make(shown.length);
    out += !isText && !text ? ` ${shown}` : shown;
    text = isText;
  }
  return out;
}

/** `fmt.Sprintln` */
export function sprintln(values: readonly Value[], meter: Meter): string {
  const shown = values.map((value) => sprintValue(value, meter));
  meter.make(shown.reduce((sum, each) => sum + each.length + 1, 0));
  return `${shown.join(' ')}\n`;
}

/** `%v` */
export function sprintValue(value: Value, meter: Meter): string {
  return typeof value === 'string' ? value : new Printer(meter).print(value, 'v', noFlags());
}

const integerForms: Readonly<Record<string, IntegerForm['base']>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };

export class Printer {
  readonly #meter: Meter;
  /** While a wrong verb is told, values do not print themselves. */
  #erring = false;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** One value by one verb, as `fmt`'s `printArg`. */
  print(value: Value, verb: string, flags: Flags, depth = 0): string {
    this.#meter.within(depth);
    this.#meter.make(Math.max(flags.width ?? 0, flags.precision ?? 0) + 8);
    if (value === null) return this.#nil(verb, flags, depth);
    if (verb === 'T') return formatText(typeOf(value), flags);
    if (verb === 'p') return this.#pointer(value, flags, depth);
    if (typeof value === 'string') return this.#text(value, verb, flags);
    if (typeof value === 'number') return this.#number(value, verb, flags);
    if (typeof value === 'boolean') {
      return 'tv'.includes(verb) ? pad(String(value), flags) : this.#wrong(value, verb, flags);
    }
    const integer = integerOf(value);
    return integer === undefined ? this.#compound(value, verb, flags, depth) : this.#integer(value, verb, flags);
  }

  #nil(verb: string, flags: Flags, depth: number): string {
    if (depth > 0) return flags.sharpV ? 'interface {}(nil)' : '<nil>';
    return verb === 'T' || verb === 'v' ? pad('<nil>', flags) : `%!${verb}(<nil>)`;
  }

  #pointer(value: Value, flags: Flags, depth: number): string {
    const placed = value instanceof GoList || value instanceof GoMap || value instanceof GoBytes;
    if (placed && depth === 0) throw new FunctionError('%p is not offered: a template sees no addresses');
    return this.#wrong(value, 'p', flags);
  }

  #wrong(value: Value, verb: string, flags: Flags): string {
    this.#erring = true;
    const shown = `%!${verb}(${typeOf(value)}=${this.print(value, 'v', flags)})`;
    this.#erring = false;
    return shown;
  }

  #text(value: string, verb: string, flags: Flags): string {
    switch (verb) {
      case 'v':
        return flags.sharpV ? formatQuoted(value, flags) : formatText(value, flags);
      case 's':
        return formatText(value, flags);
      case 'q':
        return formatQuoted(value, flags);
      case 'x':
      case 'X':
        this.#meter.make(4 * value.length);
        return formatHex(value, flags, verb === 'X');
      default:
        return this.#wrong(value, verb, flags);
    }
  }

  /** A text of a type of its own. */
  #named(value: GoObject, verb: string, flags: Flags): string {
    if ('vsxXq'.includes(verb)) return this.#text(value.print(), verb, flags);
    return `%!${verb}(${value.type}=${value.print()})`;
  }

  #number(value: number, verb: string, flags: Flags): string {
    if (verb === 'v') return formatNumber(value, flags, 'g');
    return 'bgGxXfeEF'.includes(verb) ? formatNumber(value, flags, verb) : this.#wrong(value, verb, flags);
  }

  #integer(value: Value, verb: string, flags: Flags): string {
    const number = integerOf(value) ?? 0n;
    if (verb === 'c') return formatRune(number, flags);
    if (verb === 'q') return formatQuotedRune(number, flags);
    if (verb === 'U') return formatUnicode(number, flags);
    const base = integerForms[verb];
    if (base === undefined) return this.#wrong(value, verb, flags);
    const hex = verb === 'v' && flags.sharpV && isUnsigned(value);
    return formatInteger(number, hex ? { ...flags, sharp: true } : flags, { base: hex ? 16 : base, verb });
  }

  #compound(value: Value, verb: string, flags: Flags, depth: number): string {
    if (value instanceof GoBytes) return this.#bytes(value, verb, flags, depth);
    if (value instanceof GoMap) return this.#map(value, verb, flags, depth);
    if (value instanceof GoList) return this.#list(value, verb, flags, depth);
    if (value instanceof GoObject && value.kind === 'string') return this.#named(value, verb, flags);
    if (!(value instanceof GoObject) || this.#erring || !'vsxXq'.includes(verb) || flags.sharpV) {
      throw new FunctionError(`%${verb} of ${typeOf(value)} is not offered`);
    }
    return this.#text(value.print(), verb, flags);
  }

  #bytes(value: GoBytes, verb: string, flags: Flags, depth: number): string {
    if ('sqxX'.includes(verb)) return this.#text(value.bytes, verb, flags);
    const items = elementsOf(value) ?? [];
    const type = depth === 0 ? '[]byte' : '[]uint8';
    return this.#enclosed({ type, flags }, items, (item) => this.print(item, verb, flags, depth + 1));
  }

  #list(list: GoList, verb: string, flags: Flags, depth: number): string {
    if (list.isNil && flags.sharpV) return `${typeOf(list)}(nil)`;
    return this.#enclosed({ type: typeOf(list), flags }, list.items, (item) =>
      this.print(item, verb, flags, depth + 1),
    );
  }

  #map(map: GoMap, verb: string, flags: Flags, depth: number): string {
    const entry = ([key, item]: readonly [string, Value]): string =>
      `${this.print(key, verb, flags, depth + 1)}:${this.print(item, verb, flags, depth + 1)}`;
    return this.#enclosed({ type: typeOf(map), flags, map: true }, map.sorted(), entry);
  }

  #enclosed<T>(
    { type, flags, map = false }: { type: string; flags: Flags; map?: boolean },
    items: readonly T[],
    show: (item: T) => string,
  ): string {
    const parts: string[] = [];
    for (const item of items) {
      const part = show(item);
      this.#meter.make(part.length + 2);
      parts.push(part);
    }
    if (flags.sharpV) return `${type}{${parts.join(', ')}}`;
    return `${map ? 'map' : ''}[${parts.join(' ')}]`;
  }
}

/** `strings.TrimSpace` */
export function trimSpace(text: string): string {
  let start = 0;
  let end = 0;
  let seen = false;
  for (let at = 0; at < text.length;) {
    const { code, width } = runeAt(text, at);
    at += width;
    if (isSpace(code)) {
      if (!seen) start = at;
    } else {
      seen = true;
      end = at;
    }
  }
  return seen ? text.slice(start, end) : '';
}
