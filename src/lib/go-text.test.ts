import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goFloat, goGeneral, goJson, goMap } from './go-text.ts';

// What Go 1.26 prints for these.
test('JSON is as json.Marshal writes it', () => {
  assert.equal(
    goJson({ b: [1, null, true], a: '<&>"\n\u2028\u0001é' }),
    '{"a":"\\u003c\\u0026\\u003e\\"\\n\\u2028\\u0001é","b":[1,null,true]}',
  );
  assert.equal(goJson({ '\u{1F600}': 1, '\uFFFD': 2 }), '{"\uFFFD":2,"\u{1F600}":1}');
});

test('maps are as fmt prints them', () => {
  assert.equal(goMap({ b: '2', a: 'x y' }), 'map[a:x y b:2]');
  assert.equal(goMap({ n: new Uint8Array(), a: Buffer.from('12') }), 'map[a:[49 50] n:[]]');
  assert.equal(goMap({}), 'map[]');
});

test('numbers have no exponent', () => {
  for (const [value, text] of [
    [1e21, '1000000000000000000000'],
    [-1.25e22, '-12500000000000000000000'],
    [1.5e-7, '0.00000015'],
    [-0.1, '-0.1'],
    [42, '42'],
    [-0, '-0'],
  ] as const) {
    assert.equal(goFloat(value), text);
  }
});

test('%g has an exponent below 0.0001 and from a million on', () => {
  for (const [value, text] of [
    [0, '0'],
    [-0, '-0'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [-1.5e-5, '-1.5e-05'],
    [999_999.9, '999999.9'],
    [1_000_000, '1e+06'],
    [12_345_678, '1.2345678e+07'],
    [1e100, '1e+100'],
    [NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ] as const) {
    assert.equal(goGeneral(value), text);
  }
});
