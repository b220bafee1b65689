/** What every auto-unseal kind must do. `make` gives a seal ready to work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isLockstepError } from '../errors.ts';
import { newKey } from './keyring.ts';
import type { KeyWrapper, Seal } from './seal.ts';

export function sealConformance(name: string, make: () => Promise<Seal>): void {
  const { signal } = new AbortController();
  const wrapperOf = async (): Promise<KeyWrapper> => (await make()).wrapper ?? assert.fail(`${name} has no wrapper`);

  test(`seal ${name}: a wrapped key comes back, also from another instance`, async () => {
    const key = newKey();
    const wrapped = await (await wrapperOf()).wrap(key, signal);
    assert.ok((await (await wrapperOf()).unwrap(wrapped, signal)).equals(key));
  });

  test(`seal ${name}: what it wrapped is current, and never the same twice`, async () => {
    const wrapper = await wrapperOf();
    const key = newKey();
    const [one, two] = [await wrapper.wrap(key, signal), await wrapper.wrap(key, signal)];
    assert.ok(wrapper.isCurrent(one));
    assert.notDeepEqual(one, two);
    assert.equal(Buffer.from(one).indexOf(key.export()), -1);
  });

  test(`seal ${name}: damaged or cut bytes are refused with an error of the catalogue`, async () => {
    const wrapper = await wrapperOf();
    const wrapped = Buffer.from(await wrapper.wrap(newKey(), signal));
    for (let at = 0; at < wrapped.length; at++) {
      const damaged = Buffer.from(wrapped);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      await assert.rejects(wrapper.unwrap(damaged, signal), (error) => isLockstepError(error), `byte ${at}`);
      await assert.rejects(wrapper.unwrap(wrapped.subarray(0, at), signal), (error) => isLockstepError(error));
    }
  });

  test(`seal ${name}: it says how it is`, async () => {
    const seal = await make();
    assert.equal(await seal.check(signal), 'healthy');
    assert.match(seal.type, /^[a-z]+$/);
  });
}
