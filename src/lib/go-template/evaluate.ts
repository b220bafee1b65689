import { builtins, type Reflective, reflective, truth } from './builtins.ts';
import type { FunctionMap, GoFunction } from './function.ts';
import type { Meter } from './meter.ts';
import { quote } from './quote.ts';
import {
  Boxed,
  canBeNil,
  element,
  isAssignable,
  nilOf,
  type Param,
  type Reflected,
  reflectedType,
  typeName,
  unboxed,
} from './reflected.ts';
import { FunctionError, type Reason, TemplateError } from './template-error.ts';
import type { AnyNode, Chain, Command, Identifier, NumberNode, Operand, Pipe } from './tree.ts';
import { source } from './tree.ts';
import { GoBytes, GoList, GoMap, GoObject, SizedInt, typeOf, type Value } from './value.ts';

export type MissingKey = 'error' | 'zero' | 'invalid';

/** What is the same for all templates of a text. */
export interface Context {
  readonly name: string;
  readonly text: string;
  readonly functions: FunctionMap;
  readonly missingKey: MissingKey;
  readonly meter: Meter;
}

/** What comes from the pipeline before a command, where something does. */
type Final = { readonly value: Reflected } | undefined;

interface Given {
  readonly args: readonly Operand[];
  readonly final: Final;
}

const NONE: Given = { args: [], final: undefined };

const constants: Readonly<Record<string, string>> = {
  bool: 'bool',
  string: 'string',
  int: 'integer',
  int64: 'integer',
  float64: 'float',
};

/** Evaluates pipelines of one template as Go's engine does; errors name the node that was evaluated last, as Go's. */
export class Evaluator {
  readonly #context: Context;
  readonly #template: string;
  readonly variables: { readonly name: string; value: Reflected }[];
  #node: AnyNode | undefined;

  constructor(context: Context, template: string, dot: Reflected) {
    this.#context = context;
    this.#template = template;
    this.variables = [{ name: '$', value: dot }];
  }

  at(node: AnyNode): void {
    this.#node = node;
  }

  error(text: string, reason: Reason): TemplateError {
    const { name } = this.#context;
    if (this.#node === undefined)
      return new TemplateError(`template: ${name}: ${text}`, reason, { line: 1, column: 0 });
    const before = this.#context.text.slice(0, this.#node.at);
    const line = before.split('\n').length;
    const column = before.length - (before.lastIndexOf('\n') + 1);
    const where = `template: ${name}:${line}:${column}: executing ${quote(this.#template)} at <${source(this.#node)}>`;
    return new TemplateError(`${where}: ${text}`, reason, { line, column });
  }

  setVariable(name: string | undefined, value: Reflected): void {
    const variable = this.variables.findLast((each) => each.name === name);
    if (variable === undefined) throw this.error(`undefined variable: ${name}`, 'type');
    variable.value = value;
  }

  pipeline(dot: Reflected, pipe: Pipe): Value | undefined {
    this.at(pipe);
    let final: Final;
    for (const command of pipe.commands) final = { value: unboxed(this.#command(dot, command, final)) };
    const result = unboxed(final?.value);
    for (const { ident } of pipe.declared) {
      if (pipe.isAssign) this.setVariable(ident[0], result);
      else this.variables.push({ name: ident[0] ?? '', value: result });
    }
    return result;
  }

  #command(dot: Reflected, { args, ...command }: Command, final: Final): Reflected {
    this.#context.meter.step();
    const [first, ...rest] = args;
    const given = { args: rest, final };
    switch (first?.kind) {
      case 'field':
      case 'chain':
      case 'variable':
        return this.#access(dot, first, given);
      case 'identifier':
        return this.#function(dot, { node: first, call: { ...command, args } }, given);
      case 'pipe':
        this.#notAFunction(first, given);
        return this.pipeline(dot, first);
      default:
        if (first === undefined) return undefined;
        this.at(first);
        this.#notAFunction(first, given);
        if (first.kind === 'nil') throw this.error('nil is not a command', 'type');
        return this.#constant(dot, first);
    }
  }

  #constant(dot: Reflected, node: Operand): Reflected {
    switch (node.kind) {
      case 'dot':
        return dot;
      case 'bool':
        return node.value;
      case 'string':
        return node.text;
      case 'number':
        return this.#number(node);
      default:
        throw this.error(`can't handle assignment of ${source(node)} to empty interface argument`, 'type');
    }
  }

  #notAFunction(node: Operand, { args, final }: Given): void {
    if (args.length === 0 && final === undefined) return;
    throw this.error(`can't give argument to non-function ${source(node)}`, 'type');
  }

  #number(node: NumberNode): Reflected {
    this.at(node);
    if (node.complex === true) throw this.error('complex numbers are not offered', 'type');
    const isHex = /^0[xX]/.test(node.text) && !/[pP]/.test(node.text);
    const isFloat = !isHex && !node.text.startsWith("'") && /[.eEpP]/.test(node.text);
    if (isFloat && node.float !== undefined) return node.float;
    if (node.int !== undefined) return node.int;
    if (node.uint !== undefined) throw this.error(`${node.text} overflows int`, 'type');
    return undefined;
  }

  /** A field, a variable with or without fields, or fields of what parentheses give. */
  #access(dot: Reflected, node: Operand, given: Given): Reflected {
    this.at(node);
    if (node.kind === 'field') return this.#fields(dot, node, { fields: node.ident, given, dot });
    if (node.kind === 'chain') return this.#chain(dot, node, given);
    if (node.kind !== 'variable') throw this.error(`can't evaluate command ${quote(source(node))}`, 'type');
    const [name, ...fields] = node.ident;
    const variable = this.variables.findLast((each) => each.name === name);
    if (variable === undefined) throw this.error(`undefined variable: ${name}`, 'type');
    if (fields.length > 0) return this.#fields(variable.value, node, { fields, given, dot });
    this.#notAFunction(node, given);
    return variable.value;
  }

  #chain(dot: Reflected, node: Chain, given: Given): Reflected {
    if (node.node.kind === 'nil') throw this.error(`indirection through explicit nil in ${source(node)}`, 'type');
    const receiver = this.#argument(dot, undefined, node.node);
    return this.#fields(receiver, node, { fields: node.fields, given, dot });
  }

  #fields(
    receiver: Reflected,
    node: Operand,
    { fields, given, dot }: { fields: readonly string[]; given: Given; dot: Reflected },
  ): Reflected {
    return fields.reduce<Reflected>(
      (value, name, place) =>
        this.#field(value, name, { node, given: place === fields.length - 1 ? given : NONE, dot }),
      receiver,
    );
  }

  #field(
    receiver: Reflected,
    name: string,
    { node, given, dot }: { node: Operand; given: Given; dot: Reflected },
  ): Reflected {
    this.#context.meter.step();
    if (receiver === undefined) {
      if (this.#context.missingKey !== 'error') return undefined;
      throw this.error(`nil data; no entry for key ${quote(name)}`, 'missing key');
    }
    const value = unboxed(receiver);
    if (value === undefined) throw this.error(`nil pointer evaluating interface {}.${name}`, 'missing key');
    if (value instanceof GoObject) {
      const method = value.method(name);
      if (method !== undefined) {
        return this.#call({ name, node, params: method.params, variadic: undefined, call: method.call }, given, dot);
      }
    }
    if (!(value instanceof GoMap)) {
      throw this.error(`can't evaluate field ${name} in type ${reflectedType(receiver ?? null)}`, 'type');
    }
    if (given.args.length > 0 || given.final !== undefined) {
      throw this.error(`${name} is not a method but has arguments`, 'type');
    }
    const item = value.entries.get(name);
    return item === undefined ? this.#missing(value, name) : element(item, value.element);
  }

  #missing(map: GoMap, name: string): Reflected {
    if (this.#context.missingKey === 'error') {
      throw this.error(`map has no entry for key ${quote(name)}`, 'missing key');
    }
    if (this.#context.missingKey === 'invalid') return undefined;
    return element(map.element === 'string' ? '' : null, map.element);
  }

  #function(dot: Reflected, { node, call }: { node: Identifier; call: Operand | Command }, given: Given): Reflected {
    this.at(node);
    const { name } = node;
    const own = this.#context.functions[name] ?? builtins[name];
    if (own !== undefined) return this.#call({ ...own, name, node: call }, given, dot);
    const special = reflective[name];
    if (special === undefined) throw this.error(`${quote(name)} is not a defined function`, 'type');
    return this.#reflective(dot, { ...special, name, node: call }, given);
  }

  #count({ args, final }: Given): number {
    return args.length + (final === undefined ? 0 : 1);
  }

  #reflective(dot: Reflected, called: Reflective & { name: string; node: AnyNode }, given: Given): Reflected {
    const { name, least, most } = called;
    const count = this.#count(given);
    if (count < least && most === Number.POSITIVE_INFINITY) {
      throw this.error(`wrong number of args for ${name}: want at least ${least} got ${given.args.length}`, 'type');
    }
    if (count < least || count > most) {
      throw this.error(`wrong number of args for ${name}: want ${least} got ${count}`, 'type');
    }
    if (name === 'and' || name === 'or') return this.#shortCircuit(dot, name, given);
    const args = given.args.map((arg) => this.#argument(dot, 'reflect', arg));
    if (given.final !== undefined) args.push(this.#validated(given.final.value, 'reflect'));
    if (called.walks) for (const arg of args) this.#charge(unboxed(arg));
    return this.#guarded(called, () => called.call(args));
  }

  #shortCircuit(dot: Reflected, name: 'and' | 'or', { args, final }: Given): Reflected {
    let value: Reflected;
    for (const arg of args) {
      value = this.#argument(dot, 'reflect', arg);
      if (truth(value) === (name === 'or')) return value;
    }
    return final === undefined ? value : this.#validated(final.value, 'reflect');
  }

  #call(called: GoFunction & { name: string; node: AnyNode }, given: Given, dot?: Reflected): Reflected {
    const { name, params, variadic } = called;
    const count = this.#count(given);
    if (variadic !== undefined && count < params.length) {
      const text = `wrong number of args for ${name}: want at least ${params.length} got ${given.args.length}`;
      throw this.error(text, 'type');
    }
    if (variadic === undefined && count !== params.length) {
      throw this.error(`wrong number of args for ${name}: want ${params.length} got ${count}`, 'type');
    }
    const args = given.args.map((arg, place) => this.#argument(dot, params[place] ?? variadic, arg) ?? null);
    if (given.final !== undefined) {
      args.push(this.#validated(given.final.value, params[args.length] ?? variadic) ?? null);
    }
    for (const arg of args) this.#charge(arg as Value);
    const result = this.#guarded(called, () => called.call(args as Value[], this.#context.meter));
    if (typeof result === 'string') {
      this.#context.meter.make(result.length);
      this.#context.meter.text(result.length);
    }
    return result === null ? new Boxed(null) : result;
  }

  /** What a function may do with an argument as a whole; of what lies within it keeps account itself. */
  #charge(value: Value | undefined): void {
    const { meter } = this.#context;
    if (value instanceof GoList) {
      meter.read(8 * value.items.length);
    } else if (typeof value === 'string' || value instanceof GoBytes) {
      const { length } = typeof value === 'string' ? value : value.bytes;
      meter.text(length);
      meter.read(length);
    }
  }

  #guarded<T>({ name, node }: { name: string; node: AnyNode }, call: () => T): T {
    this.#context.meter.step();
    try {
      return call();
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      this.at(node);
      throw this.error(`error calling ${name}: ${error.message}`, 'call');
    }
  }

  #validated(value: Reflected, param: Param | undefined): Reflected {
    if (param === undefined || param === 'reflect') return value;
    if (value === undefined) {
      if (canBeNil(param)) return nilOf(param);
      throw this.error(`invalid value; expected ${typeName(param)}`, 'type');
    }
    if (value instanceof Boxed && param === 'any') return value.value;
    const inner = unboxed(value);
    if (inner !== undefined && isAssignable(inner, param)) return inner;
    const type = inner === undefined ? 'interface {}' : typeOf(inner);
    throw this.error(`wrong type for value; expected ${typeName(param)}; got ${type}`, 'type');
  }

  #argument(dot: Reflected, param: Param | undefined, node: Operand): Reflected {
    this.at(node);
    this.#context.meter.step();
    switch (node.kind) {
      case 'dot':
        return this.#validated(dot, param);
      case 'nil':
        if (param === undefined || canBeNil(param)) return param === undefined ? undefined : nilOf(param);
        throw this.error(`cannot assign nil to ${typeName(param)}`, 'type');
      case 'field':
      case 'variable':
      case 'chain':
        return this.#validated(this.#access(dot, node, NONE), param);
      case 'pipe':
        return this.#validated(this.pipeline(dot, node), param);
      case 'identifier':
        return this.#validated(this.#function(dot, { node, call: node }, NONE), param);
      default:
        return this.#literal(dot, param, node);
    }
  }

  #literal(dot: Reflected, param: Param | undefined, node: Operand): Reflected {
    if (param === undefined || param === 'any' || param === 'reflect') return this.#constant(dot, node);
    const value = constantFor(param, node);
    if (value !== undefined) return value;
    const expected = constants[param];
    if (expected !== undefined) throw this.error(`expected ${expected}; found ${source(node)}`, 'type');
    throw this.error(`can't handle ${source(node)} for arg of type ${typeName(param)}`, 'type');
  }
}

/** A constant for a parameter of its type; Go's constants fit any type that can hold them. */
function constantFor(param: Param, node: Operand): Value | undefined {
  if (node.kind === 'bool') return param === 'bool' ? node.value : undefined;
  if (node.kind === 'string') return param === 'string' ? node.text : undefined;
  if (node.kind !== 'number') return undefined;
  if (param === 'float64') return node.float;
  if (node.int === undefined) return undefined;
  return param === 'int' ? node.int : param === 'int64' ? new SizedInt('int64', node.int) : undefined;
}
