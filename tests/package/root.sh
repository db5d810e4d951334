# SPDX-License-Identifier: ISC
# A Debian root of its own for tests of the packages; sourced by them. The root is made once, by mmdebstrap, and kept
# in build/package; in_root runs a script in a fresh copy, with namespaces of its own: no port and no process of it
# is seen outside, and nothing survives its end.
set -u
cd "$(dirname "$0")/../.." || exit 1
packages='ca-certificates curl gcc iproute2 libc6-dev libevent-core-2.1-7 libevent-openssl-2.1-7 libjansson-dev libssl3
    libyaml-0-2 logrotate nginx openssl pkgconf procps python3 python3-websockets systemd-standalone-sysusers'
root_tar=build/package/root.tar

skip() {
    echo "$*"
    exit 77
}

[ "$(id -u)" = 0 ] || skip 'a Debian root is made and entered by root alone'
command -v mmdebstrap >/dev/null || skip 'no mmdebstrap'
unshare --mount --pid --net --fork true 2>/dev/null || skip 'no namespaces here'
ls build/deb/tunneld_*.deb >/dev/null 2>&1 || skip 'no packages in build/deb: make deb'

mkdir -p build/package
if [ ! -e $root_tar ]; then
    # shellcheck disable=SC2086
    mmdebstrap --quiet --variant=apt --include="$(echo $packages | tr ' ' ,)" bookworm $root_tar.new \
        http://deb.debian.org/debian >build/package/mmdebstrap.log 2>&1 || {
        rm -f $root_tar.new
        tail -n 3 build/package/mmdebstrap.log
        skip 'mmdebstrap failed: no network?'
    }
    mv $root_tar.new $root_tar
fi

# in_root SCRIPT: as root, in /test, with the packages in /deb and an init script policy that lets services start.
in_root() {
    root=$(mktemp -d "$PWD/build/package/root.XXXXXX") || exit 1
    trap 'rm -rf --one-file-system "$root"' EXIT
    trap 'exit 1' INT TERM
    tar -xf $root_tar -C "$root" || exit 1
    mkdir "$root/test" "$root/deb"
    cp build/deb/*.deb "$root/deb/"
    rm -f "$root"/deb/*dbgsym*
    cp "$1" "$root/test/script"
    cp -r debian "$root/test/debian"
    printf '#!/bin/sh\nexit 0\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    # shellcheck disable=SC2016
    unshare --mount --pid --net --ipc --uts --fork --kill-child sh -c '
        mount -t proc proc "$1/proc" && ip link set lo up && cd "$1/test" &&
            exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
                DEBIAN_FRONTEND=noninteractive sh -c "cd /test && exec sh ./script"' sh "$root"
}
