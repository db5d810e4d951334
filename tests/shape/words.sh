#!/bin/sh
# SPDX-License-Identifier: ISC
# One word for one thing: names in the code keep to the vocabulary (README.md, "Words").
cd "$(dirname "$0")/../.." || exit 1
status=0
complain() { [ -z "$1" ] || { echo "$1"; status=1; }; }
sources() { find src include -name '*.cc' -o -name '*.h' | grep -v include/config.h | sort; }

# The code as file:line:text, without comments and strings: these may speak freely.
code=$(sources | xargs awk '
FNR == 1 { inside = 0 }
{
    text = $0
    gsub(/"([^"\\]|\\.)*"/, "\"\"", text)
    if (inside && sub(/^.*\*\//, "", text)) inside = 0
    if (inside) next
    gsub(/\/\*.*\*\//, "", text)
    if (sub(/\/\*.*$/, "", text)) inside = 1
    sub(/\/\/.*$/, "", text)
    if (text ~ /[A-Za-z]/) print FILENAME ":" FNR ":" text
}')

# never SYNONYMS WORD: not as an identifier, nor as a part of one.
never() {
    complain "$(printf '%s\n' "$code" | grep -iE ":.*(^|[^a-z])($1)s?([^a-z]|$)" |
        grep -viE '^[^:]*:[0-9]*:.*user_?agent' | sed "s|\$|   <- say: $2|")"
}
never 'downstream|frontend' visitor
never 'upstream|backend' local
never 'vhost|virtual_host' tunnel
never 'agent' session
never 'substream' stream
never 'transaction' exchange
never 'splice' relay
never 'entrypoint' gate
never 'registry' directory
never 'shard|reactor' worker

# Nothing that is committed waits for a later hand, and every source says its licence.
complain "$(grep -nE '\b(TODO|FIXME|XXX)\b' -r src include man etc Makefile configure.ac 2>/dev/null)"
complain "$(sources | xargs grep -L 'SPDX-License-Identifier: ISC' | sed 's/$/: no SPDX line/')"
exit $status
