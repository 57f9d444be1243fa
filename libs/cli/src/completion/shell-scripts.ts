/*
 * Each script asks `errand complete` and takes its lines as words, never as something to expand: they hold names that a
 * server chose. If there are none, files are offered, also after an @. The bash script works with 3.2 and later.
 */

export const SCRIPTS = {
  bash: `_errand() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <(errand complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ \${COMPREPLY[0]-} == *= ]]; then compopt -o nospace 2>/dev/null; fi
  if [[ -z \${COMPREPLY[0]-} && $2 == @* ]]; then
    while IFS= read -r word; do
      COMPREPLY+=("@$word")
    done < <(compgen -f -- "\${2#@}")
  fi
}
complete -o default -F _errand errand
`,
  zsh: `#compdef errand
_errand() {
  local -a found
  found=("\${(@f)$(errand complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found[1]" ]]; then
    if [[ "$found[1]" == *= ]]; then compadd -S '' -a found; else compadd -a found; fi
  else
    if [[ "$PREFIX" == @* ]]; then compset -P @; fi
    _files
  fi
}
if [[ "$funcstack[1]" == _errand ]]; then _errand "$@"; else compdef _errand errand; fi
`,
  fish: `function __errand_complete
  set -l word (commandline -ct)
  set -l words (commandline -opc) "$word"
  set -l found (errand complete -- $words[2..-1] 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else if string match -q '@*' -- $word
    printf '@%s\\n' (__fish_complete_path (string sub -s 2 -- $word))
  else
    __fish_complete_path $word
  end
end
complete -c errand -f -a '(__errand_complete)'
`,
} as const;
