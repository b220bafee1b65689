import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTo } from './review.ts';

const GROUP = 'external-secrets.io';

const reviewOf = (kind: string, request: object) => ({
  ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
  request: { uid: 'u1', kind: { group: GROUP, version: 'v1', kind }, operation: 'CREATE', ...request },
});

interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly message: string };
  readonly warnings?: readonly string[];
}

/** No test runs out of time, however slow the machine, but the one that is about it. */
async function asked(kind: string, request: object, now = () => 0): Promise<Response> {
  const answer = await answerTo(reviewOf(kind, request), now);
  return (JSON.parse(answer?.body ?? '{}') as { readonly response: Response }).response;
}

const said = async (kind: string, spec: unknown): Promise<string | undefined> => {
  const { allowed, status } = await asked(kind, { object: { spec } });
  assert.equal(allowed, status === undefined);
  return status?.message;
};

const es = (template: object) => ({ target: { template } });
const from = (...rewrite: readonly object[]) => ({ dataFrom: [{ extract: { key: 'k' } }, { rewrite }] });

const REFUSED: Readonly<Record<string, readonly [kind: string, spec: object, message: string]>> = {
  data: [
    'ExternalSecret',
    es({ data: { ok: '{{ .a }}', pw: 'a\n{{ nope .a }}' } }),
    'spec.target.template.data[pw]: template: pw:2: function "nope" not defined',
  ],
  'a label': [
    'ExternalSecret',
    es({ metadata: { labels: { l: '{{ if }}' } } }),
    'spec.target.template.metadata.labels[l]: template: l:1: missing value for if',
  ],
  'an annotation': [
    'ExternalSecret',
    es({ metadata: { annotations: { n: '{{ .a ' } } }),
    'spec.target.template.metadata.annotations[n]: template: n:1: unclosed action',
  ],
  'a literal behind a ConfigMap': [
    'ExternalSecret',
    es({ templateFrom: [{ configMap: { name: 'c', items: [{ key: 'k' }] } }, { literal: '{{ end }}' }] }),
    'spec.target.template.templateFrom[1].literal: template: literal:1: unexpected {{end}}',
  ],
  'a transformation of names': [
    'ExternalSecret',
    from({ regexp: { source: 'a', target: 'b' } }, { transform: { template: '{{ .value | bad }}' } }),
    'spec.dataFrom[1].rewrite[1].transform.template: template: rewrite.transform:1: function "bad" not defined',
  ],
  'a pattern of names': [
    'ExternalSecret',
    from({ regexp: { source: '(?<=a)b', target: 'b' } }),
    'spec.dataFrom[1].rewrite[0].regexp.source: rewrite.regexp: "(?<=a)b" is no pattern that RE2 knows',
  ],
  'a pattern to find by': [
    'ExternalSecret',
    { dataFrom: [{ find: { name: { regexp: '(' } } }] },
    'spec.dataFrom[0].find.name.regexp: find.name.regexp: "(" is no pattern that RE2 knows',
  ],
  'within a ClusterExternalSecret': [
    'ClusterExternalSecret',
    { externalSecretSpec: es({ data: { a: '{{ x }}' } }) },
    'spec.externalSecretSpec.target.template.data[a]: template: a:1: function "x" not defined',
  ],
  'of a PushSecret': [
    'PushSecret',
    { template: { data: { a: '{{ x }}' } } },
    'spec.template.data[a]: template: a:1: function "x" not defined',
  ],
  'a pattern of what a PushSecret pushes': [
    'PushSecret',
    { dataTo: [{ match: { regexp: '[' } }] },
    'spec.dataTo[0].match.regexp: dataTo[].match.regexp: "[" is no pattern that RE2 knows',
  ],
  'within a ClusterPushSecret': [
    'ClusterPushSecret',
    { pushSecretSpec: { dataTo: [{ rewrite: [{ transform: { template: '{{' } }] }] } },
    'spec.pushSecretSpec.dataTo[0].rewrite[0].transform.template: template: rewrite.transform:1: unclosed action',
  ],
};

for (const [what, [kind, spec, message]] of Object.entries(REFUSED))
  test(`refused, by field, line and reason: ${what}`, async () => {
    assert.equal(await said(kind, spec), message);
  });

test('a function that the environment could be read by is none', async () => {
  assert.match((await said('ExternalSecret', es({ data: { a: '{{ env "HOME" }}' } }))) ?? '', /"env" not defined/);
});

test('several problems are told at once, and not all of very many', async () => {
  const data = (n: number) =>
    es({ data: Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${String(i)}`, '{{'])) });
  assert.equal((await said('ExternalSecret', data(2)))?.split('; ').length, 2);
  const many = (await said('ExternalSecret', data(2_000))) ?? '';
  assert.equal(many.split('; ').length, 6);
  assert.match(many, /; and more$/);
});

test('what is said is bounded, and repeats no text that stands in quotes in the template', async () => {
  const long =
    (await said('ExternalSecret', es({ data: { ['k'.repeat(9_999)]: `{{ ${'f'.repeat(9_999)} }}` } }))) ?? '';
  assert.ok(long.length < 1_000, String(long.length));
  const secret = (await said('ExternalSecret', es({ data: { a: '{{ if .a }}{{ end "hunter2" }}' } }))) ?? '';
  assert.match(secret, /unexpected/);
  assert.doesNotMatch(secret, /hunter2/);
});

const broken = es({ data: { a: '{{' } });

test('what cannot be known, or is none of its business, is allowed', async () => {
  for (const [kind, request] of [
    [
      'ExternalSecret',
      { object: { spec: es({ templateFrom: [{ configMap: { name: 'c', items: [{ key: 'k' }] } }] }) } },
    ],
    ['ExternalSecret', { object: { spec: es({ data: { a: '{{ .missing }}{{ fail "at once" }}' } }) } }],
    ['SecretStore', { object: { spec: broken } }],
    ['ExternalSecret', { object: { spec: broken }, subResource: 'status' }],
    ['ExternalSecret', { operation: 'DELETE', object: null, oldObject: { spec: broken } }],
    ['ExternalSecret', { operation: 'CONNECT', object: { spec: broken } }],
    ['ExternalSecret', { object: null }],
    ['ExternalSecret', { object: { spec: 'text' } }],
    ['ExternalSecret', { object: { spec: { target: [], dataFrom: {} } } }],
    ['ExternalSecret', { object: { spec: { target: { template: { data: { a: 5 }, templateFrom: [null] } } } } }],
  ] as const)
    assert.deepEqual(await asked(kind, request), { uid: 'u1', allowed: true }, JSON.stringify(request));
});

test('one that is broken already is changed elsewhere, and deleted; its spec is not changed to another broken one', async () => {
  const before = { metadata: { finalizers: ['f'] }, spec: { refreshInterval: '1h', ...broken } };
  const update = (object: object) => asked('ExternalSecret', { operation: 'UPDATE', oldObject: before, object });
  assert.equal(
    (await update({ metadata: { labels: { a: 'b' } }, spec: { ...broken, refreshInterval: '1h' } })).allowed,
    true,
  );
  const ending = { metadata: { deletionTimestamp: '2026-11-29T00:00:00Z' }, spec: broken };
  assert.equal((await update(ending)).allowed, true);
  assert.equal((await update({ metadata: {}, spec: broken })).allowed, false);
});

test('an object with more templates than there is time for is allowed, with a warning', async () => {
  let moment = 0;
  const slow = (): number => (moment += 400);
  const data = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${String(i)}`, i === 8 ? '{{' : '{{ .a }}']));
  const { allowed, warnings } = await asked('ExternalSecret', { object: { spec: es({ data }) } }, slow);
  assert.equal(allowed, true);
  assert.match(warnings?.[0] ?? '', /^templates from spec\.target\.template\.data\[k2\] on were not looked at/);
});

test('what is no review is not answered', async () => {
  const review = reviewOf('ExternalSecret', {});
  for (const wrong of [
    undefined,
    null,
    'text',
    [],
    {},
    { ...review, apiVersion: 'admission.k8s.io/v1beta1' },
    { ...review, request: undefined },
    { ...review, request: { ...review.request, uid: 5 } },
    { ...review, request: { ...review.request, kind: 'ExternalSecret' } },
    { ...review, request: { ...review.request, kind: { group: 1, kind: 'ExternalSecret' } } },
  ])
    assert.equal(await answerTo(wrong), undefined);
});
