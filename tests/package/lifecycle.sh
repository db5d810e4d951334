# SPDX-License-Identifier: ISC
# Run in a fresh Debian root by lifecycle_test.sh: one machine's life with the packages, from install to purge.
failed=0

# claim NAME COMMAND...
claim() {
    name=$1
    shift
    if "$@" >/tmp/said 2>&1; then
        echo "ok $name"
    else
        echo "FAIL $name"
        sed 's/^/    /' /tmp/said
        failed=$((failed + 1))
    fi
}

# code WANTED COMMAND...
code() {
    wanted=$1
    shift
    "$@"
    got=$?
    [ $got = "$wanted" ] || { echo "exit code $got, not $wanted: $*"; return 1; }
}

hash_of() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
page() { curl -sS --max-time 5 -H 'Host: app.localhost' http://127.0.0.1:8080/; }
soon() {
    tries=300
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { "$@"; return 1; }
        sleep 0.1
    done
}
page_says() { page | grep -q "$1"; }

# What was there before, to compare with what is left: names, without what apt, dpkg and time change.
files() {
    find /etc /usr /var /run /lib /opt /root -xdev ! -path '/var/lib/dpkg/*' ! -path '/var/cache/*' \
        ! -path '/var/lib/apt/*' ! -path '/var/log/*.log' ! -path '/var/log/apt/*' ! -path '/etc/ld.so.cache' \
        ! -path '/var/lib/systemd/*' ! -path '/var/log/alternatives*' ! -name '*.pyc' ! -name __pycache__ \
        ! -path '/etc/passwd-' ! -path '/etc/group-' ! -path '/etc/shadow-' ! -path '/etc/gshadow-' \
        ! -path '/run/lock*' ! -path /var/lib/logrotate/status ! -path '/run/adduser' | sort
}

apt() { apt-get -q -y -o Dpkg::Options::=--force-confold "$@"; }
install_all() { apt install /deb/libtunnel0_*.deb /deb/tunneld_*.deb /deb/tunnel-client_*.deb; }

dependencies=$(apt install -s /deb/libtunnel0_*.deb /deb/tunneld_*.deb /deb/tunnel-client_*.deb |
    sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -v tunnel)
# shellcheck disable=SC2086
claim what_debian_brings_installs apt install $dependencies
useradd --create-home somebody
files >/tmp/before
claim it_installs install_all
claim it_runs_once_it_is_installed code 0 service tunneld status
claim the_port_answers soon curl -sS -o /dev/null http://127.0.0.1:8080/
modes() {
    [ "$(stat -c '%a %U %G' /etc/tunneld/tokens)" = '640 root _tunneld' ] &&
        [ "$(stat -c '%a %U %G' /etc/tunneld)" = '750 root _tunneld' ] &&
        [ "$(stat -c '%a %U %G' /etc/tunneld.yaml)" = '644 root root' ] &&
        [ "$(stat -c '%a %U' /var/lib/tunneld)" = '700 _tunneld' ] &&
        [ "$(stat -c '%a %U %G' /etc/tunnel)" = '2750 root _tunnel' ]
}
claim what_is_secret_is_for_root_and_the_server_alone modes
listens_on_loopback() { ! ss -Hltn | grep -v ' 127\.0\.0\.1:'; }
claim as_installed_it_listens_on_loopback_only listens_on_loopback
unprivileged() {
    pid=$(pidof tunneld) && [ "$(stat -c %U "/proc/$pid")" = _tunneld ] &&
        grep -qx 'CapEff:	0000000000000400' "/proc/$pid/status"
}
claim it_runs_as_its_user_with_one_capability unprivileged
service tunneld stop
rm -f /var/log/tunneld.log

claim start_is_0 code 0 service tunneld start
claim start_again_is_0 code 0 service tunneld start
claim status_of_what_runs_is_0 code 0 service tunneld status
claim stop_is_0 code 0 service tunneld stop
claim stop_again_is_0 code 0 service tunneld stop
claim status_of_what_is_stopped_is_3 code 3 service tunneld status

bad_file() {
    cp /etc/tunneld.yaml /tmp/good.yaml
    sed -i 's/^domain: .*/domain: [a]]/' /etc/tunneld.yaml
    line=$(grep -n '^domain:' /etc/tunneld.yaml | cut -d: -f1)
    service tunneld start >/tmp/start 2>&1
    result=$?
    cp /tmp/good.yaml /etc/tunneld.yaml
    cat /tmp/start
    [ $result != 0 ] && grep -q "/etc/tunneld.yaml:$line:" /tmp/start
}
claim a_bad_file_fails_to_start_and_is_named_with_the_line bad_file
listens_at_8080() { ss -Hltn | grep -q 127.0.0.1:8080; }
taken_port() {
    python3 -c 'import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", 8080)); s.listen(); time.sleep(60)' &
    other=$!
    soon listens_at_8080
    service tunneld start >/tmp/start 2>&1
    result=$?
    kill $other
    cat /tmp/start
    [ $result != 0 ] && grep -q '127.0.0.1:8080' /tmp/start && code 3 service tunneld status
}
claim a_port_in_use_fails_to_start_and_is_named taken_port

# A page through it, by hand: somebody with an account of his own, and the token that the server's operator made.
mkdir /srv/www
echo 'a page through the tunnel' >/srv/www/index.html
python3 -m http.server --bind 127.0.0.1 --directory /srv/www 3000 >/dev/null 2>&1 &
service tunneld start >/dev/null 2>&1
pin=$(sed -n 's/.*fingerprint=\([^ ]*\).*/\1/p' /var/log/tunneld.log | tail -n 1)
token=$(tunnelctl token add alice 2>/tmp/said)
as_somebody() { runuser -u somebody -- env -C /home/somebody "$@"; }
claim a_token_is_made_and_listed sh -c 'tunnelctl token list | grep alice'
wrong_token() { echo "$token" | tr 0-9a-f 1-9a-f0 | as_somebody tunnel login 127.0.0.1:9000 --pin "$pin" --token-stdin; }
claim another_token_cannot_log_in code 77 wrong_token
unpinned() { echo "$token" | as_somebody tunnel login 127.0.0.1:9000; }
claim a_server_that_nobody_vouches_for_is_not_trusted code 77 unpinned
login() { echo "$token" | as_somebody tunnel login 127.0.0.1:9000 --pin "$pin"; }
claim it_logs_in login
claim what_is_stored_is_for_its_user_alone test "$(stat -c '%a %U' /home/somebody/.config/tunnel/credentials)" = '600 somebody'
as_somebody tunnel 3000 >/tmp/tunnel.out 2>/tmp/tunnel.log &
url() { grep -o 'http://[^ ]*' /tmp/tunnel.out | head -n 1; }
has_url() { [ -n "$(url)" ] || { cat /tmp/tunnel.out /tmp/tunnel.log; return 1; }; }
claim tunnel_3000_says_a_url soon has_url
url_shows_page() { curl -sS --max-time 5 "$(url)" | grep 'a page through the tunnel'; }
claim a_page_comes_through_that_url soon url_shows_page
revoked() { tunnelctl token revoke "$(tunnelctl --json token list | grep -o '"id":"[^"]*"' | cut -d'"' -f4)" && soon sh -c '! pidof tunnel'; }
claim a_token_that_is_revoked_ends_its_client revoked

# The same, both programs as services.
echo "alice:sha256:$(hash_of the-token)" >>/etc/tunneld/tokens
printf 'server_addr: 127.0.0.1:9000\ntoken: the-token\ntls: { pin: "%s" }\ntunnels:\n  - { subdomain: app, local_port: 3000 }\n' \
    "$pin" >/etc/tunnel/app.yaml
chmod 640 /etc/tunnel/app.yaml
claim without_a_client_there_is_no_page soon code 0 sh -c 'curl -s -o /dev/null -w "%{http_code}" -H "Host: app.localhost" http://127.0.0.1:8080/ | grep -q 404'
claim the_client_starts code 0 service tunnel start
claim the_client_starts_again code 0 service tunnel start
claim a_page_comes_through soon page_says 'a page through the tunnel'
client_user() { [ "$(stat -c %U "/proc/$(pidof tunnel)")" = _tunnel ] && [ "$(stat -c %U /var/lib/tunnel)" = _tunnel ]; }
claim the_client_runs_as_its_user client_user
# What is root's in /proc though somebody else runs it may be neither traced nor dumped, proc(5).
sealed() {
    for pid in $(pidof tunneld tunnel); do
        [ "$(stat -c %U "/proc/$pid/fd")" = root ] && grep -qx 'NoNewPrivs:	1' "/proc/$pid/status" &&
            grep -q 'Max core file size  *0  *0 ' "/proc/$pid/limits" || { cat "/proc/$pid/status"; return 1; }
    done
    grep -qx 'Seccomp:	2' "/proc/$(pidof tunneld)/status"
}
claim neither_can_be_traced_or_leaves_a_core_file sealed
claim the_client_has_a_status code 0 service tunnel status
claim the_client_stops code 0 service tunnel stop
claim the_stopped_client_has_a_status code 3 service tunnel status
claim a_file_that_is_broken_starts_no_client code 1 sh -c 'echo "server_adr: x" >/etc/tunnel/broken.yaml; /etc/init.d/tunnel start broken; code=$?; rm /etc/tunnel/broken.yaml; exit $code'

rotation() {
    sed -i 's|^  output: .*|  output: "/var/log/tunneld/tunneld.log"|' /etc/tunneld.yaml
    service tunneld restart && grep -q listening /var/log/tunneld/tunneld.log || return 1
    logrotate -f /etc/logrotate.d/tunneld || return 1
    curl -s -o /dev/null http://127.0.0.1:8080/
    soon grep -q access /var/log/tunneld/tunneld.log && [ -e /var/log/tunneld/tunneld.log.1 ]
    result=$?
    cp /tmp/good.yaml /etc/tunneld.yaml
    return $result
}
claim logs_are_rotated rotation

# An upgrade: the same program in a package of a later version that brings another /etc/tunneld.yaml.
repack() {
    rm -rf /tmp/next
    dpkg-deb -R "$(ls /deb/tunneld_*.deb)" /tmp/next &&
        sed -i 's/^Version: .*/&.1/' /tmp/next/DEBIAN/control &&
        sed -i '1i # A later version.' /tmp/next/etc/tunneld.yaml &&
        dpkg-deb -b /tmp/next /tmp/next.deb
}
edit() { sed -i 's/^workers: .*/workers: 1/' /etc/tunneld.yaml && service tunneld restart; }
upgrade() { edit && repack && apt install /tmp/next.deb; }
claim it_is_upgraded upgrade
kept() { grep -q '^workers: 1' /etc/tunneld.yaml && [ -e /etc/tunneld.yaml.dpkg-dist ] && grep -q '^alice:' /etc/tunneld/tokens; }
claim what_somebody_changed_stays kept
claim it_runs_after_the_upgrade code 0 service tunneld status
/etc/init.d/tunnel start >/dev/null 2>&1
claim a_page_comes_through_after_the_upgrade soon page_says 'a page through the tunnel'

remove() { apt remove tunneld tunnel-client; }
claim it_is_removed remove
stopped() { ! pidof tunneld && ! pidof tunnel; }
claim nothing_runs_after_the_removal stopped
claim what_somebody_configured_is_still_there test -e /etc/tunneld.yaml -a -e /etc/tunneld/tokens -a -e /etc/tunnel/app.yaml
claim it_installs_again install_all
claim it_runs_again code 0 service tunneld status
purge() { apt purge tunneld tunnel-client libtunnel0; }
claim it_is_purged purge
claim nothing_runs_after_the_purge stopped
files >/tmp/after
claim nothing_is_left diff /tmp/before /tmp/after
logs() { ! ls -d /var/log/tunnel*; }
claim no_log_is_left logs
claim only_the_users_are_left sh -c 'getent passwd _tunneld && getent passwd _tunnel'

exit $((failed > 0))
