/** KV 1 at `kv1/`, KV 2 at `kv2/`, and the cubbyhole. */
import type { Draw } from '../draw.ts';
import type { Step } from '../step.ts';

export const before: readonly Step[] = [
  { method: 'POST', path: 'sys/mounts/kv1', body: { type: 'kv', options: { version: '1' } } },
  { method: 'POST', path: 'sys/mounts/kv2', body: { type: 'kv', options: { version: '2' } } },
];

const key = (draw: Draw): string =>
  draw.of('a', 'b', 'team/a', 'team/b', 'team/deep/er', 'with space', 'ünicode', 'none');
const folder = (draw: Draw): string => draw.of('', 'team', 'team/', 'team/deep', 'none', 'a');

function value(draw: Draw): unknown {
  return draw.of<unknown>('text', '', 7, -0.5, true, null, ['list', 1], { nested: { deep: 'yes' } }, 'ünï', 'a\nb');
}

function data(draw: Draw): unknown {
  return draw.of<unknown>(
    { user: value(draw) },
    { user: value(draw), other: value(draw) },
    {},
    { 'odd key.': 1 },
    null,
    'text',
  );
}

const versions = (draw: Draw): unknown => draw.of<unknown>([1], [1, 2], [99], [], '1,2', ['1'], 1, 'x', undefined);

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => ({ method: draw.of('POST', 'PUT'), path: `kv1/${key(draw)}`, body: data(draw) }),
  (draw) => ({ method: 'GET', path: `kv1/${key(draw)}` }),
  (draw) => ({ method: 'DELETE', path: `kv1/${key(draw)}` }),
  (draw) => ({ method: 'LIST', path: `kv1/${folder(draw)}` }),
  (draw) => ({ method: 'POST', path: `kv2/data/${key(draw)}`, body: { data: data(draw) } }),
  (draw) => ({
    method: 'POST',
    path: `kv2/data/${key(draw)}`,
    body: { data: data(draw), options: { cas: draw.number(4) } },
  }),
  (draw) => ({
    method: 'POST',
    path: `kv2/data/${key(draw)}`,
    body: draw.of<unknown>({}, { data: {}, options: 'x' }, { options: { cas: 'x' }, data: {} }, { data: [1] }),
  }),
  (draw) => ({
    method: 'PATCH',
    path: `kv2/data/${key(draw)}`,
    body: { data: data(draw), ...draw.some({ options: { cas: draw.number(4) } }) },
  }),
  (draw) => ({ method: 'GET', path: `kv2/data/${key(draw)}` }),
  (draw) => ({ method: 'GET', path: `kv2/data/${key(draw)}?version=${draw.of('0', '1', '2', '9', 'x', '-1')}` }),
  (draw) => ({ method: 'DELETE', path: `kv2/data/${key(draw)}` }),
  (draw) => ({
    method: 'POST',
    path: `kv2/${draw.of('delete', 'undelete', 'destroy')}/${key(draw)}`,
    body: { versions: versions(draw) },
  }),
  (draw) => ({ method: 'GET', path: `kv2/metadata/${key(draw)}` }),
  (draw) => ({ method: 'DELETE', path: `kv2/metadata/${key(draw)}` }),
  (draw) => ({ method: 'LIST', path: `kv2/metadata/${folder(draw)}` }),
  (draw) => ({
    method: 'LIST',
    path: `kv2/metadata/${draw.of('', 'team')}?after=${draw.of('', 'a', 'z', 'team/')}&limit=${draw.of('0', '1', '-1', 'x')}`,
  }),
  (draw) => {
    const method = draw.of('POST', 'PATCH');
    return {
      method,
      path: `kv2/metadata/${key(draw)}`,
      body: draw.some({
        max_versions: draw.of<unknown>(0, 2, 5, '3'),
        cas_required: draw.of<unknown>(true, false, 'true', 'x'),
        delete_version_after: draw.of<unknown>(method === 'POST' ? '0s' : '1h', '1h', 60, '90m', '-1s', 'x'),
        custom_metadata: draw.of<unknown>(
          { owner: 'us' },
          { owner: 'us', tier: '1' },
          {},
          { owner: null },
          { owner: 7 },
          'x',
        ),
      }),
    };
  },
  (draw) => ({ method: 'GET', path: `kv2/subkeys/${key(draw)}${draw.of('', '?depth=1', '?version=1', '?depth=x')}` }),
  () => ({ method: 'GET', path: 'kv2/config' }),
  (draw) => ({
    method: 'POST',
    path: 'kv2/config',
    body: draw.some({
      max_versions: draw.of<unknown>(0, 3, 10),
      cas_required: draw.of(false, false, true),
      delete_version_after: draw.of<unknown>('0s', '24h', 'x'),
    }),
  }),
  (draw) => ({
    method: 'GET',
    path: `kv2/${draw.of('', 'data', 'data/', 'metadata', 'nothing/a', 'data/a/', 'undelete/a')}`,
  }),
  (draw) => ({ method: 'POST', path: `cubbyhole/${key(draw)}`, body: data(draw) }),
  (draw) => ({ method: draw.of('GET', 'DELETE'), path: `cubbyhole/${key(draw)}` }),
  (draw) => ({ method: 'LIST', path: `cubbyhole/${folder(draw)}` }),
];

export const step = (draw: Draw): Step => (kinds[draw.number(kinds.length)] ?? kinds[0])?.(draw) as Step;
