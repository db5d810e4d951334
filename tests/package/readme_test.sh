#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/run: timeout 600
# "The first tunnel on a real server" in README.md, followed to the letter in a Debian root of its own.
. "$(dirname "$0")/root.sh"
in_root tests/package/readme.sh tests/package/readme.py README.md
