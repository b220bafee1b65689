/** What a template parses to, and each piece as Go's errors show it. Positions are bytes in the text. */
import { quote } from './quote.ts';

export interface List {
  readonly kind: 'list';
  readonly at: number;
  readonly nodes: Node[];
}

export interface Branch {
  readonly kind: 'if' | 'with' | 'range';
  readonly at: number;
  readonly pipe: Pipe;
  readonly list: List;
  readonly elseList: List | undefined;
}

export type Node =
  | { readonly kind: 'text'; readonly at: number; readonly text: string }
  | Action
  | Branch
  | Call
  | { readonly kind: 'break' | 'continue'; readonly at: number }
  | List;

export interface Action {
  readonly kind: 'action';
  readonly at: number;
  readonly pipe: Pipe;
}

/** `{{template "name" pipe}}` */
export interface Call {
  readonly kind: 'template';
  readonly at: number;
  readonly name: string;
  readonly pipe: Pipe | undefined;
}

export interface Pipe {
  readonly kind: 'pipe';
  readonly at: number;
  /** `=`, not `:=`. */
  isAssign: boolean;
  readonly declared: Variable[];
  readonly commands: Command[];
}

export interface Command {
  readonly kind: 'command';
  readonly at: number;
  readonly args: Operand[];
}

export interface Variable {
  readonly kind: 'variable';
  readonly at: number;
  /** The variable's name with its `$`, then fields. */
  readonly ident: readonly string[];
}

export interface Field {
  readonly kind: 'field';
  readonly at: number;
  readonly ident: readonly string[];
}

export interface Chain {
  readonly kind: 'chain';
  readonly at: number;
  readonly node: Operand;
  readonly fields: readonly string[];
}

export interface Identifier {
  readonly kind: 'identifier';
  readonly at: number;
  readonly name: string;
}

/** A constant in every type that can hold it. */
export interface NumberNode {
  readonly kind: 'number';
  readonly at: number;
  readonly text: string;
  readonly int?: bigint;
  readonly uint?: bigint;
  readonly float?: number;
  readonly complex?: boolean;
}

export type Operand =
  | Identifier
  | Variable
  | Field
  | Chain
  | Pipe
  | NumberNode
  | { readonly kind: 'dot' | 'nil'; readonly at: number }
  | { readonly kind: 'bool'; readonly at: number; readonly value: boolean }
  | { readonly kind: 'string'; readonly at: number; readonly quoted: string; readonly text: string };

export type AnyNode = Node | Operand | Command;

export function variableOf({ at, text }: { readonly at: number; readonly text: string }): Variable {
  return { kind: 'variable', at, ident: [text] };
}

/** A piece of the tree, as a template's author would write it. */
export function source(node: AnyNode): string {
  switch (node.kind) {
    case 'list':
      return node.nodes.map(source).join('');
    case 'text':
      return node.text;
    case 'action':
      return `{{${source(node.pipe)}}}`;
    case 'if':
    case 'with':
    case 'range':
      return branchSource(node);
    case 'template':
      return `{{template ${quote(node.name)}${node.pipe === undefined ? '' : ` ${source(node.pipe)}`}}}`;
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`;
    default:
      return operandSource(node);
  }
}

function branchSource({ kind, pipe, list, elseList }: Branch): string {
  const otherwise = elseList === undefined ? '' : `{{else}}${source(elseList)}`;
  return `{{${kind} ${source(pipe)}}}${source(list)}${otherwise}{{end}}`;
}

function operandSource(node: Operand | Command): string {
  switch (node.kind) {
    case 'pipe':
      return pipeSource(node);
    case 'command':
      return node.args.map(enclosed).join(' ');
    case 'identifier':
      return node.name;
    case 'variable':
      return node.ident.join('.');
    case 'field':
      return node.ident.map((name) => `.${name}`).join('');
    case 'chain':
      return enclosed(node.node) + node.fields.map((name) => `.${name}`).join('');
    case 'number':
      return node.text;
    case 'string':
      return node.quoted;
    case 'bool':
      return String(node.value);
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
  }
}

function enclosed(node: Operand): string {
  return node.kind === 'pipe' ? `(${source(node)})` : source(node);
}

function pipeSource({ declared, isAssign, commands }: Pipe): string {
  const names = declared.map(source).join(', ');
  const sign = declared.length === 0 ? '' : isAssign ? ' = ' : ' := ';
  return names + sign + commands.map(source).join(' | ');
}

/** Whether nothing but space, comments and definitions is there: such a template is replaced without complaint. */
export function isEmpty(list: List): boolean {
  return list.nodes.every((node) =>
    node.kind === 'list' ? isEmpty(node) : node.kind === 'text' && /^[\s\x85\xa0]*$/.test(node.text),
  );
}
