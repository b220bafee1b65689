/** Templates for consul-template's own package and for ours: each function, with what it likes and what it does not. */

import { ExactNumber } from '../../../src/client/json.ts';

/** What `secret` knows, by path. */
export const secrets = {
  'kv/db': {
    ...{
      user: 'app',
      password: 'p<&>ä"\\',
      port: 5432,
      ratio: 0.5,
      none: null,
      big: new ExactNumber('12345678901234567890'),
      on: true,
    },
    ...{
      zero: 0,
      list: ['x', 'y', 7, 1.5, null, true],
      lines: 'a\n\n b\n',
      json: '{"a":[1,2.5,"x"],"b":{"c":null}}',
    },
    nested: {
      a: { b: 'deep', n: 3 },
      text: 'two\nlines',
      'odd key': 'q"q',
      rows: [{ x: 1 }, { x: 2, y: { z: 'w' } }],
      e: {},
    },
  },
};

const texts = [
  '""',
  '"a"',
  '"Hello wörld"',
  '" a b "',
  '"a,b,,c"',
  '"a=1;b=2;c"',
  '"1"',
  '"-7"',
  '"1.5"',
  '"true"',
  '"x\\ny\\n"',
];
const more = [
  '"aGVsbG8="',
  '"aGVsbG8"',
  '"_-8="',
  '"{\\"a\\":1}"',
  '"a: 1\\nb: [x, 2]"',
  '"[1,2]"',
  '"o\'neil mc-x éa"',
  '"\\xff"',
];
const numbers = [
  '0',
  '1',
  '-3',
  '7',
  '2.5',
  '(parseUint "9")',
  '(parseInt "4")',
  '(sprig_int64 5)',
  '(.port)',
  '"1"',
  'nil',
];
const values = [
  ...[
    '.',
    '.list',
    '.nested',
    '.user',
    '.port',
    '.ratio',
    '.none',
    '.on',
    '.nested.rows',
    '(parseJSON .json)',
    '(loop 3)',
  ],
  ...[
    '(split "," "a,b")',
    '(splitToMap "," "=" "k=v,l=w")',
    '(sprig_list 1 2.5 "x")',
    '(sprig_dict "k" (sprig_list 1 "b"))',
    '.e',
  ],
];

const one = [
  'base64Decode',
  'base64Encode',
  'base64URLDecode',
  'base64URLEncode',
  'md5sum',
  'parseBool',
  'parseFloat',
  'parseInt',
];
const alsoOne = ['parseJSON', 'parseUint', 'sha256Hex', 'toLower', 'toTitle', 'toUpper', 'trimSpace'];
const two = ['trim', 'trimPrefix', 'trimSuffix', 'split', 'in', 'contains', 'hmacSHA256Hex', 'regexMatch'];
const shows = ['toJSON', 'toJSONPretty', 'toUnescapedJSON', 'toUnescapedJSONPretty', 'toYAML', 'toTOML'];
const arithmetic = ['add', 'subtract', 'multiply', 'divide', 'modulo', 'minimum', 'maximum'];

const within = (action: string): string => `{{ with (secret "kv/db").Data }}${action}{{ end }}`;
const pairs = (left: readonly string[], right: readonly string[]): readonly (readonly [string, string])[] =>
  left.flatMap((a) => right.map((b) => [a, b] as const));

export const byFunction: readonly string[] = [
  ...pairs([...one, ...alsoOne], [...texts, ...more, '.user', '.port', '.none']).map(([f, x]) =>
    within(`{{ ${f} ${x} }}`),
  ),
  ...pairs(two, texts).flatMap(([f, x]) => texts.map((y) => within(`{{ ${f} ${x} ${y} }}`))),
  ...pairs(arithmetic, numbers).flatMap(([f, x]) =>
    numbers.map((y) => within(`{{ ${f} ${x} ${y} }} {{ printf "%T" (${f} ${x} ${y}) }}`)),
  ),
  ...pairs(shows, values).map(([f, x]) => within(`{{ ${f} ${x} }}`)),
  ...values.map((x) => within(`{{ ${x} }}|{{ printf "%v %T" ${x} ${x} }}|{{ if ${x} }}y{{ end }}`)),
  ...pairs(values, ['1', '"x"', '7', '1.5', '(parseInt "1")', '.port', '"b"']).flatMap(([l, v]) => [
    within(`{{ in ${l} ${v} }}{{ contains ${v} ${l} }}`),
    within(`{{ containsAny (sprig_list ${v} "q") ${l} }}{{ containsAll (sprig_list ${v} "q") ${l} }}`),
    within(`{{ containsNone (sprig_list ${v} "q") ${l} }}{{ containsNotAll (sprig_list ${v} "q") ${l} }}`),
  ]),
  ...pairs(['-1', '0', '3'], texts).map(([n, x]) => `[{{ indent ${n} ${x} }}]`),
  ...pairs(
    ['.', '-', '=', ';', '""'].map((x) => (x.startsWith('"') ? x : `"${x}"`)),
    texts,
  ).map(([by, x]) => `{{ splitToMap ";" ${by} ${x} }}`),
];

export const byHand: readonly string[] = [
  ...[
    'x',
    '{{ secret }}',
    '{{ secret "kv/other" }}',
    '{{ secret "" }}',
    '{{ (secret "kv/db").Data.user }}',
    '{{ (secret "kv/db").Nope }}',
  ],
  ...[
    '{{ with secret "kv/none" }}{{ .Data.x }}{{ else }}none{{ end }}',
    '{{ range loop 2 }}{{ . }},{{ end }}',
    '{{ range $i, $e := loop 2 5 }}{{ $i }}{{ $e }},{{ end }}',
  ],
  ...[
    '{{ range loop 0 }}a{{ else }}b{{ end }}',
    '{{ loop }}',
    '{{ range loop "3" }}{{ . }}{{ end }}',
    '{{ range loop 1.5 }}{{ end }}',
    '{{ range loop 3 1 }}x{{ end }}',
  ],
  ...[
    '{{ scratch.Set "a" 1 }}{{ scratch.Get "a" }}{{ scratch.Key "a" }}{{ scratch.Key "b" }}',
    '{{ scratch.SetX "a" 1 }}{{ scratch.SetX "a" 2 }}{{ scratch.Get "a" }}',
  ],
  ...[
    '{{ scratch.MapSet "m" "b" 1 }}{{ scratch.MapSet "m" "a" 2 }}{{ scratch.MapSetX "m" "a" 3 }}{{ scratch.MapValues "m" }}',
    '{{ scratch.Set "m" 1 }}{{ scratch.MapSet "m" "a" 2 }}',
  ],
  ...[
    '{{ scratch.MapValues "no" }}',
    '{{ scratch.Get "no" }}',
    '{{ scratch.Nope }}',
    '{{ with $x := scratch }}{{ $x.Set "k" "v" }}{{ $x.Get "k" }}{{ end }}',
  ],
  ...[
    '{{ define "t" }}<{{ . }}>{{ end }}{{ executeTemplate "t" }}{{ executeTemplate "t" 3 }}',
    '{{ executeTemplate "none" }}',
    '{{ define "t" }}{{ .x.y }}{{ end }}{{ executeTemplate "t" 3 }}',
  ],
  ...[
    '{{ define "t" }}x{{ end }}{{ executeTemplate "t" 1 2 }}',
    '{{ define "t" }}a{{ end }}{{ executeTemplate "t" | toUpper }}',
  ],
  ...[
    '{{ mergeMap (parseJSON "{\\"a\\":1,\\"n\\":{\\"x\\":1}}") (parseJSON "{\\"a\\":2,\\"b\\":3,\\"n\\":{\\"x\\":2,\\"y\\":3}}") }}',
  ],
  ...[
    '{{ mergeMapWithOverride (parseJSON "{\\"a\\":1,\\"n\\":{\\"x\\":1}}") (parseJSON "{\\"a\\":2,\\"b\\":3,\\"n\\":{\\"x\\":2,\\"y\\":3}}") }}',
  ],
  ...[
    '{{ mergeMap (parseJSON "{\\"a\\":\\"\\"}") (parseJSON "{\\"a\\":\\"z\\"}") }}',
    '{{ mergeMapWithOverride (parseJSON "{\\"a\\":\\"z\\"}") (parseJSON "{\\"a\\":\\"\\"}") }}',
    '{{ mergeMap 1 2 }}',
  ],
  ...[
    '{{ explodeMap (parseJSON "{\\"a/b\\":1,\\"a/c/d\\":2,\\"e\\":3,\\"f/\\":4}") }}',
    '{{ explodeMap (parseJSON "{\\"a\\":1,\\"a/b\\":2}") }}',
  ],
  ...[
    '{{ join "," (split " " "a b c") }}',
    '{{ join "," (parseJSON "[1]") }}',
    '{{ "a b" | split " " | join "-" }}',
    '{{ replaceAll "a" "b" "banana" }}',
    '{{ replaceAll "" "-" "ab" }}',
  ],
  ...[
    '{{ "foo bar" | regexReplaceAll "(o+)" "<$1>" }}',
    '{{ regexReplaceAll "(" "" "x" }}',
    '{{ regexReplaceAll "(?P<n>a)" "${n}${n}" "banana" }}',
    '{{ regexMatch "(" "x" }}',
  ],
  ...[
    '{{ timestamp "2006" "x" }}',
    '{{ env }}',
    '{{ sprig_upper "a" }}',
    '{{ upper "a" }}',
    '{{ sprig_now }}',
    '{{ sprig_toDate "2006-01-02" "2020-02-03" }}',
    '{{ sprig_ternary 1 2 true }}',
  ],
  ...[
    '{{ range $k, $v := (secret "kv/db").Data }}{{ $k }}={{ $v }};{{ end }}',
    '{{ len (secret "kv/db").Data.list }}',
    '{{ index (secret "kv/db").Data "user" }}',
    '{{ (secret "kv/db").Data.missing }}',
  ],
  ...[
    '{{ eq (secret "kv/db").Data.port "5432" }}',
    '{{ eq (secret "kv/db").Data.port 5432 }}',
    '{{ lt (secret "kv/db").Data.port "6" }}',
    '{{ printf "%s %q %d" (secret "kv/db").Data.port (secret "kv/db").Data.port (secret "kv/db").Data.port }}',
  ],
  ...[
    '{{ sprig_int (secret "kv/db").Data.port }}',
    '{{ sprig_float64 (secret "kv/db").Data.ratio }}',
    '{{ sprig_toString (secret "kv/db").Data.port }}',
    '{{ parseInt (secret "kv/db").Data.port }}',
    '{{ sprig_quote (secret "kv/db").Data.port }}',
  ],
  ...[
    '{{ sprig_toJson (secret "kv/db").Data }}',
    '{{ sprig_default 1 (secret "kv/db").Data.zero }}',
    '{{ sprig_empty (secret "kv/db").Data.zero }}',
    '{{ print (secret "kv/db").Data.port 1 }}',
    '{{ html (secret "kv/db").Data.port }}',
  ],
  ...[
    '{{ parseYAML "a: 1" | toTOML }}',
    '{{ (parseYAML "a: 1\\nb: [x, 2.5, true]").b }}',
    '{{ parseYAML "- 1\\n- x" }}',
    '{{ parseYAML "" }}',
    '{{ parseYAML "a: [" }}',
    '{{ printf "%T" (parseYAML "12") }}',
  ],
  ...[
    '{{ toTOML (parseJSON "{\\"a\\":{\\"b\\":{\\"c\\":1}},\\"z\\":[],\\"y\\":[[1],[2]],\\"m\\":1e20,\\"s\\":1e-7}") }}',
    '{{ toTOML 1 }}',
    '{{ toTOML (parseJSON "{\\"a\\":[1,\\"x\\"]}") }}',
    '{{ toTOML (parseJSON "{\\"a\\":[{\\"b\\":1},{\\"c\\":{\\"d\\":2}}]}") }}',
  ],
];
