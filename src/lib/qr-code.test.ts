import assert from 'node:assert/strict';
import { test } from 'node:test';
import jsQr from 'jsqr';
import { PNG } from 'pngjs';
import { qrCode } from './qr-code.ts';

const URL = `otpauth://totp/issuer:ed34a1d0-bb46-7744-f64d-8992a4cd9764?issuer=issuer&secret=${'A'.repeat(64)}&algorithm=SHA512&digits=8&period=30`;

test('another reader finds the text in the picture, whatever its size', () => {
  for (const size of [1, 120, 200, 512]) {
    const { data, width, height } = PNG.sync.read(qrCode(URL, size));
    assert.equal(width, height);
    assert.ok(size === 1 ? width > 1 : width === size, String(width));
    // As a camera has it: a reader wants more than one pixel for a module.
    const big = new PNG({ width: width * 3, height: height * 3 });
    for (let y = 0; y < big.height; y += 1) {
      for (let x = 0; x < big.width; x += 1) {
        const from = (Math.floor(y / 3) * width + Math.floor(x / 3)) * 4;
        data.copy(big.data, (y * big.width + x) * 4, from, from + 4);
      }
    }
    const found = jsQr.default(new Uint8ClampedArray(big.data), big.width, big.height);
    assert.equal(found?.data, URL, String(size));
  }
});
