#!/bin/sh
# SPDX-License-Identifier: ISC
# The manuals are clean mdoc, with every page that they refer to.
cd "$(dirname "$0")/../.." || exit 1
command -v mandoc > /dev/null || { echo 'no mandoc'; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
status=0

# References are looked up in a tree of manuals, so make one of ours.
for page in man/*.[1-8]; do
    mkdir -p "$scratch/man${page##*.}"
    cp "$page" "$scratch/man${page##*.}/"
done
makewhatis "$scratch" || status=1
for page in man/*.[1-8]; do
    MANPATH=$scratch mandoc -Tlint -W style "$page" || status=1
    for section in NAME DESCRIPTION 'SEE ALSO'; do
        grep -q "^\.Sh $section$" "$page" || { echo "$page: no section $section"; status=1; }
    done
done
exit $status
