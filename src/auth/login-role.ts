/** The role that a login names, for quotas of it: read as its field is, so that no spelling of it counts for nobody. */
export function namedRole(given: unknown): string | undefined {
  const isText = typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean';
  return isText && given !== '' ? String(given).toLowerCase() : undefined;
}
