/** Go's `html`, `js` and `urlquery`. */
import { isPrint, runesOf } from './bytes.ts';

const html: Readonly<Record<string, string>> = {
  ...{ '\0': '\xef\xbf\xbd', '"': '&#34;', "'": '&#39;' },
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;' },
};

export function escapeHtml(text: string): string {
  return text.replace(/[\0"'&<>]/g, (char) => html[char] ?? char);
}

const js: Readonly<Record<string, string>> = {
  ...{ '\\': '\\\\', "'": "\\'", '"': '\\"' },
  ...{ '<': '\\u003C', '>': '\\u003E', '&': '\\u0026', '=': '\\u003D' },
};

export function escapeJs(text: string): string {
  let out = '';
  for (const { code, at, width } of runesOf(text)) {
    const char = String.fromCodePoint(code);
    const plain = code >= 0x20 && (code < 0x80 || isPrint(code));
    const hex = code.toString(16).toUpperCase().padStart(4, '0');
    out += js[char] ?? (plain ? text.slice(at, at + width) : `\\u${hex}`);
  }
  return out;
}

/** `url.QueryEscape` */
export function escapeQuery(text: string): string {
  return percentEncoded(text, /[A-Za-z0-9\-_.~]/).replaceAll('%20', '+');
}

/** Each byte but those that `kept` matches as `%XX`. */
export function percentEncoded(text: string, kept: RegExp): string {
  return Array.from(text, (byte) => {
    const hex = byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
    return kept.test(byte) ? byte : `%${hex}`;
  }).join('');
}
