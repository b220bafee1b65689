/**
 * Puts payments into a program. The package evaluates loops, indices, `has` and messages by itself; here they become, or
 * pass through, functions, which pay (`syntax.ts` has them).
 */
import {
  callOf,
  extentOf,
  instead,
  intOf,
  listOf,
  qualifiedName,
  textOf,
  type Call,
  type Comprehension,
  type Expr,
  type Struct,
} from './tree.ts';

/** Take one argument or more: as one list. */
const VARIADIC = new Set(['math.greatest', 'math.least']);

const meteredOr = (expr: Expr | undefined): Expr | undefined => (expr === undefined ? undefined : metered(expr));

function meteredCall(old: Expr, call: Call): Expr {
  const { target, function: name } = call;
  const args = call.args.map(metered);
  if (name === '_[_]') return callOf(old, '@index', args);
  // Once: each level of `x.f().f()` that did it twice would double the work of all below.
  const receiver = meteredOr(target);
  const text = receiver ?? args[0];
  const pattern = args.at(-1);
  if (name === 'matches' && text !== undefined && pattern?.exprKind.case === 'constExpr')
    return callOf(old, '@matches', [text, pattern]);
  const qualified = target === undefined ? undefined : qualifiedName(target);
  if (qualified !== undefined && VARIADIC.has(`${qualified}.${name}`) && args.length > 1)
    return instead(old, { case: 'callExpr', value: { ...call, args: [listOf(old, args)] } });
  const value: Call = { ...call, args };
  if (receiver !== undefined) value.target = receiver;
  return instead(old, { case: 'callExpr', value });
}

/** Each step of `map` and `filter` makes the list anew, and so they take the square of its length: `@append` adds to it. */
function appending(step: Expr): Expr {
  const { case: kind, value } = step.exprKind;
  if (kind !== 'callExpr') return step;
  if (value.function === '_?_:_') {
    const [test, then, otherwise] = value.args;
    if (test === undefined || then === undefined || otherwise === undefined) return step;
    return callOf(step, value.function, [test, appending(then), otherwise]);
  }
  const [accumulated, added] = value.args;
  if (value.function !== '_+_' || accumulated === undefined || added?.exprKind.case !== 'listExpr') return step;
  return callOf(step, '@append', [accumulated, ...added.exprKind.value.elements]);
}

function meteredLoop(old: Expr, loop: Comprehension): Expr {
  const { iterRange, accuInit, loopCondition, loopStep, result } = loop;
  if (!iterRange || !accuInit || !loopCondition || !loopStep || !result) return old;
  const nodes = extentOf(loopCondition).nodes + extentOf(loopStep).nodes;
  const makesList = accuInit.exprKind.case === 'listExpr';
  const value: Comprehension = {
    ...loop,
    accuInit: metered(accuInit),
    iterRange: callOf(iterRange, '@range', [metered(iterRange)]),
    loopCondition: callOf(loopCondition, '@step', [metered(loopCondition), intOf(loopCondition, nodes)]),
    loopStep: metered(makesList ? appending(loopStep) : loopStep),
    result: metered(result),
  };
  return instead(old, { case: 'comprehensionExpr', value });
}

function meteredStruct(old: Expr, struct: Struct): Expr {
  const isMessage = struct.messageName !== '';
  const entries = struct.entries.map((entry) => {
    const fresh = { ...entry };
    if (entry.value !== undefined)
      fresh.value = isMessage ? callOf(entry.value, '@field', [metered(entry.value)]) : metered(entry.value);
    if (entry.keyKind.case === 'mapKey') fresh.keyKind = { case: 'mapKey', value: metered(entry.keyKind.value) };
    return fresh;
  });
  return instead(old, { case: 'structExpr', value: { ...struct, entries } });
}

/** Recurses: the depth is bounded before. */
export function metered(expr: Expr): Expr {
  const { case: kind, value } = expr.exprKind;
  switch (kind) {
    case 'selectExpr': {
      const operand = meteredOr(value.operand);
      if (operand === undefined) return expr;
      if (value.testOnly) return callOf(expr, '@has', [operand, textOf(expr, value.field)]);
      return instead(expr, { case: 'selectExpr', value: { ...value, operand } });
    }
    case 'callExpr':
      return meteredCall(expr, value);
    case 'listExpr':
      return listOf(expr, value.elements.map(metered));
    case 'structExpr':
      return meteredStruct(expr, value);
    case 'comprehensionExpr':
      return meteredLoop(expr, value);
    case 'constExpr':
    case 'identExpr':
    case undefined:
      return expr;
  }
}
