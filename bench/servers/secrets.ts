/** The secrets that every server is filled with: ten folders of a hundred, to be read, and as many to be written. */

const folders = 10;
const perFolder = 100;
export const perSet = folders * perFolder;

/** What each of them holds: 192 bytes as JSON. */
export const secret = { username: 'app', password: 'x'.repeat(160) } as const;

/** Those that are written have keys of their own, or reads would meet more versions in every round. */
export type SecretSet = 'read' | 'written';

export function folderOf(set: SecretSet, at: number): string {
  return `${set}/team-${at % folders}`;
}

export function keyOf(set: SecretSet, at: number): string {
  return `${folderOf(set, at)}/app-${Math.floor(at / folders) % perFolder}`;
}
