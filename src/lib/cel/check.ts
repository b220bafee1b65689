/**
 * Names in a parsed program: a variable, function, message or field that there is not is refused when the program is written,
 * with its place, and never met at a login. Types are not checked: claims have any.
 */
import { library } from './library.ts';
import { placeAt } from './source.ts';
import { CelRefused } from './refusal.ts';
import {
  childrenOf,
  extentOf,
  qualifiedName,
  type Call,
  type Comprehension,
  type Expr,
  type Parsed,
  type Struct,
} from './tree.ts';
import type { CelFunc } from '@bufbuild/cel';
import type { Messages } from './messages.ts';
import type { Patterns } from './patterns.ts';

/** The tree is evaluated by recursion. */
const DEEPEST = 250;

/** How many arguments it takes: as `x.f()`, and as `f()`. */
interface Arities {
  readonly onReceiver: Set<number>;
  readonly alone: Set<number>;
}

export interface Names {
  readonly functions: ReadonlyMap<string, Arities>;
  readonly messages: ReadonlyMap<string, ReadonlySet<string>>;
  /** `int`, `pb.Auth` and others, as values. */
  readonly types: ReadonlySet<string>;
  readonly patterns: Patterns;
}

const TYPES = ['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint'];

/** Fields of those that there are beside the environment's own. */
const WELL_KNOWN = {
  'google.protobuf.Timestamp': ['seconds', 'nanos'],
  'google.protobuf.Duration': ['seconds', 'nanos'],
};

/** Evaluated by the package itself, with as many arguments as its syntax gives. */
const OPERATORS = new Set(['_[_]', '_?_:_', '_&&_', '_||_', '@not_strictly_false']);
/** Of one argument or more. */
const VARIADIC = new Set(['math.greatest', 'math.least']);
const MACROS = new Set(['all', 'exists', 'exists_one', 'existsOne', 'filter', 'map']);

export function namesOf(funcs: readonly CelFunc[], messages: Messages, patterns: Patterns): Names {
  const functions = new Map<string, Arities>();
  for (const { name, target, arguments: parameters } of funcs) {
    const arities = functions.get(name) ?? { onReceiver: new Set<number>(), alone: new Set<number>() };
    (target === undefined ? arities.alone : arities.onReceiver).add(parameters.length);
    functions.set(name, arities);
  }
  const known = new Map(Object.entries(WELL_KNOWN).map(([name, fields]) => [name, new Set(fields)]));
  for (const [name, fields] of Object.entries(messages)) known.set(name, new Set(Object.keys(fields)));
  return { functions, messages: known, types: new Set([...TYPES, ...known.keys()]), patterns };
}

type Scope = ReadonlySet<string>;

class Check {
  readonly #source: string;
  readonly #parsed: Parsed;
  readonly #names: Names;
  readonly #variable: string | undefined;

  constructor(source: string, parsed: Parsed, names: Names, variable: string | undefined) {
    this.#source = source;
    this.#parsed = parsed;
    this.#names = names;
    this.#variable = variable;
  }

  refuse({ id }: { readonly id: bigint }, reason: string): never {
    const offset = this.#parsed.sourceInfo?.positions[String(id)] ?? 0;
    throw new CelRefused(reason, placeAt(this.#source, offset), this.#variable);
  }

  walk(expr: Expr, scope: Scope): void {
    const { case: kind, value } = expr.exprKind;
    switch (kind) {
      case 'identExpr':
        if (!scope.has(value.name) && !this.#names.types.has(value.name))
          this.refuse(expr, `there is no variable "${value.name}"`);
        return;
      case 'selectExpr':
        this.#select(expr, scope);
        return;
      case 'callExpr':
        this.#call(expr, value, scope);
        return;
      case 'structExpr':
        this.#struct(expr, value);
        break;
      case 'comprehensionExpr':
        this.#loop(value, scope);
        return;
      case 'constExpr':
        this.#constant(expr);
        return;
      case 'listExpr':
      case undefined:
    }
    for (const child of childrenOf(expr)) this.walk(child, scope);
  }

  #select(expr: Expr, scope: Scope): void {
    const name = qualifiedName(expr);
    if (name !== undefined && this.#names.types.has(name)) return;
    const [operand] = childrenOf(expr);
    if (operand === undefined || expr.exprKind.case !== 'selectExpr') return;
    if (operand.exprKind.case === 'structExpr' && operand.exprKind.value.messageName !== '')
      this.#field(expr, operand.exprKind.value.messageName, expr.exprKind.value.field);
    this.walk(operand, scope);
  }

  #field(at: { readonly id: bigint }, message: string, field: string): void {
    const fields = this.#names.messages.get(message.replace(/^\./, ''));
    if (fields !== undefined && !fields.has(field)) this.refuse(at, `${message} has no field "${field}"`);
  }

  #struct(expr: Expr, { messageName, entries }: Struct): void {
    if (messageName === '') return;
    if (!this.#names.messages.has(messageName.replace(/^\./, '')))
      this.refuse(expr, `there is no message "${messageName}"`);
    const given = new Set<string>();
    for (const entry of entries) {
      if (entry.keyKind.case !== 'fieldKey') continue;
      this.#field(entry, messageName, entry.keyKind.value);
      if (given.has(entry.keyKind.value)) this.refuse(entry, `the field "${entry.keyKind.value}" is there twice`);
      given.add(entry.keyKind.value);
    }
  }

  #call(expr: Expr, call: Call, scope: Scope): void {
    const { target, function: name, args } = call;
    const given = args.length;
    if (target !== undefined) this.#member(expr, call, target, scope);
    else if (!OPERATORS.has(name)) this.#arity(expr, name, { given, fitting: this.#names.functions.get(name)?.alone });
    for (const each of args) this.walk(each, scope);
    if (name === 'matches') this.#pattern(args.at(-1));
  }

  /** `x.size()`, or a function whose name has dots. */
  #member(expr: Expr, { function: name, args }: Call, target: Expr, scope: Scope): void {
    const given = args.length;
    const before = qualifiedName(target);
    if (before !== undefined) {
      const full = `${before}.${name}`;
      const fitting = this.#names.functions.get(full)?.alone;
      if (fitting !== undefined) {
        this.#arity(expr, full, { given, fitting });
        return;
      }
      const [root = ''] = before.split('.');
      if (!scope.has(root)) this.refuse(expr, `there is no function ${full}()`);
    }
    this.walk(target, scope);
    if (MACROS.has(name))
      this.refuse(
        expr,
        `${name}() takes a variable of its own and an expression, as in claims.groups.${name}(x, x != "")`,
      );
    this.#arity(expr, `x.${name}`, { given, fitting: this.#names.functions.get(name)?.onReceiver });
  }

  #arity(
    expr: Expr,
    name: string,
    { given, fitting }: { readonly given: number; readonly fitting: Set<number> | undefined },
  ): void {
    if (name === 'has') this.refuse(expr, 'has() takes a field, as in has(claims.x)');
    if (fitting === undefined || fitting.size === 0) this.refuse(expr, `there is no function ${name}()`);
    if (!fitting.has(given) && !(VARIADIC.has(name) && given > 0))
      this.refuse(expr, `${name}() takes ${Array.from(fitting, String).join(' or ')} arguments, not ${String(given)}`);
  }

  /** One that stands there as it is, is compiled now. */
  #pattern(expr: Expr | undefined): void {
    if (expr?.exprKind.case !== 'constExpr') return;
    const { constantKind } = expr.exprKind.value;
    if (constantKind.case !== 'stringValue') return;
    try {
      this.#names.patterns.keep(constantKind.value);
    } catch (error) {
      this.refuse(expr, (error as Error).message);
    }
  }

  #loop({ iterVar, accuVar, iterRange, accuInit, loopCondition, loopStep, result }: Comprehension, scope: Scope): void {
    const inner = new Set([...scope, iterVar, accuVar]);
    for (const expr of [iterRange, accuInit]) if (expr !== undefined) this.walk(expr, scope);
    for (const expr of [loopCondition, loopStep, result]) if (expr !== undefined) this.walk(expr, inner);
  }

  #constant(expr: Expr): void {
    if (expr.exprKind.case !== 'constExpr') return;
    const { constantKind } = expr.exprKind.value;
    const isWide =
      (constantKind.case === 'int64Value' && BigInt.asIntN(64, constantKind.value) !== constantKind.value) ||
      (constantKind.case === 'uint64Value' && BigInt.asUintN(64, constantKind.value) !== constantKind.value);
    if (isWide) this.refuse(expr, 'the number does not fit in 64 bits');
  }
}

interface Located {
  readonly message: string;
  readonly location?: { readonly start: { readonly offset: number } };
}

export interface Text {
  readonly source: string;
  /** Whose expression it is. */
  readonly variable: string | undefined;
}

function parsed({ source, variable }: Text): Parsed {
  try {
    // The package wants a comment to be followed by the end of its line.
    return library().cel.parse(`${source}\n`);
  } catch (error) {
    const { message, location } = error as Located;
    throw new CelRefused(
      message.replace(/^<input>:\d+:\d+: /, ''),
      placeAt(source, location?.start.offset ?? 0),
      variable,
    );
  }
}

/** Throws `CelRefused`. */
export function checkedTree(text: Text, names: Names, variables: Scope): Expr {
  const tree = parsed(text);
  const check = new Check(text.source, tree, names, text.variable);
  if (extentOf(tree.expr).depth > DEEPEST)
    check.refuse(tree.expr, `an expression nests at most ${String(DEEPEST)} deep`);
  check.walk(tree.expr, variables);
  return tree.expr;
}
