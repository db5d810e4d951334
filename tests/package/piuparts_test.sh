#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/run: timeout 600
# piuparts, which installs, removes and purges, with a sharp eye for what is left. Without network: what Debian brings
# is in a repository inside of its root.
. "$(dirname "$0")/root.sh"
command -v piuparts >/dev/null || skip 'no piuparts'
log=build/package/piuparts.log

# What it ignores is logrotate's own, which is in the root already.
look() {
    # shellcheck disable=SC2046
    unshare --mount --net piuparts --existing-chroot="$root" --keep-sources-list --no-eatmydata \
        --distribution=bookworm --ignore=/var/lib/logrotate/status \
        $(find build/deb -name '*.deb' ! -name '*dbgsym*') >$log 2>&1
}

fresh_root
# Not in apt's cache, which piuparts empties.
mkdir "$root/srv/debian" && mv "$root"/var/cache/apt/archives/*.deb "$root/srv/debian/"
(cd "$root/srv/debian" && dpkg-scanpackages . 2>/dev/null >Packages) || exit 1
echo 'deb [trusted=yes] file:/srv/debian ./' >"$root/etc/apt/sources.list"
rm -rf "$root"/var/lib/apt/lists/*
if look; then
    echo ok piuparts_finds_nothing
else
    grep -E 'ERROR|FAIL|WARN|E: ' $log | tail -n 30
    exit 1
fi
