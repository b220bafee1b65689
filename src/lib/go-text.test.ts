import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goFloat, goJson, goMap } from './go-text.ts';

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
  ] as const) {
    assert.equal(goFloat(value), text);
  }
});
