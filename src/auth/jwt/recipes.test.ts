/**
 * The recipes of docs/jwt-auth.md and docs/cel-roles.md, with tokens of the shape that GitHub Actions and GitLab CI give. Names and numbers are made
 * up; claims, their types and their order are as in the documentation of both.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { celMethod } from './cel.testing.ts';
import { methodWithKey } from './mount.testing.ts';

const pageOf = (name: string): string => readFileSync(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8');

/** The JSON block of the page that follows the words. */
function recipe(words: string, page: string = pageOf('jwt-auth')): Readonly<Record<string, unknown>> {
  const [, json = ''] = /```json\n(.+?)```/s.exec(page.slice(page.indexOf(words))) ?? [];
  return JSON.parse(json) as Readonly<Record<string, unknown>>;
}

const github = (now: number) => ({
  jti: '5f3c9a1e-0d52-4c0f-9a3e-6a1c0f4f8f00',
  sub: 'repo:acme/shop:environment:production',
  aud: 'https://lockstep.example',
  ref: 'refs/heads/main',
  sha: '7fd1a60b01f91b314f59955a4e4d4e80d8edf11d',
  repository: 'acme/shop',
  repository_owner: 'acme',
  repository_owner_id: '65',
  run_id: '30433642',
  run_number: '10',
  run_attempt: '1',
  repository_visibility: 'private',
  repository_id: '74',
  actor_id: '12',
  actor: 'ada',
  workflow: 'deploy',
  head_ref: '',
  base_ref: '',
  event_name: 'push',
  ref_protected: 'true',
  ref_type: 'branch',
  environment: 'production',
  environment_node_id: 'EN_kwDOA',
  workflow_ref: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main',
  workflow_sha: '7fd1a60b01f91b314f59955a4e4d4e80d8edf11d',
  job_workflow_ref: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_sha: '7fd1a60b01f91b314f59955a4e4d4e80d8edf11d',
  runner_environment: 'github-hosted',
  enterprise_id: '3',
  iss: 'https://token.actions.githubusercontent.com',
  nbf: now - 600,
  exp: now + 300,
  iat: now,
});

const gitlab = (now: number) => ({
  namespace_id: '72',
  namespace_path: 'acme',
  project_id: '20',
  project_path: 'acme/shop',
  user_id: '1',
  user_login: 'ada',
  user_email: 'ada@acme.example',
  user_access_level: 'developer',
  user_identities: [{ provider: 'github', extern_uid: '2435223452345' }],
  pipeline_id: '574',
  pipeline_source: 'push',
  job_id: '302',
  ref: 'main',
  ref_type: 'branch',
  ref_path: 'refs/heads/main',
  ref_protected: 'true',
  groups_direct: ['acme/deployers'],
  environment: 'production',
  environment_protected: 'true',
  deployment_tier: 'production',
  environment_action: 'start',
  runner_id: 1,
  runner_environment: 'self-hosted',
  sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
  project_visibility: 'private',
  ci_config_ref_uri: 'gitlab.example/acme/shop//.gitlab-ci.yml@refs/heads/main',
  ci_config_sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
  jti: '235b3a54-b797-45c7-ae9a-f72d7bc6ef5b',
  iss: 'https://gitlab.example',
  iat: now,
  nbf: now - 5,
  exp: now + 3_600,
  sub: 'project_path:acme/shop:ref_type:branch:ref:main',
  aud: 'https://lockstep.example',
});

const cases = [
  {
    ...{ name: 'GitHub Actions', claims: github, issuer: 'https://token.actions.githubusercontent.com' },
    wrong: [
      { aud: 'https://github.com/acme' },
      { aud: undefined },
      { iss: 'https://token.actions.githubusercontent.com/enterprise' },
      { repository_id: '75' },
      { repository: 'acme/shop', repository_id: undefined },
      { ref: 'refs/heads/feature', ref_protected: 'false' },
      { ref: 'refs/pull/7/merge', event_name: 'pull_request' },
      { environment: 'staging' },
      { environment: undefined },
    ],
  },
  {
    ...{ name: 'GitLab CI', claims: gitlab, issuer: 'https://gitlab.example' },
    wrong: [
      { aud: 'https://gitlab.example' },
      { iss: 'https://gitlab.com' },
      { project_id: '21' },
      { project_id: 20 },
      { ref: 'feature' },
      { ref_type: 'tag' },
      { ref_protected: 'false' },
      { environment: 'staging' },
      { environment: undefined },
    ],
  },
] as const;

for (const { name, claims, issuer, wrong } of cases) {
  test(`a job of ${name} logs in for its own time, and no other job does`, async () => {
    await using jwt = await methodWithKey({ bound_issuer: issuer });
    const body = recipe(`### ${name}`);
    assert.equal((await jwt.at('POST', 'role/deploy', body)).status, 204);
    const good = claims(jwt.now());
    const { status, auth, refusal } = await jwt.by('deploy', good);
    assert.equal(status, 200, String(refusal));
    assert.equal(auth?.['lease_duration'], 900);
    assert.deepEqual(auth['policies'], ['default', 'deploy-shop']);
    for (const change of wrong) {
      const refused = await jwt.by('deploy', { ...good, ...change });
      assert.equal(refused.status, 400, JSON.stringify(change));
    }
    jwt.later(7_200);
    assert.equal((await jwt.by('deploy', good)).status, 400, 'a token that leaked is of no use after its job');
  });
}

test('by a program, the jobs of one owner log in, and the main branch gets more', async () => {
  await using jwt = await celMethod({ bound_issuer: 'https://token.actions.githubusercontent.com' });
  const written = await jwt.write('gh', recipe('## GitHub Actions', pageOf('cel-roles')));
  assert.equal(written.status, 200, String(written.errors));
  const good = github(jwt.now());
  const { auth, errors } = await jwt.celBy('gh', good);
  assert.deepEqual([errors ?? [], auth?.['policies']], [[], ['default', 'deploy']]);
  assert.deepEqual([auth?.['lease_duration'], auth?.['renewable']], [600, false]);
  for (const change of [{ ref: 'refs/heads/x' }, { ref: 'refs/tags/main' }, { event_name: 'pull_request' }]) {
    assert.deepEqual((await jwt.celBy('gh', { ...good, ...change })).auth?.['policies'], ['build', 'default']);
  }
  const entities = await Promise.all([good, { ...good, ref: 'x' }].map((claims) => jwt.celBy('gh', claims)));
  assert.equal(new Set(entities.map((each) => each.auth?.['entity_id'])).size, 1);
  for (const change of [
    ...[{ aud: 'https://github.com/acme' }, { iss: 'https://else' }, { repository_owner_id: '66' }],
    ...[{ repository_owner_id: 65 }, { repository_owner_id: undefined }, { ref: undefined }, { repository_id: 74 }],
  ]) {
    assert.equal((await jwt.celBy('gh', { ...good, ...change })).status, 400, JSON.stringify(change));
  }
});

test('by a program, who is in a team gets its policy, and nobody else anything', async () => {
  await using jwt = await celMethod();
  await jwt.write('teams', recipe("## A team's claim", pageOf('cel-roles')));
  const by = (groups: unknown) => jwt.celBy('teams', { aud: 'https://lockstep.example', groups });
  const { auth } = await by(['team-web', 'ada', 'team-db', 'root', 'xteam-x']);
  assert.deepEqual(auth?.['policies'], ['default', 'team-db', 'team-web']);
  assert.notEqual(auth['entity_id'], '');
  assert.match((await by(['ada'])).errors?.[0] ?? '', /message: you are in no team$/);
  for (const groups of ['team-web', [5], [['team-web']], {}, null, undefined]) {
    assert.equal((await by(groups)).status, 400, JSON.stringify(groups));
  }
});
