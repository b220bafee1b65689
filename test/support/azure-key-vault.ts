/** The vault of `azure.ts`: secrets with versions, that are deleted softly; keys and certificates that are imported. */
import { createPublicKey, randomBytes, type webcrypto } from 'node:crypto';
import { readPkcs12 } from '../../src/lib/crypto/pkcs12.ts';
import { certificateDer } from '../../src/lib/crypto/private-keys.ts';
import type { Asked, JsonReply } from './json-server.ts';

type Json = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

export interface KeptObject {
  readonly version: string;
  /** `value`, `key` or `cer`, and `contentType`. */
  readonly content: Json;
  tags: Texts;
  attributes: Json;
}

type Kind = 'secrets' | 'keys' | 'certificates';

export interface KeptVault {
  /** Names the next page of a list, in place of where it is. */
  elsewhere?: string | undefined;
  /** All versions, the newest last. */
  readonly objects: Readonly<Record<Kind | 'deletedsecrets', Map<string, KeptObject[]>>>;
  readonly answer: (asked: Asked) => JsonReply;
  readonly put: (name: string, value: string, tags?: Texts) => void;
}

const GONE = { secrets: 'SecretNotFound', keys: 'KeyNotFound', certificates: 'CertificateNotFound' } as const;
const MOMENT = 1_767_225_600;

const problem = (status: number, code: string, message: string, inner?: string): JsonReply => ({
  status,
  body: { error: { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) } },
});

const made = (content: Json, { tags = {}, attributes = {} }: Json): KeptObject => ({
  ...{ version: randomBytes(16).toString('hex'), content, tags: tags as Texts },
  attributes: { enabled: true, created: MOMENT, updated: MOMENT, ...(attributes as Json) },
});

/** As it is imported; undefined: it is no private key. */
function publicHalf(jwk: unknown): Json | undefined {
  const given = jwk as webcrypto.JsonWebKey;
  if (given.d === undefined) return undefined;
  return { ...createPublicKey({ key: given, format: 'jwk' }).export({ format: 'jwk' }) };
}

/** Base64 of PKCS #12, or of PEM where the policy says so. */
function certificateIn({ value, policy }: Json): Uint8Array {
  const { secret_props: { contentType = '' } = {} } = (policy ?? {}) as { secret_props?: { contentType?: string } };
  const bytes = Buffer.from(String(value), 'base64');
  if (contentType === 'application/x-pem-file') return certificateDer(bytes.toString('utf8')) ?? new Uint8Array();
  return readPkcs12(bytes, { text: '', spend: () => undefined }).certificates[0] ?? new Uint8Array();
}

export function keyVault(url: string): KeptVault {
  const objects: KeptVault['objects'] = {
    ...{ secrets: new Map(), keys: new Map(), certificates: new Map(), deletedsecrets: new Map() },
  };
  const shown = (kind: Kind, name: string, { version, content, tags, attributes }: KeptObject): Json => {
    const id = `${url}/${kind}/${name}/${version}`;
    const named = kind === 'keys' ? { key: { ...(content['key'] as Json), kid: id } } : { ...content, id };
    return { ...named, tags, attributes };
  };
  const add = (kind: Kind, name: string, object: KeptObject): JsonReply => {
    objects[kind].set(name, [...(objects[kind].get(name) ?? []), object]);
    return { status: 200, body: shown(kind, name, object) };
  };

  function read(kind: Kind, name: string, version: string): JsonReply {
    const versions = objects[kind].get(name) ?? [];
    const found = version === '' ? versions.at(-1) : versions.find((each) => each.version === version);
    if (found === undefined)
      return problem(404, GONE[kind], `A ${kind} with (name/id) ${name} was not found in this vault.`);
    if (found.attributes['enabled'] === false)
      return problem(403, 'Forbidden', 'Operation get is not allowed on a disabled secret.', 'SecretDisabled');
    return { status: 200, body: shown(kind, name, found) };
  }

  function write(kind: Kind, name: string, json: Json): JsonReply {
    if (kind === 'keys') {
      const key = publicHalf(json['key']);
      return key === undefined ? problem(400, 'BadParameter', 'key') : add(kind, name, made({ key }, json));
    }
    if (typeof json['value'] !== 'string') return problem(400, 'BadParameter', 'value');
    if (objects.deletedsecrets.has(name))
      return problem(409, 'Conflict', `Secret ${name} is deleted.`, 'ObjectIsDeletedButRecoverable');
    const { value, contentType } = json;
    return add(kind, name, made({ value, ...(contentType === undefined ? {} : { contentType }) }, json));
  }

  function describe(kind: Kind, name: string, version: string, json: Json): JsonReply {
    const versions = objects[kind].get(name) ?? [];
    const found = version === '' ? versions.at(-1) : versions.find((each) => each.version === version);
    if (found === undefined) return problem(404, GONE[kind], 'none');
    if (json['tags'] !== undefined) found.tags = json['tags'] as Texts;
    found.attributes = { ...found.attributes, ...((json['attributes'] ?? {}) as Json) };
    if (json['contentType'] !== undefined) Object.assign(found.content, { contentType: json['contentType'] });
    return { status: 200, body: shown(kind, name, found) };
  }

  function remove(kind: Kind, name: string): JsonReply {
    const versions = objects[kind].get(name);
    const last = versions?.at(-1);
    if (versions === undefined || last === undefined) return problem(404, GONE[kind], 'none');
    objects[kind].delete(name);
    if (kind === 'secrets') objects.deletedsecrets.set(name, versions);
    const recovery = { recoveryId: `${url}/deleted${kind}/${name}`, deletedDate: MOMENT, scheduledPurgeDate: MOMENT };
    return { status: 200, body: { ...shown(kind, name, last), ...recovery } };
  }

  function ofDeleted(name: string, action: string): JsonReply {
    const versions = objects.deletedsecrets.get(name);
    const last = versions?.at(-1);
    if (versions === undefined || last === undefined) return problem(404, 'SecretNotFound', 'none');
    if (action === 'recover') {
      objects.deletedsecrets.delete(name);
      objects.secrets.set(name, versions);
    }
    return { status: 200, body: { ...shown('secrets', name, last), recoveryId: `${url}/deletedsecrets/${name}` } };
  }

  /** No page has more than three: that all are read shows. */
  function list(query: URLSearchParams, elsewhere: string | undefined): JsonReply {
    const all = [...objects.secrets].flatMap(([name, versions]) => {
      const { tags, attributes } = versions.at(-1) ?? {};
      return [{ id: `${url}/secrets/${name}`, tags, attributes }];
    });
    const from = Number(query.get('$skiptoken') ?? 0);
    const next = from + 3 < all.length ? `${url}/secrets?api-version=7.4&$skiptoken=${String(from + 3)}` : null;
    return { status: 200, body: { value: all.slice(from, from + 3), nextLink: elsewhere ?? next } };
  }

  function ofObject(kind: Kind, [name = '', at = '']: readonly string[], { method, json }: Asked): JsonReply {
    if (method === 'GET') return read(kind, name, at);
    if (method === 'PUT') return write(kind, name, json);
    if (method === 'PATCH') return describe(kind, name, at, json);
    if (method === 'DELETE') return remove(kind, name);
    const cer = Buffer.from(certificateIn(json)).toString('base64');
    return at === 'import' ? add(kind, name, made({ cer }, json)) : problem(400, 'BadParameter', method);
  }

  const kept: KeptVault = {
    objects,
    put: (name, value, tags = {}) => void add('secrets', name, made({ value }, { tags })),
    answer: (asked) => {
      const { path, query } = asked;
      const [, kind = '', ...rest] = path.split('/');
      if (query.get('api-version') !== '7.4') return problem(400, 'BadParameter', 'api-version');
      if (path === '/secrets') return list(query, kept.elsewhere);
      if (kind === 'deletedsecrets') return ofDeleted(rest[0] ?? '', rest[1] ?? '');
      if (kind === 'secrets' || kind === 'keys' || kind === 'certificates') return ofObject(kind, rest, asked);
      return problem(404, 'NotFound', path);
    },
  };
  return kept;
}
