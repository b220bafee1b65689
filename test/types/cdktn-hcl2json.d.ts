/**
 * The part of `@cdktn/hcl2json` that tests use. Its own types bring in the browser's, with which mistakes such as a use of
 * `window` would pass everywhere; tsconfig.json therefore points here.
 */
export function parse(filename: string, contents: string): Promise<Record<string, unknown>>;
