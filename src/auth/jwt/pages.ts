/** What a browser shows that comes back from the issuer straight to the server. */
import type { Reply } from '../../framework/reply.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');

/** No scripts, no frames, and nobody else's forms. */
const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

function page(status: number, title: string, body: string): Reply {
  const text = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>${body}</body></html>\n`;
  return { status, raw: { contentType: 'text/html; charset=utf-8', body: text }, headers: HEADERS };
}

export const failedPage = (why: string): Reply => page(400, 'Login failed', `<p>${escaped(why)}</p>`);

export const donePage: Reply = page(200, 'Logged in', '<p>You can close this window and go back to your program.</p>');

export const postedPage: Reply = page(200, 'Almost there', '<p>Go back to where you began the login.</p>');

/** Somebody may have sent this link to somebody else, whose login would then be theirs (RFC 8628, section 5.4). */
export function confirmPage(asked: Readonly<Record<string, string>>, from: { address: string; role: string }): Reply {
  const inputs = Object.entries({ ...asked, confirmation: 'yes' })
    .map(([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`)
    .join('');
  const who = `A program at the address <b>${escaped(from.address)}</b> asks to log in as you, with the role <b>${escaped(from.role)}</b>.`;
  const body = `<p>${who}</p><p>Go on only if you began this yourself. Otherwise close this window.</p>`;
  return page(200, 'Is this your login?', `${body}<form method="get">${inputs}<button>Yes, log me in</button></form>`);
}
