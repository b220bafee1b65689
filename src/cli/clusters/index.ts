/** Kubernetes clusters whose workloads log in. */
import { group } from '../command.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { list } from './list.ts';
import { publishKeys } from './publish-keys.ts';
import { remove } from './remove.ts';

export const clusters = group({
  summary: 'Register, list, check and remove Kubernetes clusters',
  examples: [{ note: 'Register one:', line: 'clusters add -context=prod-eu prod-eu' }],
  commands: { add, check, list, 'publish-keys': publishKeys, remove },
});
