const HEX = /^(?:[0-9a-f]{2})+$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** The bytes of a hex or base64 text (hex first, as Vault reads shares); undefined when it is neither, or empty. */
export function parseKeyText(text: string): Buffer | undefined {
  const trimmed = text.trim();
  if (HEX.test(trimmed)) return Buffer.from(trimmed, 'hex');
  return trimmed !== '' && BASE64.test(trimmed) ? Buffer.from(trimmed, 'base64') : undefined;
}
