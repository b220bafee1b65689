/** The role that a login names, for quotas of it. */

/** Read as the login's own field reads it, which takes numbers and bools for texts: no spelling leads around a quota. */
export function namedRole(raw: unknown): string | undefined {
  const isText = typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean';
  return isText && raw !== '' ? String(raw).toLowerCase() : undefined;
}
