/** What needs no AWS; logins at an emulator that verifies signatures: test/clients/aws.test.ts. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import type { JsonObject } from '../../framework/field.ts';
import { signedCallerIdentity } from '../../lib/aws/signed-caller-identity.ts';
import { credentials, identity, response, SESSION, sts, USER_ID } from './sts.testing.ts';

const ROLE = 'arn:aws:iam::123456789012:role/web';

async function enabled(config: JsonObject = {}) {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/auth/aws', { token, body: { type: 'aws' } });
  const at = (method: string, path: string, body?: JsonObject) =>
    ask(node, method, `auth/aws/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const server = await sts();
  const { status } = await at('POST', 'config/client', { sts_endpoint: server.address, ...config });
  assert.ok(status < 300);
  await at('POST', 'role/web', { bound_iam_principal_arn: ROLE, resolve_aws_unique_ids: false, token_policies: 'web' });
  return {
    ...{ node, token, at, sts: server },
    login: (body: JsonObject) => ask(node, 'POST', 'auth/aws/login', { body }),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await node[Symbol.asyncDispose]();
    },
  };
}

const signed = async (more: Partial<Parameters<typeof signedCallerIdentity>[0]> = {}): Promise<JsonObject> => ({
  role: 'web',
  ...(await signedCallerIdentity({ credentials, ...more })),
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const headersOf = (body: JsonObject): Record<string, string> =>
  JSON.parse(Buffer.from(String(body['iam_request_headers']), 'base64').toString()) as Record<string, string>;

test('what AWS answers becomes a token, and what was signed is sent as it is', async () => {
  await using aws = await enabled();
  const { status, auth, errors } = await aws.login(await signed());
  assert.equal(status, 200, JSON.stringify(errors));
  assert.deepEqual(auth?.['token_policies'], ['default', 'web']);
  const { role_id: roleId, ...metadata } = auth['metadata'] as Record<string, string>;
  assert.deepEqual(metadata, { account_id: '123456789012', auth_type: 'iam' });
  assert.match(roleId ?? '', /^[\da-f-]{36}$/);
  const [asked] = aws.sts.asked;
  assert.equal(asked?.headers['host'], 'sts.amazonaws.com');
  assert.equal(asked.headers['accept'], 'text/xml');
  assert.equal(asked.body, 'Action=GetCallerIdentity&Version=2011-06-15');
  assert.match(String(asked.headers['authorization']), /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/);
});

test('nothing is sent for a request that asks for anything but the identity, in one way only', async () => {
  await using aws = await enabled();
  const good = await signed();
  const headers = headersOf(good);
  const authorization = headers['authorization'] ?? '';
  const withHeaders = (more: JsonObject): JsonObject => ({ ...good, iam_request_headers: { ...headers, ...more } });
  const refused: readonly (readonly [JsonObject, RegExp])[] = [
    [{ ...good, iam_http_request_method: 'GET' }, /POST/],
    [{ ...good, iam_http_request_method: '' }, /POST/],
    [{ ...good, iam_request_url: '' }, /iam_request_url/],
    [{ ...good, iam_request_url: 'https://sts.amazonaws.com/' }, /base64/],
    [{ ...good, iam_request_url: base64('ftp://sts.amazonaws.com/') }, /iam_request_url/],
    [{ ...good, iam_request_url: base64('https://sts.amazonaws.com/?Action=AssumeRole') }, /iam_request_url/],
    [{ ...good, iam_request_url: base64('https://sts.amazonaws.com/../x') }, /iam_request_url/],
    [{ ...good, iam_request_url: base64('https://a:b@sts.amazonaws.com/') }, /iam_request_url/],
    [{ ...good, iam_request_url: 'x'.repeat(20_000) }, /too long/],
    [{ ...good, iam_request_body: base64('Action=GetCallerIdentity&Action=AssumeRole') }, /GetCallerIdentity/],
    [{ ...good, iam_request_body: base64('Action=AssumeRoleWithWebIdentity') }, /GetCallerIdentity/],
    [{ ...good, iam_request_body: base64('Action=GetCallerIdentity&ContentType=JSON') }, /GetCallerIdentity/],
    [{ ...good, iam_request_headers: undefined }, /headers/],
    [{ ...good, iam_request_headers: [] }, /headers/],
    [{ ...good, iam_request_headers: base64('{"a":1,"a":2}') }, /headers/],
    [{ ...good, iam_request_headers: base64('[') }, /headers/],
    [{ ...good, iam_request_headers: 17 }, /headers/],
    [withHeaders({ authorization: [authorization, authorization] }), /one text/],
    [withHeaders({ Authorization: authorization }), /one text/],
    [withHeaders({ authorization: 'Bearer x' }), /Signature Version 4/],
    [withHeaders({ authorization: authorization.replace('/sts/', '/iam/') }), /Signature Version 4/],
    [withHeaders({ host: 'evil.example.com' }), /Host/],
    [withHeaders({ 'x-amz-date': 'a\r\nx: y' }), /odd characters/],
    [withHeaders({ authorization: authorization.replace('host;', 'host;accept;') }), /allowed_sts_header_values/],
    // STS redirects what it reads no action in, and whoever is redirected holds up the logins of others.
    [withHeaders({ 'content-type': 'text/plain' }), /content-type/],
    [withHeaders({ 'content-type': 'application/x-amz-json-1.0' }), /content-type/],
    [withHeaders({ 'user-agent': 'x'.repeat(9_000), 'x-amz-user-agent': 'x'.repeat(9_000) }), /too long/],
    // What stands before STS may lead to others by their names, though all of it was signed for them.
    ...[
      ...['admin.internal', '169.254.169.254', 'sts.amazonaws.com.evil.example', 'sts.x.s3.amazonaws.com'],
      'sts.amazonaws.com:22',
    ].map(
      (host) =>
        [
          { ...withHeaders({ host }), iam_request_url: base64(`https://${host}/`) },
          /neither an address of STS/,
        ] as const,
    ),
    [{ ...good, pkcs7: 'x' }, /EC2/],
    [{ ...good, role: 'none' }, /"none" not found/],
    [{ ...good, role: 17 }, /role/],
  ];
  for (const [body, names] of refused) {
    const { status, errors } = await aws.login(body);
    assert.deepEqual(
      [status, names.test(errors?.[0] ?? '')],
      [400, true],
      JSON.stringify([body, errors]).slice(0, 900),
    );
  }
  assert.equal(aws.sts.asked.length, 0);
  // Headers that nobody signed are left out.
  await aws.login(withHeaders({ accept: 'application/json', 'x-forwarded-for': '1' }));
  assert.equal(aws.sts.asked[0]?.headers['accept'], 'text/xml');
  assert.equal(aws.sts.asked[0].headers['x-forwarded-for'], undefined);
});

test('a request that is signed for another server is refused', async () => {
  await using aws = await enabled({ iam_server_id_header_value: 'vault.example.com' });
  for (const [more, names] of [
    [{}, /missing header/],
    [{ serverId: 'other.example.com' }, /another server/],
  ] as const) {
    const { status, errors } = await aws.login(await signed(more));
    assert.deepEqual([status, names.test(errors?.[0] ?? '')], [400, true], JSON.stringify(errors));
  }
  const unsigned = await signed();
  const headers = { ...headersOf(unsigned), 'x-vault-aws-iam-server-id': 'vault.example.com' };
  assert.match(
    (await aws.login({ ...unsigned, iam_request_headers: headers })).errors?.[0] ?? '',
    /not among the signed/,
  );
  assert.equal(aws.sts.asked.length, 0);
  assert.equal((await aws.login(await signed({ serverId: 'vault.example.com' }))).status, 200);
});

test('an answer that is not the one that STS gives logs nobody in', async () => {
  await using aws = await enabled();
  const good = identity(SESSION);
  const refused: readonly string[] = [
    '',
    '{"GetCallerIdentityResponse":{}}',
    good,
    response(good, 'https://evil.example.com/'),
    response(good + good),
    response(''),
    response(good.replace('<Arn>', `<Arn>${SESSION}</Arn><Arn>`)),
    response(`<x>${good}</x>`),
    response(good.replace('<Account>', '<Account><x/>')),
    response(identity(SESSION, `${USER_ID}:i-1`, '999999999999')),
    response(identity('arn:aws:iam::123456789012:root', '123456789012')),
    response(identity('arn:aws:sts::123456789012:federated-user/web', '123456789012:web')),
    response(identity('arn:aws:sts::123456789012:assumed-role/web/i-1/../x')),
    response(identity('arn:aws:sts::123456789012:assumed-role/web')),
    response(identity(SESSION, '')),
    `<!DOCTYPE x [<!ENTITY a "${SESSION}">]>${response(identity('&amp;a;').replace('&amp;', '&'))}`,
    `${response(good)}${response(good)}`,
    response(`<GetCallerIdentityResult>${good}</GetCallerIdentityResult>`),
    response(good).replace('</Arn>', ''),
  ];
  for (const xml of refused) {
    aws.sts.answer = (answer) => answer.end(xml);
    assert.equal((await aws.login(await signed())).status, 400, xml);
  }
  aws.sts.answer = (answer) => answer.writeHead(403).end('<ErrorResponse/>');
  assert.equal((await aws.login(await signed())).status, 400);
  aws.sts.answer = (answer) => answer.end(response(identity(SESSION)));
  assert.equal((await aws.login(await signed())).status, 200, 'refusals hold up nobody else');
});

test('an STS that is down, redirects or does not end says nothing of who logs in', async () => {
  const answers: readonly ((response: ServerResponse) => void)[] = [
    (answer) => answer.writeHead(500).end(),
    (answer) => answer.writeHead(429).end(),
    (answer) => answer.writeHead(302, { location: 'http://127.0.0.1/' }).end(),
    (answer) => answer.end(response(`<x>${'y'.repeat(100_000)}</x>`)),
    (answer) => answer.destroy(),
  ];
  for (const answer of answers) {
    await using aws = await enabled();
    aws.sts.answer = answer;
    assert.equal((await aws.login(await signed())).status, 503);
  }
});

test('an address of STS that cannot be reached holds up logins at no other', async () => {
  await using aws = await enabled();
  aws.sts.answer = (answer) => answer.destroy();
  assert.equal((await aws.login(await signed())).status, 503);
  aws.sts.answer = (answer) => answer.end(response(identity(SESSION)));
  assert.equal((await aws.login(await signed())).status, 503, 'it is left alone for a moment');
  await using other = await sts();
  await aws.at('POST', 'config/client', { sts_endpoint: other.address });
  assert.equal((await aws.login(await signed())).status, 200);
});

test('of each name of STS a signature is asked about', async () => {
  await using aws = await enabled();
  for (const host of [
    ...['sts.eu-central-1.amazonaws.com', 'sts-fips.us-east-1.amazonaws.com', 'sts.cn-north-1.amazonaws.com.cn'],
    ...['sts.eu-central-1.api.aws', new URL(aws.sts.address).host],
  ]) {
    const { status, errors } = await aws.login(await signed({ endpoint: `https://${host}` }));
    assert.deepEqual([status, aws.sts.asked.at(-1)?.headers['host']], [200, host], JSON.stringify(errors));
  }
});

test('bindings: canonical ARNs, accounts, beginnings', async () => {
  await using aws = await enabled();
  const cases: readonly (readonly [string, string, boolean])[] = [
    [ROLE, SESSION, true],
    ['arn:aws:iam::123456789012:role/team/web', SESSION, true],
    [ROLE, SESSION.replace('/web/', '/Web/'), false],
    [ROLE, SESSION.replace('123456789012', '210987654321'), false],
    ['arn:aws:iam::123456789012:*', SESSION, true],
    ['arn:aws:iam::123456789012:role/*', SESSION, true],
    ['arn:aws:iam::123456789012:user/*', SESSION, false],
    ['arn:aws-cn:iam::123456789012:*', SESSION, false],
    ['arn:aws:iam::123456789012:user/team/*', 'arn:aws:iam::123456789012:user/team/ada', true],
    ['arn:aws:iam::123456789012:user/team/*', 'arn:aws:iam::123456789012:user/ada', false],
    ['arn:aws:iam::123456789012:user/ada', 'arn:aws:iam::123456789012:user/team/ada', false],
  ];
  for (const [bound, arn, isBound] of cases) {
    await aws.at('POST', 'role/web', { bound_iam_principal_arn: bound });
    const account = arn.includes('210987654321') ? '210987654321' : '123456789012';
    aws.sts.answer = (answer) => answer.end(response(identity(arn, `${USER_ID}:i-1`, account)));
    assert.equal((await aws.login(await signed())).status, isBound ? 200 : 400, `${bound} ${arn}`);
  }
});

test('roles and configurations that could not work are refused by the name of what is wrong', async () => {
  await using aws = await enabled();
  const refused: readonly (readonly [string, JsonObject, RegExp])[] = [
    ['role/a', {}, /bound_iam_principal_arn/],
    ['role/a', { bound_iam_principal_arn: '*' }, /bound_iam_principal_arn/],
    ['role/a', { bound_iam_principal_arn: 'arn:aws:iam::*:role/web' }, /bound_iam_principal_arn/],
    ['role/a', { bound_iam_principal_arn: 'arn:aws:iam::123456789012:group/web' }, /bound_iam_principal_arn/],
    ['role/a', { bound_iam_principal_arn: 'arn:aws:iam::123456789012:role//web' }, /bound_iam_principal_arn/],
    ['role/a', { bound_iam_principal_arn: ROLE, auth_type: 'ec2' }, /EC2/],
    ['role/a', { bound_iam_principal_arn: ROLE, inferred_entity_type: 'ec2_instance' }, /EC2/],
    ['role/a..', { bound_iam_principal_arn: ROLE, resolve_aws_unique_ids: false, token_ttl: '-1s' }, /./],
    ['config/client', { sts_endpoint: 'http://sts.example.com' }, /sts_endpoint/],
    ['config/client', { sts_endpoint: 'https://sts.example.com/x' }, /sts_endpoint/],
    ['config/client', { iam_endpoint: 'file:///etc/passwd' }, /iam_endpoint/],
    ['config/client', { sts_region: 'eu.evil.example' }, /sts_region/],
    ['config/client', { access_key: 'AKIA' }, /secret_key/],
    ['config/client', { secret_key: 'canary-secret-key' }, /access_key/],
    ['config/client', { allowed_sts_header_values: 'a b' }, /allowed_sts_header_values/],
    ['config/client', { max_retries: 99 }, /max_retries/],
    ['config/identity', { iam_metadata: 'password' }, /iam_metadata/],
    ['config/identity', { iam_alias: 'x' }, /iam_alias/],
  ];
  for (const [path, body, names] of refused) {
    const { status, errors } = await aws.at('POST', path, body);
    assert.deepEqual([status, names.test(errors?.[0] ?? '')], [400, true], JSON.stringify([path, body, errors]));
    assert.ok(!JSON.stringify(errors).includes('canary'));
  }
  await aws.at('POST', 'config/client', { access_key: 'AKIA', secret_key: 'canary-secret-key' });
  const { reply } = await aws.at('GET', 'config/client');
  assert.equal(reply?.data?.['access_key'], 'AKIA');
  assert.match(reply.warnings?.[0] ?? '', /iam_server_id_header_value/);
  assert.ok(!JSON.stringify(reply).includes('canary'));
  assert.equal((await aws.at('DELETE', 'config/client')).status, 204);
  assert.equal((await aws.at('GET', 'config/client')).status, 404);
});

test('a role that asks IAM for unique ids says how to do without where it cannot', async () => {
  await using aws = await enabled({ access_key: 'AKIA', secret_key: 'x', max_retries: 0 });
  await aws.at('POST', 'config/client', { iam_endpoint: aws.sts.address });
  aws.sts.answer = (answer) =>
    answer.writeHead(403).end('<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>');
  const { status, errors } = await aws.at('POST', 'role/new', { bound_iam_principal_arn: ROLE });
  assert.equal(status, 400);
  assert.match(errors?.[0] ?? '', /resolve_aws_unique_ids=false/);
});

test('a login without a role counts in the quota of the role that is named as its principal is', async () => {
  await using aws = await enabled();
  const { node, token } = aws;
  const body = { path: 'auth/aws', role: 'web', rate: 1, interval: '1h' };
  assert.equal((await ask(node, 'POST', 'sys/quotas/rate-limit/web', { token, body })).status, 204);
  const { role: _role, ...unnamed } = await signed();
  assert.equal((await aws.login(unnamed)).status, 200);
  assert.equal((await aws.login(unnamed)).status, 429);
  const sent = aws.sts.asked.length;
  assert.equal((await aws.login(await signed())).status, 429);
  assert.equal(aws.sts.asked.length, sent, 'who names it costs no question to AWS');
});

test('who is one entity: by the role here, by the role of AWS, or by its session, as iam_alias says', async () => {
  await using aws = await enabled();
  const aliasOf = async (iamAlias: string, session: string): Promise<unknown> => {
    assert.ok((await aws.at('POST', 'config/identity', { iam_alias: iamAlias })).status < 300);
    aws.sts.answer = (answer) => {
      answer.end(response(identity(`arn:aws:sts::123456789012:assumed-role/web/${session}`, `${USER_ID}:${session}`)));
    };
    const { auth } = await aws.login(await signed());
    const id = String(auth?.['entity_id']);
    const { reply } = await ask(aws.node, 'GET', `identity/entity/id/${id}`, { token: aws.token });
    return (reply?.data?.['aliases'] as readonly JsonObject[])[0]?.['name'];
  };
  const both = async (iamAlias: string) => [await aliasOf(iamAlias, 'one'), await aliasOf(iamAlias, 'two')];
  assert.deepEqual(await both('unique_id'), [USER_ID, USER_ID]);
  assert.deepEqual(await both('canonical_arn'), [ROLE, ROLE]);
  const session = 'arn:aws:sts::123456789012:assumed-role/web/';
  assert.deepEqual(await both('full_arn'), [`${session}one`, `${session}two`]);
  const [one, two] = await both('role_id');
  assert.equal(one, two);
  assert.match(String(one), /^[\da-f-]{36}$/);
});
