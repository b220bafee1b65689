/** What functions of a narrow sort are drawn with: any other text they refuse. */

const layouts = [
  ...['"2006-01-02"', '"2006-01-02T15:04:05Z07:00"', '"Mon Jan _2 15:04:05 MST 2006"', '"Monday, 02-Jan-06 3:04:05PM"'],
  ...[
    '"02 Jan 06 15:04 -0700"',
    '"__2 002 2006"',
    '".000 .999 ,00 .000000000"',
    '"3pm 03 5 4 1 2 _2006"',
    '"January Janet Mond MSTX"',
  ],
  ...[
    '"-07 -07:00:00 Z070000 Z0700 Z07"',
    '"15:04:05.999999"',
    '""',
    '"no elements"',
    '"2006-01-02 15:04:05.000 -0700"',
    '"é 2006"',
  ],
];
const texts = [
  ...[
    '"2017-12-31"',
    '"2024-02-29"',
    '"2023-02-29"',
    '"2017-12-31T23:59:59Z"',
    '"2017-12-31T23:59:59+02:00"',
    '"1:02PM"',
  ],
  ...[
    '"Sat Dec  9 15:04:05 PST 2017"',
    '"Sat Dec 9 01:04:05 UTC 2017"',
    '"Sunday, 31-Dec-17 11:04:05PM"',
    '"02 Jan 70 15:04 -0530"',
  ],
  ...[
    '"366 366 2024"',
    '"2017-13-01"',
    '"15:04:05.123456789"',
    '"15:04:05"',
    '"2017-12-31 15:04:05.250 +0000"',
    '""',
    '"x"',
    '"1969-01-01"',
  ],
];
const times = [
  ...['(toDate "2006-01-02" "2017-12-31")', '(toDate "2006-01-02 15:04:05.999 -0700" "2024-02-29 23:59:59.123 +0230")'],
  ...['(toDate "2006" "x")', '(toDate "2006-01-02 MST" "1970-01-01 CET")', '(toDate "2006-01-02" "0001-01-01")'],
];
const moments = [...times, '0', '1700000000', '-1', '(int64 1718000000)', '-62135596800', '253402300800'];
const zones = [
  '"UTC"',
  '"Local"',
  '"Europe/Berlin"',
  '"America/New_York"',
  '"Asia/Kolkata"',
  '"Australia/Sydney"',
  '"no/where"',
  '""',
  '"Asia/Dubai"',
];
const durations = [
  '"1h30m"',
  '"-1.5h"',
  '"90s"',
  '"100ms"',
  '"1us"',
  '"2µs"',
  '"0"',
  '"+3m"',
  '".5s"',
  '"1d"',
  '""',
  '"h"',
  '"9223372036854775807ns"',
  '"10000000h"',
];
const numbers = ['"95"', '"0"', '"-61"', '"x"', '(int64 3600)', '(int64 -1)', '90', '"99999999999999999999"'];
const versions = [
  ...[
    '"1.2.3"',
    '"v1.2.3"',
    '"1.2"',
    '"1"',
    '"1.2.3-alpha.1"',
    '"1.2.3-alpha.beta+build.5"',
    '"0.0.3"',
    '"0.2.4"',
    '"1.2.3-01"',
    '"2.0.0-rc.10"',
  ],
  ...[
    '"2.0.0-rc.2"',
    '"1.2.3+m"',
    '"11.1.0"',
    '"x"',
    '""',
    '"1.2.3.4"',
    '"0.0.0"',
    '"18446744073709551616.0.0"',
    '"3"',
    '"1.9.9"',
  ],
];
const constraints = [
  ...[
    '"^1.2"',
    '"~1.2.3"',
    '">=1.2.3, <2.0.0"',
    '"1.2.x"',
    '"*"',
    '"1.x || 3"',
    '"1.2 - 1.9"',
    '"!=1.2"',
    '">11"',
    '"<= 1.2"',
    '"^0.2.3"',
  ],
  ...[
    '"^0.0.3"',
    '"^0.0"',
    '"^0"',
    '"~0.0.0"',
    '"~>1.2"',
    '"=1.2.3"',
    '">=1.2.3-alpha"',
    '"=> 1.0"',
    '"=<1"',
    '"x"',
    '""',
    '"1.2.3 <2"',
    '"~1.2.3-beta"',
  ],
  ...[
    '"!=1.2.3"',
    '">1.2"',
    '"^1.2.3-alpha.1"',
    '"1.2.3-alpha.1"',
    '"!= 1.x"',
    '"|"',
    '">= 1.0.0 < 3"',
    '"~*"',
    '"<2.0.0-rc.9"',
  ],
];
const urls = [
  ...[
    '"https://user:p%40ss@host.example:8443/a%20b/c;d?q=1&r=%zz#f%20g"',
    '"postgres://h1:1,h2:2/db"',
    '"mailto:a@b"',
    '"/a/b?x#y"',
    '"//h/p"',
  ],
  ...[
    '"http://[::1]:80/"',
    '"http://[fe80::1%25en0]/"',
    '"http://a:b:c/"',
    '"http://h/%zz"',
    '"http://a b/"',
    '"*"',
    '""',
    '"?"',
    '"a:b/c"',
    '"1a:b"',
  ],
  ...[
    '":x"',
    '"HTTP://H/"',
    '"http://h?x"',
    '"http://h:x/"',
    '"http://u@v@h/"',
    '"http://é.de/é"',
    '"http://h/\\x01"',
    '"///a"',
    '"http://[::1"',
    '"s:/p"',
    '"x#y#z"',
    '"http://u:@h/"',
    '"http://[1.2.3.4]/"',
  ],
];
const parts = [
  ...urls.slice(0, 3).map((url) => `(urlParse ${url})`),
  ...[
    '(dict "scheme" "https" "host" "h:1" "path" "a b" "query" "q=1")',
    '(dict "path" "a:b")',
    '(dict "host" 1)',
    '(dict "opaque" "o" "scheme" "s" "fragment" "f g%")',
  ],
  ...[
    '(dict "userinfo" "a:b" "host" "h")',
    '(dict "userinfo" "a b" "host" "h")',
    '(dict)',
    '(dict "path" "*")',
    '(dict "scheme" "s" "path" "/p")',
  ],
];

/** For each parameter what it is drawn from. */
export const argumentsOf: Readonly<Record<string, readonly (readonly string[])[]>> = {
  date: [layouts, moments],
  dateInZone: [layouts, moments, zones],
  date_in_zone: [layouts, moments, zones],
  htmlDate: [moments],
  htmlDateInZone: [moments, zones],
  dateModify: [durations, times],
  date_modify: [durations, times],
  mustDateModify: [durations, times],
  must_date_modify: [durations, times],
  toDate: [layouts, texts],
  mustToDate: [layouts, texts],
  unixEpoch: [times],
  duration: [numbers],
  durationRound: [[...durations, '(int64 100000000000000)', '3', 'true']],
  semver: [versions],
  semverCompare: [constraints, versions],
  urlParse: [urls],
  urlJoin: [parts],
};

/** What differs from one moment to the next, or by chance, is compared with nothing. */
export const drawnByTime: ReadonlySet<string> = new Set(
  'now ago randAlphaNum randAlpha randAscii randNumeric randInt randBytes shuffle uuidv4'.split(' '),
);
