import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterOf, type FilterField } from './filter.ts';

const filled = async (field: FilterField, template: string, username: string, userDn?: string): Promise<string> => {
  const fill = await filterOf({ field, template, userAttr: 'uid' });
  return fill({ username, ...(userDn === undefined ? {} : { userDn }) }).toString();
};

test('values stand where the places are, and are values whatever they hold', async () => {
  assert.equal(await filled('userfilter', '({{.UserAttr}}={{.Username}})', 'ada'), '(uid=ada)');
  assert.equal(
    await filled(
      'userfilter',
      '(&(objectClass=person)(|({{ .UserAttr }}={{.Username}})(mail={{.Username}}@x)))',
      '*)(a=*',
    ),
    String.raw`(&(objectClass=person)(|(uid=\2a\29\28a=\2a)(mail=\2a\29\28a=\2a@x)))`,
  );
  assert.equal(
    await filled('groupfilter', '(&(!(cn=a*b))(member:1.2.840.113556.1.4.1941:={{.UserDN}}))', '', 'cn=\\2a(,dc=d'),
    String.raw`(&(!(cn=a*b))(member:1.2.840.113556.1.4.1941:=cn=\5c2a\28,dc=d))`,
  );
  assert.equal(await filled('groupfilter', '(cn=*{{.Username}}*)', 'a*'), String.raw`(cn=*a\2a*)`);
  assert.equal(
    await filled('userfilter', '(uid={{.Username}})', '{{.UserAttr}}\u{f0002}$&'),
    '(uid={{.UserAttr}}\u{f0002}$&)',
  );
});

test('what is no filter, or has other places, is refused by name', async () => {
  const refused: readonly (readonly [FilterField, string])[] = [
    ['userfilter', '({{.UserDN}}=x)'],
    ['groupfilter', '({{.UserAttr}}=x)'],
    ['userfilter', '({{if .Username}}a{{end}}=x)'],
    ['userfilter', '(uid={{.Username | printf "%s"}})'],
    ['userfilter', '(uid={{.Username}'],
    ['userfilter', '({{.Username}}=x)'],
    ['userfilter', '(uid:{{.Username}}:=x)'],
    ['userfilter', '(uid=x'],
    ['userfilter', '(uid=x)(uid=y)'],
    ['userfilter', String.raw`(uid=\zz)`],
    ['userfilter', String.raw`(uid=\c3\b3)`],
    ['userfilter', '(&)'],
  ];
  for (const [field, template] of refused) {
    await assert.rejects(filterOf({ field, template, userAttr: 'uid' }), (error: Error) => {
      assert.match(error.message, new RegExp(`^invalid ${field}: `), template);
      return true;
    });
  }
});
