#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/run: timeout 1200
# ./quickstart in a minimal Debian root: it installs what is missing, builds, shows a tunnel, and leaves nothing running.
. "$(dirname "$0")/root.sh"
git archive --format=tar --prefix=clone/ HEAD >build/package/clone.tar || exit 1
in_root tests/package/quickstart.sh build/package/clone.tar
