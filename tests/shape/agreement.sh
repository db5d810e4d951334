#!/bin/sh
# SPDX-License-Identifier: ISC
# Commands, flags, signals, exit codes, codes on the wire and metrics: code, --help, manuals and completions say the
# same, in both directions.
. "$(dirname "$0")/compare"

# ------------------------------------------------------- commands and flags, in three shells
# "COMMAND" and "COMMAND VERB", a line each, from --help.
commands_of_tunnel() {
    sed -n 's/^  tunnel \([a-z].*\)/\1/p' help | awk '
        { print $1 }
        / \| / && $2 ~ /^[a-z]+$/ { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z]+$/) print $1, $i }' | sort -u
}
commands_of_tunnelctl() { # and two that need no line there
    { sed -n 's/^  \([a-z]\)/\1/p' help | awk '{ print $1 } $2 ~ /^[a-z]+$/ && $1 ~ /^(token|debug)$/ { print $1, $2 }'
      printf 'help\nversion\n'; } | sort -u
}
verbs() { awk 'NF == 2 { print $1 }' "$1" | sort -u; }

# What bash offers for these words.
offered() {
    bash -c '. "$0"; name=$1; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; "_$name" 2>/dev/null
             printf "%s\n" "${COMPREPLY[@]}"' "$root/completions/bash/$1" "$@"
}
bash_commands() {
    offered "$1" '' | grep -E '^[a-z]+$' | while read -r command; do
        echo "$command"
        grep -q "^$command " commands || continue
        offered "$1" "$command" '' | grep -E '^[a-z]+$' | sed "s/^/$command /"
    done | sort -u
}
bash_flags() {
    { offered "$1" -; while read -r command verb; do offered "$1" "$command" ${verb:+"$verb"} -; done < commands; } |
        grep -E '^-' | sort -u
}
fish_commands() {
    page=$root/completions/fish/$1.fish
    sed -n 's/^set -l commands //p' "$page" | tr ' ' '\n'
    for command in $(verbs commands); do
        sed -n "s/.*__fish_seen_subcommand_from $command' -a '\{0,1\}\([a-z ]*\)'\{0,1\}$/\1/p" "$page" |
            tr ' ' '\n' | sed "s/^/$command /"
    done
}
fish_flags() {
    grep '^complete' "$root/completions/fish/$1.fish" | grep -oE ' -(l [a-z-]+|s [A-Za-z])\b' |
        sed 's/ -l /--/; s/ -s /-/' | sort -u
}
zsh_commands() {
    page=$root/completions/zsh/_$1
    sed -n "s/^    '\([a-z]*\):.*/\1/p" "$page"
    for command in $(verbs commands); do
        sed -n "s/^ *$command) _values '[^']*' \([a-z ]*\) ;;$/\1/p" "$page" | tr ' ' '\n' | sed "s/^/$command /"
    done
}
zsh_flags() {
    sed -n '/^_arguments/,/&& return$/p' "$root/completions/zsh/_$1" | sed "s/\[.*//" |
        grep -oE -e '--?[A-Za-z][a-z-]*' | grep -v '^-s$' | sort -u
    ! grep -qE '\{-s,' "$root/completions/zsh/_$1" || echo -s
}

for name in tunnel tunnelctl tunneld; do
    "$build/$name" --help > help
    { flags < help; letters < help | sed 's/^/-/'; } | sort -u > flags
    : > commands
    [ $name = tunneld ] || commands_of_$name > commands
    for shell in bash fish zsh; do
        ${shell}_flags $name | sort -u > found
        equal "flags: $name --help <, completions of $shell >" flags found
        [ $name != tunneld ] || continue
        ${shell}_commands $name | sort -u > found
        equal "commands: $name --help <, completions of $shell >" commands found
    done
done

"$build/tunnel" --help > help
commands_of_tunnel > commands
section DESCRIPTION tunnel.1 | sed -n 's/^\.It \(Oo \)\{0,1\}Cm \([a-z ]*[a-z]\).*/\2/p' | awk '{ print $1 } NF == 2' |
    sort -u > manual
equal 'commands: tunnel --help <, man/tunnel.1 >' commands manual

# ------------------------------------------------------------------------ signals
# The handlers are installed by the lists of these sources.
signals() { grep -ohE '\bSIG(TERM|INT|HUP|USR1|USR2|QUIT|TSTP|CONT|WINCH)\b' "$@" | sed 's/^SIG//' | sort -u; }
signals_of_manual() { section SIGNALS "$1" | grep '^\.It Dv' | grep -oE '\b[A-Z][A-Z0-9]+\b' | sort -u; }
for pair in tunneld:server:8 tunnel:client:1; do
    name=${pair%%:*} page=${pair##*:} folder=${pair#*:}
    signals "$root/src/${folder%:*}"/*.cc > code
    signals_of_manual "$name.$page" > manual
    equal "signals: src/${folder%:*} <, man/$name.$page >" code manual
    "$build/$name" --help | sed -n '/^Signals:/,/^[A-Z][a-z]*: /p' | grep -oE '\b(TERM|INT|HUP|USR1|USR2)\b' | sort -u > help
    grep -E '^(TERM|INT|HUP|USR1|USR2)$' code > found
    equal "signals: src/${folder%:*} <, $name --help >" found help
done

# --------------------------------------------------------------------- exit codes
for pair in tunneld.8 tunnelctl.8; do
    "$build/${pair%.*}" --help | sed -n 's/^Exit: \([0-9 ]*\)\..*/\1/p' | tr -s ' ' '\n' | sed '/^$/d' > help
    section 'EXIT STATUS' $pair | sed -n 's/^\.It \([0-9][0-9]*\)$/\1/p' > manual
    equal "exit codes: ${pair%.*} --help <, man/$pair >" help manual
done
sed -n 's/^ *exit_[a-z_]* = \([0-9]*\),.*/\1/p' "$root/src/base/failure.h" | sort > code
for page in tunnel.1 tunneld.8 tunnelctl.8; do
    section 'EXIT STATUS' $page | sed -n 's/^\.It \([0-9][0-9]*\)$/\1/p' | sort > manual
    comm -13 code manual | grep -vx 130 | sed "s|^|man/$page: no program ends with |" # 130: by a signal
done > differences
[ ! -s differences ] || { cat differences; status=1; }

# ------------------------------------------------------- codes on the wire, metrics
grep -ohE '"[A-Z][A-Z_]{4,}"' -r --exclude=options.cc --exclude=command.cc "$root/src/server" "$root/src/client/verdict.cc" |
    tr -d '"' | grep -v -e '^TUNNELD_' -e '^E_' | sort -u > code
section CONTROL tunnel-protocol.7 | sed -n 's/^\.It Er \([A-Z_]*\).*/\1/p' | sort -u > manual
equal 'codes on the wire: src/server <, man/tunnel-protocol.7 >' code manual

grep -ohE '(family\(|^    \{)"[a-z_]+", *"(gauge|counter|histogram)"' "$root/src/server/metrics.cc" |
    cut -d'"' -f2 | sort -u > code
section METRICS tunneld.8 | sed -n 's/^\.It Cm //p' | tr -d ' ' | tr ',' '\n' | sort -u > manual
equal 'metrics: src/server/metrics.cc <, man/tunneld.8 >' code manual
exit $status
