/** HCL for configuration and policies: `parseHcl(text, name)`, then `blocksOf` and the tree's own maps. */
export { blocksOf, formatPosition, HclError, isBody, labelled } from './ast.ts';
export type { Attribute, Block, Body, Position, Value } from './ast.ts';
export { limits } from './cursor.ts';
export { parseHcl } from './parse.ts';
