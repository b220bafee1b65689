import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commonNameOf, escapedValue } from './dn.ts';

test('a value in a DN is escaped as upstream escapes it, of which aliases are made', () => {
  const escaped = {
    '': '',
    'ada lovelace': 'ada lovelace',
    ' ada ': String.raw`\ ada\ `,
    'a,b+c"d\\e<f>g;h#i=j': String.raw`a\,b\+c\"d\\e\<f\>g\;h\#i=j`,
    'a\0b\n': String.raw`a\00b\0a`,
    óscar: String.raw`\c3\b3scar`,
  };
  for (const [value, text] of Object.entries(escaped)) assert.equal(escapedValue(value), text);
});

test('a group is called by the first common name of a DN; what is no DN is called as it is', () => {
  const names = {
    'CN=Admins,OU=Groups,DC=example': 'Admins',
    'ou=x, cn = b c ,dc=d': 'b c',
    [String.raw`cn=a\,b\2cc\C3\B3,dc=d`]: 'a,b,có',
    [String.raw`cn=blank\ ,dc=d`]: 'blank ',
    'uid=a+cn=b,dc=d': 'b',
    'cn=a=b,dc=d': 'a=b',
    admins: 'admins',
    'x,cn=admins': 'x,cn=admins',
    'ou=x,dc=y': 'ou=x,dc=y',
    'cn=x\\': 'cn=x\\',
    '': '',
  };
  for (const [dn, name] of Object.entries(names)) assert.equal(commonNameOf(dn), name, dn);
});

test('what was escaped is read back', () => {
  for (const value of ['a', ' a b ', 'ü,+"\\<>;#=', '\0\x7f', '\u{1f511}']) {
    assert.equal(commonNameOf(`uid=x,cn=${escapedValue(value)},dc=d`), value);
  }
});
