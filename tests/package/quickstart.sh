# SPDX-License-Identifier: ISC
# Run in a fresh Debian root by quickstart_test.sh.
tar -xf clone.tar && cd clone || exit 1
./quickstart --yes >/tmp/said 2>&1 || { tail -n 30 /tmp/said; exit 1; }
echo ok it_shows_a_tunnel
tail -n 8 /tmp/said
! pidof tunneld tunnel nginx || exit 1
echo ok nothing_is_left_running
