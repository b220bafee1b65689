import type { Branch } from './command-tree.ts';

/** What may follow each place, a case a place: the words of the path joined by a space. */
interface Place {
  readonly at: string;
  readonly words: readonly string[];
  /** Flags that take a value, with the values it takes where they are few. */
  readonly valued: readonly { readonly spelling: string; readonly choices: readonly string[] }[];
}

function placesOf(tree: readonly Branch[]): readonly Place[] {
  return tree.map(({ path, children, flags }) => ({
    at: path.join(' '),
    words: [
      ...children.map(({ name }) => name),
      ...flags.flatMap(([name, it]) => [name, ...it.aliases].map((one) => `-${one}`)),
    ],
    valued: flags.flatMap(([name, { aliases, value, choices = [] }]) =>
      value === undefined ? [] : [name, ...aliases].map((one) => ({ spelling: one, choices: choices.filter(Boolean) })),
    ),
  }));
}

/**
 * The part that bash and zsh share: functions that answer for a place. Words and spellings are names of ours: letters,
 * digits and dashes, nothing that a shell would read otherwise.
 */
function answers(tree: readonly Branch[]): string {
  const places = placesOf(tree);
  const groups = places.filter(({ words }) => words.some((word) => !word.startsWith('-')));
  const subcommands = groups.map(({ at, words }) => `    "${at}") echo "${words.join(' ')}" ;;`);
  const words = places.map((place) => `    "${place.at}") echo "${place.words.join(' ')}" ;;`);
  const values = places.flatMap(({ at, valued }) =>
    valued.map(({ spelling, choices }) => `    "${at} "-${spelling}) echo "${choices.join(' ')}" ;;`),
  );
  return [
    '# Names of the subcommands at a place.',
    `_lockstep_commands() {\n  case "$1" in\n${subcommands.join('\n')}\n  esac\n}`,
    '# Everything that may be said at a place.',
    `_lockstep_words() {\n  case "$1" in\n${words.join('\n')}\n  esac\n}`,
    '# Values of a flag at a place; fails for one that takes none.',
    `_lockstep_values() {\n  case "$1 $2" in\n${values.join('\n')}\n    *) return 1 ;;\n  esac\n}`,
    '# A flag with one dash.',
    '_lockstep_flag() {\n  local name="$1"\n  while [[ "$name" == -* ]]; do name="${name#-}"; done\n  echo "-$name"\n}',
    '# The place that the words before the cursor lead to.',
    '_lockstep_place() {',
    '  local place="" word',
    '  for word in "$@"; do',
    '    case " $(_lockstep_commands "$place") " in',
    '      *" $word "*) place="${place:+$place }$word" ;;',
    '      *) break ;;',
    '    esac',
    '  done',
    '  echo "$place"',
    '}',
  ].join('\n');
}

export function bash(tree: readonly Branch[]): string {
  return `# bash completion of lockstep
${answers(tree)}
_lockstep() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="" place flag="" choices
  COMPREPLY=()
  # COMP_WORDBREAKS splits -flag=value into three words.
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
  place="$(_lockstep_place "\${words[@]}")"
  before="\${COMP_WORDS[COMP_CWORD-1]}"
  if [[ "$current" == "=" ]]; then
    flag="$before" current=""
  elif [[ "$before" == "=" ]]; then
    flag="\${COMP_WORDS[COMP_CWORD-2]}"
  elif [[ "$before" == -* ]]; then
    flag="$before"
  fi
  if [[ -n "$flag" ]] && choices="$(_lockstep_values "$place" "$(_lockstep_flag "$flag")")"; then
    if [[ -n "$choices" ]]; then
      COMPREPLY=($(compgen -W "$choices" -- "$current"))
    else
      compopt -o default 2>/dev/null
    fi
    return
  fi
  COMPREPLY=($(compgen -W "$(_lockstep_words "$place")" -- "\${current/#--/-}"))
  [[ "$current" == -* || -n "$(_lockstep_commands "$place")" ]] || compopt -o default 2>/dev/null
}
complete -F _lockstep lockstep
`;
}

export function zsh(tree: readonly Branch[]): string {
  return `#compdef lockstep
# zsh completion of lockstep
${answers(tree)}
_lockstep() {
  local current="\${words[CURRENT]}" before="\${words[CURRENT-1]}" place choices flag
  place="$(_lockstep_place "\${(@)words[2,CURRENT-1]}")"
  if [[ "$current" == -*=* ]]; then
    flag="\${current%%=*}"
    if choices="$(_lockstep_values "$place" "$(_lockstep_flag "$flag")")"; then
      compset -P '*='
      if [[ -n "$choices" ]]; then compadd -- \${=choices}; else _files; fi
    fi
    return
  fi
  if [[ "$before" == -* ]] && choices="$(_lockstep_values "$place" "$(_lockstep_flag "$before")")"; then
    if [[ -n "$choices" ]]; then compadd -- \${=choices}; else _files; fi
    return
  fi
  compadd -- \${=$(_lockstep_words "$place")}
  [[ -n "$(_lockstep_commands "$place")" || "$current" == -* ]] || _files
}
if [[ "$funcstack[1]" == _lockstep ]]; then _lockstep "$@"; else compdef _lockstep lockstep; fi
`;
}

export function fish(tree: readonly Branch[]): string {
  const lines = tree.flatMap(({ path, children, flags }) => {
    const here = `-n '${['__lockstep_at', ...path].join(' ')}'`;
    return [
      ...children.map(({ name, summary }) => `complete -c lockstep -f ${here} -a ${name} -d ${quoted(summary)}`),
      ...flags.flatMap(([name, { aliases, help, value, choices }]) =>
        [name, ...aliases].map((one) => {
          const needs =
            value === undefined ? '' : choices === undefined ? ' -r' : ` -x -a ${quoted(choices.join(' '))}`;
          return `complete -c lockstep ${here} -o ${one}${needs} -d ${quoted(help)}`;
        }),
      ),
    ];
  });
  return `# fish completion of lockstep
function __lockstep_at
    set -l said
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and break
        set -a said $word
    end
    set -l deep (count $argv)
    test (count $said) -ge $deep; or return 1
    if test $deep -gt 0
        test "$said[1..$deep]" = "$argv"; or return 1
    end
    test (count $said) -eq $deep; or not contains -- "$argv" $__lockstep_groups
end
set -g __lockstep_groups ${tree
    .filter(({ children }) => children.length > 0)
    .map(({ path }) => quoted(path.join(' ')))
    .join(' ')}
${lines.join('\n')}
`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
