#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/run: timeout 600
# The tests of the installed packages (debian/tests) in a Debian root of its own, one after the other.
. "$(dirname "$0")/root.sh"
in_root tests/package/installed.sh
