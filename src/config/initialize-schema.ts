/** `initialize`: the requests that a new node makes of itself, in OpenBao's form. */
import { free, named, refusedAll } from './schema.ts';

const source = 'a value or a source';

const request = named('One request; they are made in the order of the file.', {
  labels: ['name'],
  many: true,
  keys: {
    operation: free(source, 'What to do: `create`, `read`, `update`, `patch`, `delete`, `list` or `scan`. Required.'),
    path: free(source, 'Where, without `/v1/`; may begin with a namespace. Required.'),
    token: free(source, 'The token; default the root token, which is revoked at the end.'),
    data: free('a block', 'What to send. Any value in it can be a source.'),
    headers: free('a block', 'Headers by name, each a text or a list of texts.'),
    when: free(source, 'Whether it is made at all; default true.'),
    allow_failure: free(source, 'Go on when the request is refused; default false.'),
    ...refusedAll('write the requests one by one', ['foreach', 'count']),
  },
  check: ({ name, path }) => {
    if (path === undefined) return '`path` is missing: where the request goes';
    return problemOfName(name);
  },
});

export const initialize = named(
  'Requests that a new node makes of itself at its first start, which also initialises it: it needs a seal that ' +
    'opens by itself. Keys and root token are shown to nobody. A source is a block with `eval_source` (`env`, `file`, ' +
    '`request`, `response`, `cel` or `template`) and `eval_type`; see [operations](operations.md#a-node-that-initialises-itself).',
  {
    labels: ['name'],
    many: true,
    keys: { request, when: free(source, 'Whether any of its requests is made; default true.') },
    check: ({ name }) => problemOfName(name),
  },
);

function problemOfName(name: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)
    ? undefined
    : 'a name begins with a letter or `_`, then letters, digits, `_` and `-`';
}
