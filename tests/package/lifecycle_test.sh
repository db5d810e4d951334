#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/run: timeout 600
# Installed, started, broken, upgraded, removed and purged in a Debian root of its own.
. "$(dirname "$0")/root.sh"
in_root tests/package/lifecycle.sh
