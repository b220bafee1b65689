/** Lays out HCL text anew, comments kept: two spaces a level, a line an item of a block, equal signs aligned. */

type Kind = 'word' | 'comment' | 'newline' | 'open' | 'close' | 'equals' | 'comma' | 'list' | 'unlist';
interface Token {
  readonly kind: Kind;
  readonly text: string;
}
interface Line {
  readonly depth: number;
  readonly text: string;
  /** Length of what stands before ` = `, where the line is an attribute on one line. */
  readonly name?: number;
}

const patterns: readonly (readonly [Kind | undefined, RegExp])[] = [
  ['newline', /\n/y],
  [undefined, /[ \t\r]+/y],
  ['comment', /(?:#|\/\/)[^\n]*|\/\*[\s\S]*?\*\//y],
  ['word', /<<(-?)([A-Za-z_][A-Za-z0-9_]*)\n[\s\S]*?\n[ \t]*\2(?=\n|$)/y],
  ['word', /"(?:[^"\\\n]|\\.)*"/y],
  ['open', /\{/y],
  ['close', /\}/y],
  ['list', /\[/y],
  ['unlist', /\]/y],
  ['equals', /=|:/y],
  ['comma', /,/y],
  ['word', /[^\s{}[\]=:,"#]+/y],
];

/** `text` has been parsed before, so it is sound HCL. Throws SyntaxError where the two disagree. */
export function formatHcl(text: string): string {
  return new Layout(tokensOf(text)).render();
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    const [kind, length] = nextToken(text, at);
    if (kind !== undefined) tokens.push({ kind, text: text.slice(at, at + length) });
    at += length;
  }
  return tokens;
}

function nextToken(text: string, at: number): readonly [Kind | undefined, number] {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) return [kind, match[0].length];
  }
  throw new SyntaxError(`character ${at} cannot be laid out`);
}

class Layout {
  readonly #tokens: readonly Token[];
  readonly #lines: Line[] = [];
  #depth = 0;
  /** The lists that are open, each on one line or on several. */
  readonly #lists: ('inline' | 'tall')[] = [];
  #parts: string[] = [];
  #name: number | undefined;
  #blanks = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  render(): string {
    this.#tokens.forEach((token, at) => this.#take(token, at));
    this.#flush();
    const lines = aligned(this.#lines);
    while (lines.at(-1) === '') lines.pop();
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  #take(token: Token, at: number): void {
    switch (token.kind) {
      case 'newline':
        if (this.#lists.at(-1) === 'inline') return;
        if (this.#parts.length > 0) this.#flush();
        else this.#blanks += 1;
        return;
      case 'open':
        this.#add(token.text);
        if (this.#next(at) === 'close') return;
        this.#end();
        this.#depth += 1;
        return;
      case 'close':
        if (this.#before(at) === 'open') {
          this.#parts.push(`${this.#parts.pop() ?? ''}}`);
          return;
        }
        this.#flush();
        this.#blanks = 0;
        this.#depth -= 1;
        this.#add(token.text);
        return;
      case 'equals':
        if (this.#lists.length === 0) this.#name = this.#parts.join(' ').length;
        this.#add('=');
        return;
      case 'list':
        this.#openList(at);
        return;
      case 'unlist':
        this.#closeList();
        return;
      case 'comma':
        if (this.#lists.length > 0) this.#glue(token.text);
        return;
      case 'comment':
        this.#comment(token.text);
        return;
      case 'word':
        this.#word(token.text, at);
    }
  }

  /** A list that begins a line of its own in the source keeps a line an item. */
  #openList(at: number): void {
    const tall = this.#tokens[at + 1]?.kind === 'newline' && this.#next(at) !== 'unlist';
    this.#add('[');
    this.#lists.push(tall ? 'tall' : 'inline');
    if (!tall) return;
    this.#end();
    this.#depth += 1;
  }

  #closeList(): void {
    if (this.#lists.pop() !== 'tall') {
      this.#glue(']', /,$/);
      return;
    }
    this.#flush();
    const last = this.#lines.pop();
    if (last !== undefined) this.#lines.push({ ...last, text: last.text.replace(/([^,])( \/\/.*| #.*)?$/, '$1,$2') });
    this.#blanks = 0;
    this.#depth -= 1;
    this.#add(']');
  }

  /** A block's items may stand on one line in the source; each gets its own. */
  #word(text: string, at: number): void {
    const before = this.#before(at);
    const ended = before === 'close' || before === 'unlist' || before === 'word';
    const starts = this.#lists.length === 0 && ended && this.#isName(at) && this.#name !== undefined;
    if (starts || (before === 'close' && this.#lists.length === 0)) this.#flush();
    this.#add(text);
  }

  /** Whether the word at `at` begins an attribute: an equals sign follows. */
  #isName(at: number): boolean {
    return this.#tokens[at + 1]?.kind === 'equals';
  }

  #comment(text: string): void {
    if (this.#lists.at(-1) === 'inline' && !text.startsWith('/*')) {
      // Within a list it would swallow what follows on the joined line.
      this.#add(`/* ${text.replace(/^(#|\/\/)\s*/, '').replaceAll('*/', '* /')} */`);
      return;
    }
    this.#add(text);
  }

  #add(text: string): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && last.endsWith('[')) this.#parts[this.#parts.length - 1] = last + text;
    else this.#parts.push(text);
  }

  #glue(text: string, without?: RegExp): void {
    const last = this.#parts.pop() ?? '';
    this.#parts.push((without === undefined ? last : last.replace(without, '')) + text);
  }

  /** Ends the line that opens a block. */
  #end(): void {
    this.#name = undefined;
    this.#flush();
  }

  #flush(): void {
    if (this.#parts.length === 0) return;
    const text = this.#parts.join(' ');
    const last = this.#lines.at(-1)?.text;
    if (last !== undefined && !opens(last) && (this.#blanks > 0 || stands(last, text))) {
      this.#lines.push({ depth: 0, text: '' });
    }
    const name = this.#name === undefined ? {} : { name: this.#name };
    this.#lines.push({ depth: this.#depth, text, ...name });
    this.#parts = [];
    this.#name = undefined;
    this.#blanks = 0;
  }

  #next(at: number): Kind | undefined {
    return this.#tokens.slice(at + 1).find(({ kind }) => kind !== 'newline')?.kind;
  }

  #before(at: number): Kind | undefined {
    for (let back = at - 1; back >= 0; back -= 1) {
      const kind = this.#tokens[back]?.kind;
      if (kind !== 'newline') return kind;
    }
    return undefined;
  }
}

function opens(line: string): boolean {
  return /[{[]$/.test(line);
}

/** What spans lines stands apart from its neighbours, except from a comment on it. */
function stands(last: string, next: string): boolean {
  if (/^[}\]]/.test(next)) return false;
  return /^[}\]]/.test(last) || (opens(next) && !/^(#|\/\/)/.test(last) && !last.endsWith('*/'));
}

/** Equal signs of neighbouring attributes stand below each other. */
function aligned(lines: readonly Line[]): string[] {
  const texts: string[] = [];
  for (let at = 0; at < lines.length;) {
    let end = at;
    while (lines[end]?.name !== undefined && lines[end]?.depth === lines[at]?.depth) end += 1;
    const run = lines.slice(at, Math.max(end, at + 1));
    const widest = Math.max(0, ...run.map(({ name = 0 }) => name));
    for (const { depth, text, name } of run) {
      const spread = name === undefined ? text : text.slice(0, name).padEnd(widest) + text.slice(name);
      texts.push(text === '' ? '' : '  '.repeat(depth) + spread);
    }
    at += run.length;
  }
  return texts;
}
