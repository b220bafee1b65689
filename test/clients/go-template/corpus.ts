/** Templates to render by Go and by us: drawn from a seed, and by hand where engines differ most. */
import { Draw } from '../../../src/lib/draw.testing.ts';
import { argumentsOf, drawnByTime } from './arguments.ts';
import { byHand } from './by-hand.ts';

export interface Rendering {
  readonly template: string;
  readonly data: unknown;
}

export const data = {
  a: 'Ada Lovelace',
  e: '',
  u: 'héllo wörld ✓',
  n: 42,
  f: 2.5,
  t: true,
  nil: null,
  l: ['b', 'a', 1, null, 'c'],
  m: { k: 'v', n: 7, in: { deep: ['x', { y: 'z' }] }, z: null },
  w: 'fooBar HTTPServer-v2_x 10 ',
};

const strings = [
  ...[
    '""',
    '"a"',
    '"foo bar"',
    '"Hello, World"',
    '`raw "x"`',
    '"é✓"',
    '"a,b,,c"',
    '","',
    '" "',
    '"10"',
    '"-3"',
    '"0x1f"',
  ],
  ...[
    '"1.5"',
    '"true"',
    '"a.b-c_d"',
    '"fooBarBaz"',
    '"line\\nline"',
    '"<b>&\\"\'"',
    '"\\x00\\xff"',
    '"[a-z]+"',
    '"(o)(.)"',
  ],
  ...[
    '"$1-$2"',
    '"/a/../b/c.txt"',
    '"YWJj"',
    '"MFRGG==="',
    '"{\\"a\\":[1,2.5,null]}"',
    '"%d %s"',
    '"  pad  "',
    '"aaa"',
  ],
];
const numbers = ['0', '1', '2', '-1', '3', '10', '1.5', '-0.1', '1e3', '0.1', '2.0', "'a'", '0x10', '0b11', '1_000'];
const others = [
  ...[
    'true',
    'false',
    'nil',
    '.',
    '$',
    '.a',
    '.e',
    '.u',
    '.n',
    '.f',
    '.t',
    '.nil',
    '.l',
    '.m',
    '.w',
    '.m.k',
    '.m.in',
    '.m.z',
    '.x',
  ],
  ...['(list)', '(list 1 2 3)', '(list "b" "a" "b")', '(list 1 "a" nil 2.5)', '(dict)', '(dict "a" 1 "b" (list 1))'],
  ...[
    '(dict "k" "v" "m" (dict "x" "y"))',
    '(splitList "," "c,a,b")',
    '(until 4)',
    '(int64 5)',
    '(split "." "a.b")',
    '(rest (list))',
  ],
];

interface Signature {
  readonly params: readonly string[];
  readonly variadic: string | undefined;
}
type Functions = Readonly<Record<string, Signature>>;

const lists = others.filter((value) => /^\((list|splitList|until|rest)/.test(value));
const byType: Readonly<Record<string, readonly string[]>> = {
  string: [...strings, '.a', '.u', '.w', '.m.k'],
  int: ['0', '1', '2', '3', '5', '10', '-1', '-2', '7', '20'],
  float64: ['0.5', '0.1', '1'],
  bool: ['true', 'false', '.t'],
  dict: [...others.filter((value) => value.startsWith('(dict')), '.m', '.m.in'],
  any: [...strings, ...numbers, ...numbers, ...others, ...lists, ...lists],
};

class ValueDraw extends Draw {
  value(): string {
    return this.of([strings, strings, numbers, others])[0] === '0'
      ? this.of(numbers)
      : this.of([...strings, ...others]);
  }

  values(most: number): string {
    return Array.from({ length: this.below(most + 1) }, () => this.value()).join(' ');
  }

  /** An argument of the type that a function asks for, now and then of another. */
  typed(param: string): string {
    if (this.below(12) === 0) return this.value();
    return this.of(byType[param] ?? [...strings, ...numbers, ...others]);
  }

  arguments({ params, variadic }: Signature): string {
    const rest = variadic === undefined ? [] : Array.from({ length: this.below(4) }, () => variadic);
    return [...params, ...rest].map((param) => this.typed(param)).join(' ');
  }

  given(name: string, signature: Signature | undefined): string {
    // A map that is put into itself ends Go's process.
    if (name === 'set') return `(dict "a" 1) "k" ${this.of(numbers)}`;
    if (/merge/i.test(name)) return `(dict "a" 1 "m" (dict "x" 2 "e" "")) ${this.of(byType['dict'] ?? [])}`;
    const narrow = Object.hasOwn(argumentsOf, name) ? argumentsOf[name] : undefined;
    if (narrow !== undefined) return narrow.map((values) => this.of(values)).join(' ');
    return signature !== undefined && this.below(5) > 0 ? this.arguments(signature) : this.values(4);
  }

  call(functions: Functions): string {
    const every = Object.keys(functions).filter((each) => !drawnByTime.has(each));
    // Half of all are those whose arguments are narrow: they have the most of their own to get wrong.
    const name = this.of(this.below(2) === 0 ? Object.keys(argumentsOf) : every.sort());
    const args = this.given(name, functions[name]);
    const shown = this.of(['', '', ' | printf "%v %T"', ' | toJson', ' | quote', ' | print', ' | len']);
    const piped = this.below(4) === 0 ? `${this.value()} | ` : '';
    // Their order is by chance in Go.
    const sorted = name === 'keys' || name === 'values' ? ' | len' : shown;
    return `{{ ${args === '' ? piped : ''}${name} ${args}${sorted} }}`;
  }

  verb(): string {
    const flags = Array.from({ length: this.below(3) }, () => this.of(['+', '-', '#', ' ', '0'])).join('');
    const width = this.of(['', '', '8', '3', '*', '[1]']);
    const precision = this.of(['', '', '.2', '.0', '.', '.*']);
    return `%${flags}${width}${precision}${this.of([...'vvdsqxXobOcUeEfFgGtTbz%'])}`;
  }

  printf(): string {
    const format = Array.from({ length: 1 + this.below(3) }, () => this.verb()).join('|');
    return `{{ printf "${format}" ${this.values(3)} }}`;
  }

  block(functions: Functions, depth: number): string {
    const inner = (): string => (depth > 2 ? this.of(['x', '{{ . }}', ' \n ']) : this.block(functions, depth + 1));
    const open = this.of(['{{', '{{- ']);
    const close = this.of(['}}', ' -}}']);
    switch (this.below(9)) {
      case 0:
        return `${open}if ${this.value()}${close}${inner()}{{else if ${this.value()}}}${inner()}{{else}}${inner()}${open}end${close}`;
      case 1:
        return `${open}with $v := ${this.value()}${close}${inner()}{{ $v }}{{else}}${inner()}{{end}}`;
      case 2:
        return `${open}range $i, $e := ${this.value()}${close}{{ $i }}=${inner()}{{ if eq $i 1 }}{{ ${this.of(['break', 'continue'])} }}{{ end }}{{else}}none{{end}}`;
      case 3:
        return `{{ define "d${this.below(99)}" }}${inner()}{{ end }}`;
      case 4:
        return `{{ block "b${this.below(99)}" ${this.value()} }}${inner()}{{ end }}`;
      case 5:
        return ` text \n${open}/* a comment */${close} more`;
      case 6:
        return `{{ $x := ${this.value()} }}{{ $x = ${this.value()} }}{{ $x }}`;
      case 7:
        return this.printf();
      default:
        return this.call(functions);
    }
  }

  /** A character taken out, or one put in. */
  broken(text: string): string {
    const at = this.below(text.length);
    const put = this.of([...'{}"|$.()=:-\n', '', '', '']);
    return text.slice(0, at) + put + text.slice(at + this.below(2));
  }
}

/** `size` renderings that call `functions`, with arguments that mostly fit. */
export function corpus(functions: Functions, size: number): readonly Rendering[] {
  const draw = new ValueDraw(4711);
  const drawn = Array.from({ length: size }, (_, place) => {
    const kinds = [
      () => draw.call(functions),
      () => draw.printf(),
      () => draw.call(functions) + draw.block(functions, 0),
      () => draw.broken(`a\n${draw.block(functions, 1)}\n${draw.block(functions, 2)}`),
      () =>
        `{{ ${draw.of(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'and', 'or', 'not', 'index', 'slice', 'len', 'html', 'js', 'urlquery', 'print', 'println'])} ${draw.values(3)} }}`,
    ];
    return kinds[place % kinds.length]?.() ?? '';
  });
  return [...byHand, ...drawn].map((template) => ({ template, data }));
}
