/**
 * A request `GetCallerIdentity` that whoever logs in has signed (Signature Version 4) and this node sends for them: STS answers
 * whose signature it is. Nothing of it may be what asks STS for another answer (CVE-2020-16250).
 *
 * Source: AWS STS API Reference, "GetCallerIdentity"; IAM User Guide, "AWS Signature Version 4 for API requests"; Vault API,
 * "AWS auth method", Login.
 */
import { fail } from '../../errors.ts';
import { isStsHost } from '../../lib/aws/sts-address.ts';
import { isObject, strictObject } from '../../lib/jwt/strict-json.ts';
import { SERVER_ID_HEADER, type AwsConfig } from './config.ts';

export interface SignedRequest {
  /** As signed: the service's own, whatever the address that it is sent to. */
  readonly host: string;
  readonly body: string;
  /** In lower case, each once. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the credential's scope. */
  readonly region: string;
}

export interface GivenRequest {
  readonly method: string;
  /** These two in base64. */
  readonly url: string;
  readonly body: string;
  /** An object, or JSON of one in base64. */
  readonly headers: unknown;
}

const refuse = (message: string): Error => fail('badRequest', message);

const LONGEST = 16_384;

/** What a signer may sign; other headers are sent where the configuration allows them. */
const ALLOWED: ReadonlySet<string> = new Set([
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'authorization',
  'content-length',
  'content-type',
  'host',
  'user-agent',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-user-agent',
  SERVER_ID_HEADER,
]);

function decoded(name: string, base64: string): string {
  if (base64 === '') throw refuse(`missing ${name}`);
  if (base64.length > LONGEST) throw refuse(`${name} is too long`);
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64').replaceAll('=', '') !== base64.trim().replaceAll('=', '')) {
    throw refuse(`${name} is not base64`);
  }
  return bytes.toString('utf8');
}

function hostOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')) {
    throw refuse('iam_request_url is no https:// address');
  }
  const { username, password, pathname, search, hash, host } = parsed;
  if (username !== '' || password !== '' || pathname !== '/' || search !== '' || hash !== '') {
    throw refuse('iam_request_url has a host alone, without path and query: what is asked stands in the body');
  }
  return host;
}

/** The host is sent on: before STS may stand what leads to others by their names. */
function checkHost(host: string, { stsEndpoint }: AwsConfig): void {
  if (isStsHost(host) || (stsEndpoint !== '' && host === new URL(stsEndpoint).host)) return;
  throw refuse('iam_request_url is neither an address of STS nor sts_endpoint');
}

/** The one action that is sent on, given once, and its version. */
function checkBody(body: string): void {
  const fields = [...new URLSearchParams(body)];
  const asked = new Map(fields);
  const known =
    fields.length === asked.size && [...asked.keys()].every((name) => name === 'Action' || name === 'Version');
  if (!known || asked.get('Action') !== 'GetCallerIdentity') {
    throw refuse('iam_request_body asks for Action=GetCallerIdentity alone');
  }
}

const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

/** In a body of another type STS finds no action, and answers with a redirect as if it were another server. */
function checkContentType(contentType = FORM): void {
  if (!/^application\/x-www-form-urlencoded(?:; ?charset=utf-8)?$/i.test(contentType)) {
    throw refuse('content-type is application/x-www-form-urlencoded');
  }
}

function headersOf(given: unknown): Readonly<Record<string, string>> {
  const object =
    typeof given === 'string' ? strictObject(decoded('iam_request_headers', given), { length: LONGEST }) : given;
  if (!isObject(object)) throw refuse('iam_request_headers is an object of headers, or its JSON in base64');
  const headers = new Map<string, string>();
  let length = 0;
  for (const [name, value] of Object.entries(object)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    const [only] = values;
    const lower = name.toLowerCase();
    if (values.length !== 1 || typeof only !== 'string' || headers.has(lower)) {
      throw refuse('each header of iam_request_headers has one text');
    }
    length += name.length + only.length;
    if (length > LONGEST) throw refuse('iam_request_headers is too long');
    if (!/^[\x20-\x7e]*$/.test(only)) throw refuse('a header has odd characters');
    headers.set(lower, only);
  }
  return Object.fromEntries(headers);
}

/** Of `AWS4-HMAC-SHA256 Credential=AKID/20261128/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=…`. */
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[\w/+=.-]{1,256}\/\d{8}\/([a-z\d-]{1,64})\/sts\/aws4_request, ?SignedHeaders=([a-z\d;-]{1,2048}), ?Signature=[\da-f]{64}$/;

function checkServerId(headers: Readonly<Record<string, string>>, signed: ReadonlySet<string>, serverId: string): void {
  if (serverId === '') return;
  const given = headers[SERVER_ID_HEADER];
  if (given === undefined) throw refuse('missing header X-Vault-AWS-IAM-Server-ID: sign the request with it');
  if (given !== serverId) throw refuse('X-Vault-AWS-IAM-Server-ID is that of another server');
  if (!signed.has(SERVER_ID_HEADER)) throw refuse('X-Vault-AWS-IAM-Server-ID is not among the signed headers');
}

/** Throws `badRequest` for what is not sent on. */
export function signedRequest(given: GivenRequest, config: AwsConfig): SignedRequest {
  if (given.method !== 'POST') throw refuse('iam_http_request_method must be POST');
  const host = hostOf(decoded('iam_request_url', given.url));
  checkHost(host, config);
  const body = decoded('iam_request_body', given.body);
  checkBody(body);
  const all = headersOf(given.headers);
  const [, region, list = ''] = AUTHORIZATION.exec(all['authorization'] ?? '') ?? [];
  if (region === undefined) throw refuse('iam_request_headers has no Authorization of Signature Version 4 for sts');
  checkContentType(all['content-type']);
  const signed = new Set(list.split(';'));
  if (all['host'] !== undefined && all['host'] !== host)
    throw refuse('Host is another one than that of iam_request_url');
  checkServerId(all, signed, config.serverId);
  const isAllowed = (name: string): boolean => ALLOWED.has(name) || config.allowedHeaders.includes(name);
  const odd = [...signed].find((name) => !isAllowed(name));
  if (odd !== undefined) {
    throw refuse(
      `the header ${odd} is signed, which is not sent on: leave it out, or put it into allowed_sts_header_values`,
    );
  }
  const headers = Object.entries(all).filter(
    ([name]) => isAllowed(name) && name !== 'content-length' && name !== 'host',
  );
  return { host, body, headers: { 'content-type': FORM, ...Object.fromEntries(headers) }, region };
}
