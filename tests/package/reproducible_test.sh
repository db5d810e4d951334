#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/run: timeout 900
# Another directory, time zone, locale, umask and home: the same packages, byte for byte.
cd "$(dirname "$0")/../.." || exit 1
ls build/deb/*.deb >/dev/null 2>&1 || { echo 'no packages in build/deb: make deb'; exit 77; }
[ "${BUILD_SECONDS:-0}" -le 120 ] || { echo "the first build took $BUILD_SECONDS s: no second one"; exit 77; }
again=build/package/another-place
mkdir -p build/package
(
    umask 027
    export TZ=Pacific/Kiritimati LC_ALL=C HOME=/nonexistent DEB_BUILD_OPTIONS=nocheck
    debian/build "$PWD/$again" -b
) >/dev/null || exit 1
failed=0
for deb in build/deb/*.deb; do
    if cmp "$deb" "$again/${deb##*/}"; then echo "ok $(basename "$deb")"; else failed=1; fi
done
[ $failed = 1 ] || rm -rf "$again"
exit $failed
