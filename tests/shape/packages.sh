#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/packages, what a Debian package is built from and what its tests stand on name the same packages.
cd "$(dirname "$0")/../.." || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
status=0

# section NAME...: what tests/packages lists there.
section() {
    while read -r name package _; do
        case " $* " in *" $name "*) echo "$package" ;; esac
    done <tests/packages | sort -u
}
# field NAME FILE: the names in a field of a control file, without versions and profiles.
field() {
    awk -v field="$1:" '$1 == field { on = 1; $1 = "" } /^[^ ]/ && !/^'"$1"':/ { on = 0 } on' "$2" |
        tr ',|' '\n\n' | sed 's/[(<[].*//; s/ //g; /^$/d; /^\$/d' | sort -u
}
# within SMALL LARGE SENTENCE
within() {
    rest=$(comm -23 "$1" "$2" | tr '\n' ' ')
    [ -z "$rest" ] || { echo "$3: $rest"; status=1; }
}

field Build-Depends debian/control | grep -v -e '^debhelper-compat$' -e '^dh-sequence-' >"$scratch/build-depends"
section build package >"$scratch/listed"
within "$scratch/build-depends" "$scratch/listed" 'in Build-Depends, but in no section build or package of tests/packages'
section build | grep '^lib.*-dev$' | grep -v '^libc6-dev$' >"$scratch/libraries"
within "$scratch/libraries" "$scratch/build-depends" 'in section build of tests/packages, but not in Build-Depends'

sed -n 's/^Package: //p' debian/control | sort >"$scratch/ours"
section root | sort - "$scratch/ours" >"$scratch/root"
field Depends debian/tests/control >"$scratch/test-depends"
within "$scratch/test-depends" "$scratch/root" 'in debian/tests/control, but not in section root of tests/packages'
exit $status
