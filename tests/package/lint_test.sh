#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/run: timeout 300
# What Debian's checkers say of the packages, the build, the units, the profile and the completions.
cd "$(dirname "$0")/../.." || exit 1
ls build/deb/*.changes >/dev/null 2>&1 || { echo 'no packages in build/deb: make deb'; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

# claim NAME COMMAND...
claim() {
    name=$1
    shift
    if "$@" >"$scratch/said" 2>&1; then
        echo "ok $name"
    else
        echo "FAIL $name"
        sed 's/^/    /' "$scratch/said"
        failed=1
    fi
}

# Installed as systemd will find them, with what they start.
units() {
    for deb in build/deb/tunneld_*.deb build/deb/tunnel-client_*.deb; do
        dpkg-deb -x "$deb" "$scratch/root" || return 1
    done
    mkdir -p "$scratch/root/bin"
    printf '#!/bin/sh\n' >"$scratch/root/bin/kill"
    chmod 755 "$scratch/root/bin/kill"
    cp "$scratch/root/bin/kill" "$scratch/root/bin/true"
    cp "$scratch/root/lib/systemd/system/"* "$scratch/"
    cp "$scratch/root/lib/systemd/system/tunnel@.service" "$scratch/tunnel@app.service"
    # Units of the system that ours are ordered by.
    for target in network-online nss-lookup time-sync multi-user sysinit basic shutdown network; do
        printf '[Unit]\nDescription=%s\n' "$target" >"$scratch/$target.target"
    done
    sed -i "s|=/usr/|=$scratch/root/usr/|; s|=/bin/|=$scratch/root/bin/|" "$scratch"/tunnel*.service
    SYSTEMD_UNIT_PATH=$scratch: systemd-analyze verify --man=no --recursive-errors=no "$scratch/tunneld.service" \
        "$scratch/tunnel.service" "$scratch/tunnel@app.service" >"$scratch/verify" 2>&1
    status=$?
    cat "$scratch/verify"
    [ $status = 0 ] && ! grep tunnel "$scratch/verify"
}
exposure() { systemd-analyze security --no-pager --offline=true --threshold=15 "$1"; }
profile() { apparmor_parser -Q -K debian/apparmor/usr.sbin.tunneld; }
completions() {
    for file in completions/bash/*; do bash -n "$file" || return 1; done
    for file in completions/zsh/*; do zsh -n "$file" || return 1; done
    for file in completions/fish/*; do fish -n "$file" || return 1; done
}
lint() { lintian --allow-root -E -I --pedantic --fail-on error,warning,info build/deb/*.changes build/deb/*.dsc; }

claim lintian_finds_nothing lint
claim the_build_is_hardened blhc --all build/deb/build.log
claim systemd_understands_the_units units
claim the_server_is_exposed_little exposure debian/tunneld.service
claim a_client_is_exposed_little exposure 'debian/tunnel-client.tunnel@.service'
claim the_profile_is_understood profile
claim the_completions_are_understood completions
exit $failed
