#!/bin/sh
# SPDX-License-Identifier: ISC
# The option tables, --help, the samples in etc/ and the manuals say the same, in both directions.
. "$(dirname "$0")/compare"

# "section.key value" for each key of a configuration; comments are skipped.
keys() {
    awk '/^[a-z_]+:$/ { section = $1; sub(/:$/, ".", section); next }
         /^[a-z_]+:/ { section = "" }
         /^ *[a-z_]+: / && !/^ *#/ { key = $1; sub(/:$/, "", key); $1 = ""; print section key $0 }' |
        tr -d '"' | sed 's/ *$//; s/ \[\]$//'
}

# The same from a manual: ".It Ic key : Ar type Pq Li default".
documented() {
    sed -n 's/^\.It Ic \([a-z_.]*\) : .* Pq Li \(.*\)$/\1 \2/p; t
            s/^\.It Ic \([a-z_.]*\) : .*$/\1/p' "$1"
}

# The keys of an item of a list, as the sample sketches them: "#   - name: …".
sketched() { sed -n 's/^#  *\(- \)\{0,1\}\([a-z_]*\): .*$/\2/p' "$1" | sort; }

flags_of_manual() {
    sed -n '/^\.Sh OPTIONS/,/^\.Sh [^O]/p' "$1" | grep '^\.It Fl' | grep -oE 'Fl -[a-z-]+' |
        sed 's/Fl /-/' | sort -u
}
letters_of_manual() { grep '^\.It Fl' "$1" | grep -oE 'Fl [A-Za-z]( |$)' | cut -c4 | sort -u; }
variables() { grep -ohE "\"$1[A-Z_]+\"" | tr -d '"' | sort -u; }
variables_of_manual() { grep '^\.It Ev' "$1" | grep -oE "$2[A-Z_]+" | sort -u; }

# program NAME DEFAULT_COMMAND SECTION: everything that has both a table and a manual.
program() {
    name=$1 page=$root/man/$1.$3
    "$build/$name" $2 > default.yaml || status=1
    equal "etc/$name.yaml is not what \`$name $2\` prints" default.yaml "$root/etc/$name.yaml"

    keys < default.yaml | sort > table
    documented "$root/man/$name.yaml.5" | sort > manual
    equal "keys and defaults: table <, man/$name.yaml.5 >" table manual

    "$build/$name" --help > help
    flags < help > table; flags_of_manual "$page" > manual
    equal "flags: $name --help <, man/$name.$3 >" table manual
    letters < help > table; letters_of_manual "$page" > manual
    equal "short flags: $name --help <, man/$name.$3 >" table manual
}

program tunneld --print-default-config 8
cat "$root/src/server/options.cc" | variables TUNNELD_ > table
variables_of_manual "$root/man/tunneld.8" TUNNELD_ > manual
equal 'variables: src/server <, man/tunneld.8 >' table manual

program tunnel 'config default' 1
cat "$root/src/client/options.cc" "$root/src/client/config.cc" | variables TUNNEL_ > table
variables_of_manual "$root/man/tunnel.1" TUNNEL_ > manual
equal 'variables: src/client <, man/tunnel.1 >' table manual
sketched "$root/etc/tunnel.yaml" > table
sed -n 's/^\.It Ic tunnels\[\]\.\([a-z_]*\) : .*/\1/p' "$root/man/tunnel.yaml.5" | sort > manual
equal 'keys of a tunnel: table <, man/tunnel.yaml.5 >' table manual

# What a change takes: the comment in the sample, the sentence in the manual.
change() {
    awk -v words="$2" '/^[a-z_]+:$/ { section = $1; sub(/:$/, ".", section); next }
         /^[a-z_]+:/ { section = "" }
         /^ *#/ { sub(/^ *#/, ""); text = text $0; next }
         /^ *[a-z_]+: / { key = $1; sub(/:$/, "", key)
                          if (index(text, words)) print section key }
         { text = "" }' "$root/etc/$1.yaml" | sort > table
    awk -v words="A change $2." '/^\.It Ic/ { key = $3 } $0 == words { print key }' "$root/man/$1.yaml.5" |
        sort > manual
    equal "a change of these keys $2: table <, man/$1.yaml.5 >" table manual
}
change tunneld 'needs a restart'
change tunnel 'takes another session'

# What the table prints as the defaults is read as the defaults, and a dump reads back.
echo '# nothing' > nothing.yaml
"$build/tunneld" -T -c nothing.yaml > defaults
"$build/tunneld" -T -c "$root/etc/tunneld.yaml" > sample
equal 'the sample has other values than the defaults' defaults sample
cp defaults dumped.yaml
"$build/tunneld" -T -c dumped.yaml > sample
equal 'what tunneld -T prints does not read back' defaults sample
"$build/tunnel" config show -c nothing.yaml > defaults
"$build/tunnel" config show -c "$root/etc/tunnel.yaml" > sample
equal 'the sample has other values than the defaults' defaults sample

# tunnelctl has no file of its own: flags and commands.
"$build/tunnelctl" --help > help || status=1
flags < help > table; flags_of_manual "$root/man/tunnelctl.8" > manual
equal 'flags: tunnelctl --help <, man/tunnelctl.8 >' table manual
letters < help > table; letters_of_manual "$root/man/tunnelctl.8" > manual
equal 'short flags: tunnelctl --help <, man/tunnelctl.8 >' table manual
sed -n 's/^  \([a-z][a-z ]*[a-z]\).*  .*/\1/p' help | sort > table
sed -n '/^\.Sh COMMANDS/,/^\.Sh OPT/s/^\.It Cm \([a-z ]*[a-z]\).*/\1/p' "$root/man/tunnelctl.8" |
    grep -vx -e help -e version | sort > manual
equal 'commands: tunnelctl --help <, man/tunnelctl.8 >' table manual

# Words that a person may look up.
grep -ohE '"E_[A-Z_]+"' -r "$root/src/client" | tr -d '"' | sort -u > table
grep '^\.It Er' "$root/man/tunnel.1" | grep -oE 'E_[A-Z_]+' | sort -u > manual
equal 'error codes: src/client <, man/tunnel.1 >' table manual
sed -n 's/^ *{Reason::[a-z_]*, "\([a-z_]*\)".*/\1/p' "$root/src/server/reason.cc" | grep -v '^ok$' |
    sort > table
sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/s/^\.It Cm \([a-z_]*\) .*/\1/p' "$root/man/tunneld.8" | sort > manual
equal 'reasons: src/server/reason.cc <, man/tunneld.8 >' table manual

# Every exit code that a source gives is in the manual of its program.
for pair in server:tunneld.8 client:tunnel.1 ctl:tunnelctl.8; do
    for code in $(grep -ohE '\bexit_[a-z_]+' -r --exclude=complaint.cc --exclude='token_store.*' --exclude=failure.h \
        "$root/src/${pair%:*}" "$root/src/base" "$root/src/net" | sort -u); do
        number=$(sed -n "s/^ *$code = \([0-9]*\),.*/\1/p" "$root/src/base/failure.h")
        [ -z "$number" ] || grep -q "^\.It $number$" "$root/man/${pair#*:}" ||
            { echo "exit code $number ($code) is not in man/${pair#*:}"; status=1; }
    done
done
exit $status
