/** `urlParse` and `urlJoin`, by the parser of Go's `net/url`: unlike that of browsers it mends nothing. */
import { isIPv6 } from 'node:net';
import { fn, type FunctionMap } from '../function.ts';
import { FunctionError } from '../template-error.ts';
import { GoMap, kindOf, lengthOf } from '../value.ts';

type Mode = 'host' | 'zone' | 'user' | 'path' | 'fragment';

/** What need not be escaped, besides letters and digits. */
const PLAIN: Readonly<Record<Mode, string>> = {
  host: '-_.~!$&\'()*+,;=:[]<>"',
  zone: '-_.~!$&\'()*+,;=:[]<>"',
  user: '-_.~$&+,;=',
  path: '-_.~$&+,/:;=@',
  fragment: '-_.~$&+,/:;=?@!()*',
};

const isPlain = (char: string, mode: Mode): boolean => /[A-Za-z0-9]/.test(char) || PLAIN[mode].includes(char);

const escaped = (text: string, mode: Mode): string =>
  Array.from(text, (char) =>
    isPlain(char, mode) ? char : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');

function wrong(why: string): never {
  throw new FunctionError(`unable to parse url: ${why}`);
}

function unescaped(text: string, mode: Mode): string {
  const hostly = mode === 'host' || mode === 'zone';
  const bad = hostly
    ? Array.from(text).find((char) => char < '\x80' && char !== '%' && !isPlain(char, mode))
    : undefined;
  if (bad !== undefined) wrong('invalid character in host name');
  return text.replaceAll(/%([\da-fA-F]{2})?/g, (all, hex?: string) => {
    if (hex === undefined) return wrong('invalid URL escape');
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    // A host's escapes are for what is not ASCII.
    if (mode === 'host' && char < '\x80' && all !== '%25') return wrong('invalid URL escape');
    if (mode === 'zone' && all !== '%25' && char !== ' ' && !isPlain(char, 'host')) return wrong('invalid URL escape');
    return char;
  });
}

interface Parsed {
  readonly scheme: string;
  readonly opaque: string;
  readonly user: string | undefined;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

function cut(text: string, by: string): readonly [before: string, after: string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + by.length)];
}

function parsed(text: string): Parsed {
  const [address, anchor] = cut(text, '#');
  if (/[\0-\x1f\x7f]/.test(address)) wrong('invalid control character in URL');
  const none = { scheme: '', opaque: '', user: undefined, host: '', path: '', query: '' };
  if (address === '*') return { ...none, path: '*', fragment: unescaped(anchor, 'fragment') };
  if (address.startsWith(':')) wrong('missing protocol scheme');
  const fragment = unescaped(anchor, 'fragment');
  const named = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(address)?.[1];
  const [rest, query] = cut(named === undefined ? address : address.slice(named.length + 1), '?');
  const given = { ...none, scheme: named?.toLowerCase() ?? '', query, fragment };
  if (rest.startsWith('/')) return { ...given, ...hierarchical(given.scheme, rest) };
  if (given.scheme !== '') return { ...given, opaque: rest };
  if (cut(rest, '/')[0].includes(':')) wrong('first path segment in URL cannot contain colon');
  return { ...given, path: unescaped(rest, 'path') };
}

function hierarchical(scheme: string, rest: string): Pick<Parsed, 'user' | 'host' | 'path'> {
  const hasAuthority = rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'));
  const [authority = ''] = hasAuthority ? rest.slice(2).split('/') : [];
  const path = unescaped(hasAuthority ? rest.slice(2 + authority.length) : rest, 'path');
  return { ...authorityOf(scheme, authority), path };
}

function authorityOf(scheme: string, text: string): Pick<Parsed, 'user' | 'host'> {
  const at = text.lastIndexOf('@');
  const host = hostOf(scheme, text.slice(at + 1));
  if (at < 0) return { user: undefined, host };
  const info = text.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(info)) wrong('invalid userinfo');
  const [name, password] = cut(info, ':');
  const plain = escaped(unescaped(name, 'user'), 'user');
  return { user: info.includes(':') ? `${plain}:${escaped(unescaped(password, 'user'), 'user')}` : plain, host };
}

const mustBePort = (text: string): void => {
  if (!/^(:\d*)?$/.test(text)) wrong('invalid port after host');
};

function hostOf(scheme: string, text: string): string {
  const bracket = text.lastIndexOf('[');
  if (bracket > 0) wrong('invalid IP-literal');
  if (bracket === 0) return literalOf(text);
  // Lists of hosts with ports stand in the addresses of data bases.
  const colon = scheme === 'http' || scheme === 'https' ? text.indexOf(':') : text.lastIndexOf(':');
  if (colon >= 0) mustBePort(text.slice(colon));
  return unescaped(text, 'host');
}

function literalOf(text: string): string {
  const end = text.lastIndexOf(']');
  if (end < 0) wrong("missing ']' in host");
  mustBePort(text.slice(end + 1));
  const inner = text.slice(1, end);
  const zone = inner.indexOf('%25');
  const address = unescaped(zone < 0 ? inner : inner.slice(0, zone), 'host');
  const suffix = zone < 0 ? '' : unescaped(inner.slice(zone), 'zone');
  if (!isIPv6(address) || suffix === '%') wrong('invalid host');
  return `[${address}${suffix}]${text.slice(end + 1)}`;
}

function hostname(host: string): string {
  const plain = host.replace(/:\d*$/, '');
  return plain.startsWith('[') && plain.endsWith(']') ? plain.slice(1, -1) : plain;
}

function joined(map: GoMap): string {
  const part = (key: string): string => {
    const value = map.entries.get(key) ?? '';
    if (typeof value === 'string') return value;
    throw new FunctionError(`unable to parse ${key} key, must be of type string, but ${kindOf(value)} found`);
  };
  const { scheme, host, path, query, opaque, fragment, userinfo } = Object.fromEntries(
    ['scheme', 'host', 'path', 'query', 'opaque', 'fragment', 'userinfo'].map((key) => [key, part(key)]),
  ) as Record<string, string>;
  const user = userinfo === '' ? undefined : parsed(`proto://${userinfo}@host`).user;
  const place = opaque || placeOf({ scheme, host, path, user } as Place);
  const start = scheme === '' ? '' : `${scheme}:`;
  return `${start}${place}${query && `?${query}`}${fragment && `#${escaped(fragment ?? '', 'fragment')}`}`;
}

type Place = Pick<Parsed, 'scheme' | 'host' | 'path' | 'user'>;

function placeOf({ scheme, host, path, user }: Place): string {
  const hasAuthority = host !== '' || user !== undefined || (scheme !== '' && path !== '');
  const authority = hasAuthority ? `//${user === undefined ? '' : `${user}@`}${escaped(host, 'host')}` : '';
  const plain = path === '*' ? path : escaped(path, 'path');
  return authority + between(plain, host, scheme + authority) + plain;
}

function between(path: string, host: string, before: string): string {
  if (host !== '') return path === '' || path.startsWith('/') ? '' : '/';
  // Its first segment would be taken for a scheme.
  return before === '' && cut(path, '/')[0].includes(':') ? './' : '';
}

export const urlFunctions: FunctionMap = {
  urlParse: fn(['string'], ([text], meter) => {
    meter.make(4 * text.length);
    const { user = '', ...found } = parsed(text);
    return new GoMap(Object.entries({ ...found, hostname: hostname(found.host), userinfo: user }));
  }),
  urlJoin: fn(['dict'], ([map], meter) => {
    meter.make([...map.entries.values()].reduce<number>((sum, each) => sum + 3 * (lengthOf(each) ?? 0), 0));
    return joined(map);
  }),
};
