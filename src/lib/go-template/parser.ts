import { characterConstant, complexConstant, numberConstant } from './constant.ts';
import { type Delimiters, Lexer, OPERANDS, shown, type Token, type TokenType } from './lexer.ts';
import { quote, unquote } from './quote.ts';
import { TemplateError } from './template-error.ts';
import type { Chain, Command, List, Node, NumberNode, Operand, Pipe, Variable } from './tree.ts';
import { isEmpty, source, variableOf } from './tree.ts';

export interface ParseOptions extends Delimiters {
  /** The names that may be called. */
  readonly functions: ReadonlySet<string>;
  /** How deep lists and parentheses may lie within each other. */
  readonly depth: number;
}

const MOST_VARIABLES = 1_000;

type Ended = { readonly kind: 'end' | 'else'; readonly at: number };

/** The templates of a text by name, the text's own under `name`. Go's grammar, look-ahead and errors. */
export function parse(name: string, text: string, options: ParseOptions): Map<string, List> {
  const parser = new Parser(name, text, options);
  parser.parseAll();
  return parser.templates;
}

class Parser {
  readonly templates = new Map<string, List>();
  /** The names of those that are not empty. */
  readonly #full = new Set<string>();
  readonly #name: string;
  readonly #options: ParseOptions;
  readonly #lexer: Lexer;
  /** Tokens that were looked at and put back; the last one is next. */
  #ahead: Token[] = [];
  /** Go tells the line of the token that was read last from the lexer or put back to its place. */
  #last: Token = { type: 'eof', at: 0, text: '', line: 0 };
  #variables = ['$'];
  #ranges = 0;
  #depth = 0;
  #actionLine = 0;

  constructor(name: string, text: string, options: ParseOptions) {
    this.#name = name;
    this.#options = options;
    this.#lexer = new Lexer(text, options);
  }

  parseAll(): void {
    const root: List = { kind: 'list', at: this.#peek().at, nodes: [] };
    while (this.#peek().type !== 'eof') {
      if (this.#peek().type === 'leftDelim') {
        const delimiter = this.#next();
        if (this.#nextNonSpace().type === 'define') {
          this.#definition();
          continue;
        }
        this.#backup();
        this.#ahead.push(delimiter);
      }
      const node = this.#textOrAction();
      if (isEnded(node)) throw this.#error(`unexpected {{${node.kind}}}`);
      root.nodes.push(node);
    }
    this.#add(this.#name, root);
  }

  #next(): Token {
    const ahead = this.#ahead.pop();
    if (ahead !== undefined) return (this.#current = ahead);
    return (this.#current = this.#last = this.#lexer.next());
  }

  #current: Token = this.#last;

  #backup(): void {
    this.#ahead.push(this.#current);
  }

  #peek(): Token {
    const token = this.#next();
    this.#backup();
    return token;
  }

  #nextNonSpace(): Token {
    let token = this.#next();
    while (token.type === 'space') token = this.#next();
    return token;
  }

  #peekNonSpace(): Token {
    const token = this.#nextNonSpace();
    this.#backup();
    return token;
  }

  #error(text: string): TemplateError {
    const { line } = this.#last;
    const message = `template: ${this.#name}:${line}: ${text}`;
    return new TemplateError(message, 'syntax', { line, column: -1 });
  }

  #unexpected(token: Token, context: string): TemplateError {
    if (token.type !== 'error') return this.#error(`unexpected ${shown(token)} in ${context}`);
    const elsewhere = this.#actionLine !== 0 && this.#actionLine !== token.line;
    if (!elsewhere) return this.#error(token.text);
    const action = token.text.endsWith(' action') ? '' : ' in action';
    return this.#error(`${token.text}${action} started at ${this.#name}:${this.#actionLine}`);
  }

  #expect(types: readonly TokenType[], context: string): Token {
    const token = this.#nextNonSpace();
    if (!types.includes(token.type)) throw this.#unexpected(token, context);
    return token;
  }

  #add(name: string, list: List): void {
    const full = !isEmpty(list);
    if (this.#full.has(name)) {
      if (full) throw this.#error(`template: multiple definition of template ${quote(name)}`);
      return;
    }
    this.templates.set(name, list);
    if (full) this.#full.add(name);
  }

  /** Each template has variables, loops and depths of its own. */
  #apart<T>(parse: () => T): T {
    const kept = [this.#variables, this.#ranges, this.#actionLine, this.#last] as const;
    this.#variables = ['$'];
    this.#ranges = 0;
    this.#actionLine = 0;
    const parsed = parse();
    [this.#variables, this.#ranges, this.#actionLine, this.#last] = kept;
    return parsed;
  }

  #definition(): void {
    this.#apart(() => {
      const name = this.#unquoted(this.#expect(['string', 'rawString'], 'define clause'));
      this.#expect(['rightDelim'], 'define clause');
      const [list, end] = this.#itemList();
      if (end.kind !== 'end') throw this.#error(`unexpected {{${end.kind}}} in define clause`);
      this.#add(name, list);
    });
  }

  #unquoted(token: Token): string {
    const text = unquote(token.text);
    if (text === undefined) throw this.#error('invalid syntax');
    return text;
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > this.#options.depth) throw this.#error('max expression depth exceeded');
    const parsed = parse();
    this.#depth--;
    return parsed;
  }

  #itemList(): readonly [List, Ended] {
    return this.#deeper(() => {
      const list: List = { kind: 'list', at: this.#peekNonSpace().at, nodes: [] };
      while (this.#peekNonSpace().type !== 'eof') {
        const node = this.#textOrAction();
        if (isEnded(node)) return [list, node];
        list.nodes.push(node);
      }
      throw this.#error('unexpected EOF');
    });
  }

  #textOrAction(): Node | Ended {
    const token = this.#nextNonSpace();
    if (token.type === 'text') return { kind: 'text', at: token.at, text: token.text };
    if (token.type !== 'leftDelim') throw this.#unexpected(token, 'input');
    this.#actionLine = token.line;
    const node = this.#action();
    this.#actionLine = 0;
    return node;
  }

  #action(): Node | Ended {
    const token = this.#nextNonSpace();
    switch (token.type) {
      case 'if':
      case 'with':
      case 'range':
        return this.#branch(token.type);
      case 'else':
        return this.#else();
      case 'end':
        return { kind: 'end', at: this.#expect(['rightDelim'], 'end').at };
      case 'break':
      case 'continue':
        return this.#leave(token.type, token);
      case 'block':
        return this.#block();
      case 'template':
        return this.#call();
      default: {
        this.#backup();
        return { kind: 'action', at: this.#peek().at, pipe: this.#pipeline('command', 'rightDelim') };
      }
    }
  }

  #leave(kind: 'break' | 'continue', { at }: Token): Node {
    const token = this.#nextNonSpace();
    if (token.type !== 'rightDelim') throw this.#unexpected(token, `{{${kind}}}`);
    if (this.#ranges === 0) throw this.#error(`{{${kind}}} outside {{range}}`);
    return { kind, at };
  }

  #else(): Ended {
    const next = this.#peekNonSpace();
    if (next.type === 'if' || next.type === 'with') return { kind: 'else', at: next.at };
    return { kind: 'else', at: this.#expect(['rightDelim'], 'else').at };
  }

  #branch(kind: 'if' | 'with' | 'range'): Node {
    const variables = this.#variables.length;
    const pipe = this.#pipeline(kind, 'rightDelim');
    const ranges = kind === 'range' ? 1 : 0;
    this.#ranges += ranges;
    const [list, ended] = this.#itemList();
    this.#ranges -= ranges;
    const elseList = ended.kind === 'else' ? this.#elseList(kind, ended) : undefined;
    this.#variables.length = variables;
    return { kind, at: pipe.at, pipe, list, elseList };
  }

  #elseList(kind: 'if' | 'with' | 'range', ended: Ended): List {
    if (kind !== 'range' && this.#peek().type === kind) {
      this.#next();
      return this.#deeper(() => ({ kind: 'list', at: ended.at, nodes: [this.#branch(kind)] }));
    }
    const [list, end] = this.#itemList();
    if (end.kind !== 'end') throw this.#error(`expected end; found {{${end.kind}}}`);
    return list;
  }

  #templateName(token: Token, context: string): string {
    if (token.type !== 'string' && token.type !== 'rawString') throw this.#unexpected(token, context);
    return this.#unquoted(token);
  }

  #block(): Node {
    const context = 'block clause';
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    const pipe = this.#pipeline(context, 'rightDelim');
    const end = this.#apart(() => {
      const [list, ended] = this.#itemList();
      if (ended.kind === 'end') this.#add(name, list);
      return ended;
    });
    if (end.kind !== 'end') throw this.#error(`unexpected {{${end.kind}}} in ${context}`);
    return { kind: 'template', at: token.at, name, pipe };
  }

  #call(): Node {
    const context = 'template clause';
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    if (this.#nextNonSpace().type === 'rightDelim') return { kind: 'template', at: token.at, name, pipe: undefined };
    this.#backup();
    return { kind: 'template', at: token.at, name, pipe: this.#pipeline(context, 'rightDelim') };
  }

  #pipeline(context: string, end: TokenType): Pipe {
    const pipe: Pipe = { kind: 'pipe', at: this.#peekNonSpace().at, isAssign: false, declared: [], commands: [] };
    while (this.#declaration(pipe, context));
    for (;;) {
      const token = this.#nextNonSpace();
      if (token.type === end) break;
      if (!OPERANDS.has(token.type)) throw this.#unexpected(token, context);
      this.#backup();
      pipe.commands.push(this.#command());
    }
    this.#check(pipe, context);
    return pipe;
  }

  /** `$x :=`, `$x =` or `$x,`; says whether another may follow. */
  #declaration(pipe: Pipe, context: string): boolean {
    const variable = this.#peekNonSpace();
    if (variable.type !== 'variable') return false;
    this.#next();
    const after = this.#peek();
    const next = this.#peekNonSpace();
    const comma = next.type === 'char' && next.text === ',';
    if (next.type !== 'assign' && next.type !== 'declare' && !comma) {
      // Space between a variable and what follows tells arguments apart.
      if (after.type === 'space') this.#ahead.push(after);
      this.#ahead.push(variable);
      return false;
    }
    if (!comma) pipe.isAssign = next.type === 'assign';
    this.#nextNonSpace();
    pipe.declared.push(this.#declared(variable));
    if (!comma) return false;
    if (context === 'range' && pipe.declared.length < 2) {
      if (['variable', 'rightDelim', 'rightParen'].includes(this.#peekNonSpace().type)) return true;
      throw this.#error('range can only initialize variables');
    }
    throw this.#error(`too many declarations in ${context}`);
  }

  #declared(token: Token): Variable {
    // They are looked up one by one.
    if (this.#variables.length >= MOST_VARIABLES) throw this.#error(`more than ${MOST_VARIABLES} variables at once`);
    this.#variables.push(token.text);
    return variableOf(token);
  }

  #check({ commands }: Pipe, context: string): void {
    if (commands.length === 0) throw this.#error(`missing value for ${context}`);
    for (const [stage, { args }] of commands.entries()) {
      const constant = ['bool', 'dot', 'nil', 'number', 'string'].includes(args[0]?.kind ?? '');
      if (stage > 0 && constant) throw this.#error(`non executable command in pipeline stage ${stage + 1}`);
    }
  }

  #command(): Command {
    const command: Command = { kind: 'command', at: this.#peekNonSpace().at, args: [] };
    for (;;) {
      this.#peekNonSpace();
      const operand = this.#operand();
      if (operand !== undefined) command.args.push(operand);
      const token = this.#next();
      if (token.type === 'space') continue;
      if (token.type === 'rightDelim' || token.type === 'rightParen') this.#backup();
      else if (token.type !== 'pipe') throw this.#unexpected(token, 'operand');
      if (command.args.length === 0) throw this.#error('empty command');
      return command;
    }
  }

  #operand(): Operand | undefined {
    const node = this.#term();
    if (node === undefined || this.#peek().type !== 'field') return node;
    const { at } = this.#peek();
    const fields: string[] = [];
    while (this.#peek().type === 'field') fields.push(this.#next().text.slice(1));
    const chain: Chain = { kind: 'chain', at, node, fields };
    if (node.kind === 'field' || node.kind === 'variable') return { ...node, at, ident: [...node.ident, ...fields] };
    if (['bool', 'string', 'number', 'nil', 'dot'].includes(node.kind)) {
      throw this.#error(`unexpected . after term ${quote(source(node))}`);
    }
    return chain;
  }

  #term(): Operand | undefined {
    const token = this.#nextNonSpace();
    const { at, text } = token;
    switch (token.type) {
      case 'identifier':
        if (!this.#options.functions.has(text)) throw this.#error(`function ${quote(text)} not defined`);
        return { kind: 'identifier', at, name: text };
      case 'dot':
      case 'nil':
        return { kind: token.type, at };
      case 'variable':
        return this.#variable(token);
      case 'field':
        return { kind: 'field', at, ident: [text.slice(1)] };
      case 'bool':
        return { kind: 'bool', at, value: text === 'true' };
      case 'charConstant':
      case 'complex':
      case 'number':
        return this.#number(token);
      case 'leftParen':
        return this.#deeper(() => this.#pipeline('parenthesized pipeline', 'rightParen'));
      case 'string':
      case 'rawString':
        return { kind: 'string', at, quoted: text, text: this.#unquoted(token) };
      default:
        this.#backup();
        return undefined;
    }
  }

  #number({ type, at, text }: Token): NumberNode {
    const parsers = { charConstant: characterConstant, complex: complexConstant };
    const parsed = (type === 'charConstant' || type === 'complex' ? parsers[type] : numberConstant)(text);
    if (typeof parsed === 'string') throw this.#error(parsed);
    return { kind: 'number', at, ...parsed };
  }

  #variable(token: Token): Variable {
    if (this.#variables.includes(token.text)) return variableOf(token);
    throw this.#error(`undefined variable ${quote(token.text)}`);
  }
}

function isEnded(node: Node | Ended): node is Ended {
  return node.kind === 'end' || node.kind === 'else';
}
