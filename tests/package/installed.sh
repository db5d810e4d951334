# SPDX-License-Identifier: ISC
# Run in a fresh Debian root by installed_test.sh.
apt-get install -q -y /deb/*.deb >/tmp/install 2>&1 || { cat /tmp/install; exit 1; }
service tunneld stop >/dev/null 2>&1
failed=0
for test in $(sed -n 's/^Tests: //p' debian/tests/control); do
    AUTOPKGTEST_TMP=$(mktemp -d)
    export AUTOPKGTEST_TMP
    if "debian/tests/$test" >/tmp/said 2>&1; then
        echo "ok $test"
    else
        echo "FAIL $test"
        tail -n 20 /tmp/said | sed 's/^/    /'
        failed=1
    fi
done
exit $failed
