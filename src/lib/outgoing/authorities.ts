/** Whom to trust for servers elsewhere: the authorities that Node and this machine have. */

/** Reading the machine's own list takes some 70 ms, so it is read once. */
let known: string[] | undefined;

/** PEM, one certificate each. */
export function authorities(): string[] {
  const { getCACertificates } = process.getBuiltinModule('node:tls');
  known ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  return known;
}
