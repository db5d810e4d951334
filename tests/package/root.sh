# SPDX-License-Identifier: ISC
# A minimal Debian root for tests of the packages; sourced by them. It is made once, by mmdebstrap, and kept in
# build/package: what our packages and ./quickstart want from Debian is not installed in it, but waits in apt's cache.
# in_root runs a script in a fresh copy, with namespaces of its own: no port and no process of it is seen outside,
# there is no network, and nothing survives its end.
set -u
cd "$(dirname "$0")/../.." || exit 1

skip() {
    echo "$*"
    exit 77
}

[ "$(id -u)" = 0 ] || skip 'a Debian root is made and entered by root alone'
command -v mmdebstrap >/dev/null || skip 'no mmdebstrap'
unshare --mount --pid --net --ipc --uts --fork --kill-child sh -c '
    mount -t proc proc /proc && mount --rbind /dev /mnt && ip link set lo up' 2>/dev/null || skip 'no namespaces here'
ls build/deb/tunneld_*.deb >/dev/null 2>&1 || skip 'no packages in build/deb: make deb'

# listed SECTION...: the packages in tests/packages.
listed() {
    while read -r section package _; do
        case " $* " in *" $section "*) echo "$package" ;; esac
    done <tests/packages | sort -u
}
wanted() { for deb in build/deb/*.deb; do dpkg-deb -f "$deb" Package Depends Recommends; done; }
words() { tr '\n' "$1" | sed "s/$1\$//"; }

# The mirror, and the way there, of the machine that we are on.
mirror() {
    # shellcheck disable=SC2016
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Codename: bookworm' 'Component: main' \
        2>/dev/null | head -n 1)
    echo "${uri:-http://deb.debian.org/debian}"
}
proxy() { apt-config dump Acquire::http::Proxy --format '--aptopt=%F "%v"%n' 2>/dev/null; }

root_tar=build/package/root.$({ cat tests/package/root.sh; listed root build quickstart; wanted; } | cksum | cut -d' ' -f1).tar

# $1 is the root.
# shellcheck disable=SC2016
fill_cache='
set -e
mkdir "$1/deb"
cp build/deb/*.deb "$1/deb/"
rm -f "$1"/deb/*dbgsym*
chroot "$1" sh -c "apt-get clean && apt-get install -q -y -d /deb/*.deb && apt-get install -q -y -d --no-install-recommends $more"
rm -r "$1/deb" "$1"/var/cache/apt/*.bin'

make_root() {
    rm -f build/package/root.*.tar
    options=$(proxy)
    more=$(listed build quickstart | words ' ') timeout -k 10 300 \
        mmdebstrap --mode=root --variant=apt --format=tar --dpkgopt=force-unsafe-io \
        --include="$(listed root | words ,)" ${options:+"$options"} --customize-hook="$fill_cache" \
        --skip=cleanup/apt/lists,cleanup/apt/cache bookworm "$root_tar.new" "$(mirror)" \
        >build/package/mmdebstrap.log 2>&1 && mv "$root_tar.new" "$root_tar"
}

mkdir -p build/package
exec 9>build/package/lock && flock 9
if [ ! -e "$root_tar" ] && ! make_root 9>&-; then
    rm -f "$root_tar.new"
    grep '^E:' build/package/mmdebstrap.log
    skip 'mmdebstrap failed, see build/package/mmdebstrap.log: no network?'
fi
exec 9>&-

# fresh_root: a copy of it, in $root.
fresh_root() {
    root=$(mktemp -d "$PWD/build/package/root.XXXXXX") || exit 1
    trap 'rm -rf --one-file-system "$root"' EXIT
    trap 'exit 1' INT TERM
    tar -xf "$root_tar" -C "$root" || skip 'a Debian root cannot be unpacked here'
}

# in_root SCRIPT [FILE...]: as root, in /test, with the packages in /deb and an init script policy that lets services
# start. The script finds the files and debian/ beside it.
in_root() {
    fresh_root
    mkdir "$root/test" "$root/deb"
    cp build/deb/*.deb "$root/deb/"
    rm -f "$root"/deb/*dbgsym*
    cp "$1" "$root/test/script"
    shift
    cp -r debian "$@" "$root/test/"
    printf '#!/bin/sh\nexit 0\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    # shellcheck disable=SC2016
    unshare --mount --pid --net --ipc --uts --fork --kill-child sh -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && ip link set lo up && cd "$1/test" &&
            exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
                DEBIAN_FRONTEND=noninteractive sh -c "cd /test && exec sh ./script"' sh "$root"
}
