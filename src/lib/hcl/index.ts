/** HCL for configuration and policies: `parseHcl(text, name)`, then `blocksOf` and the tree's own maps. */
export { blocksOf, HclError, isBody } from './ast.ts';
export type { Attribute, Block, Body, Position, Value } from './ast.ts';
export { limits } from './cursor.ts';
export { parseHcl } from './parse.ts';
