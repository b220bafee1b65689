/** The parsed program, as the package has it: `cel.expr.Expr`, with `@`-names that no source can have for what is put in. */
import type { parse } from '@bufbuild/cel';

export type Parsed = ReturnType<typeof parse>;
export type Expr = Parsed['expr'];
type Kind = Expr['exprKind'];
export type Call = Extract<Kind, { case: 'callExpr' }>['value'];
export type Struct = Extract<Kind, { case: 'structExpr' }>['value'];
export type Comprehension = Extract<Kind, { case: 'comprehensionExpr' }>['value'];
export type Select = Extract<Kind, { case: 'selectExpr' }>['value'];

const some = (...exprs: readonly (Expr | undefined)[]): Expr[] => exprs.filter((each) => each !== undefined);

export function childrenOf({ exprKind: { case: kind, value } }: Expr): Expr[] {
  switch (kind) {
    case 'selectExpr':
      return some(value.operand);
    case 'callExpr':
      return some(value.target, ...value.args);
    case 'listExpr':
      return value.elements;
    case 'structExpr':
      return value.entries.flatMap((entry) =>
        some(entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined, entry.value),
      );
    case 'comprehensionExpr':
      return some(value.iterRange, value.accuInit, value.loopCondition, value.loopStep, value.result);
    case 'constExpr':
    case 'identExpr':
    case undefined:
      return [];
  }
}

export interface Extent {
  readonly nodes: number;
  readonly depth: number;
}

/** Without recursion: it comes before what recurses. */
export function extentOf(root: Expr): Extent {
  let nodes = 0;
  let depth = 0;
  for (let level = [root]; level.length > 0; level = level.flatMap(childrenOf)) {
    nodes += level.length;
    depth += 1;
  }
  return { nodes, depth };
}

/** `a.b.c` for a chain of names, undefined for all else. */
export function qualifiedName({ exprKind: { case: kind, value } }: Expr): string | undefined {
  if (kind === 'identExpr') return value.name;
  if (kind !== 'selectExpr' || value.testOnly || value.operand === undefined) return undefined;
  const before = qualifiedName(value.operand);
  return before === undefined ? undefined : `${before}.${value.field}`;
}

/** In place of `old`, whose number, and so whose place in the source, it keeps. */
export const instead = (old: Expr, exprKind: Kind): Expr => ({ ...old, exprKind });

export const callOf = (old: Expr, name: string, args: Expr[]): Expr =>
  instead(old, { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: name, args } });

export const listOf = (old: Expr, elements: Expr[]): Expr =>
  instead(old, {
    case: 'listExpr',
    value: { $typeName: 'cel.expr.Expr.CreateList', elements, optionalIndices: [] },
  });

export const textOf = (old: Expr, text: string): Expr =>
  instead(old, {
    case: 'constExpr',
    value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'stringValue', value: text } },
  });

export const intOf = (old: Expr, number: number): Expr =>
  instead(old, {
    case: 'constExpr',
    value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'int64Value', value: BigInt(number) } },
  });
