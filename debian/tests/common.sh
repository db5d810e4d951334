# A server and clients of our own on loopback, in a folder of their own; sourced by the tests. Whatever is started
# with `background` ends with the test.
set -eu
umask 077
work=$(mktemp -d "${AUTOPKGTEST_TMP:-/tmp}/tunnel.XXXXXX")
chmod 755 "$work"
children=
trap 'status=$?; kill $children 2>/dev/null || :; wait || :; [ $status = 0 ] || cat "$work"/*.log 2>/dev/null || :; rm -rf "$work"; exit $status' EXIT

fail() {
	echo "FAIL: $*"
	exit 1
}

background() {
	"$@" &
	children="$children $!"
}

# until_true SECONDS COMMAND...
until_true() {
	tries=$(($1 * 10))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "not in time: $*"
		sleep 0.1
	done
}

hash_of() { printf %s "$1" | sha256sum | cut -d' ' -f1; }

# addr_of KIND FILE: the address that the server says it listens at.
addr_of() { sed -n "s/.*msg=listening kind=$1 addr=\([^ ]*\).*/\1/p" "$2"; }

# serve [FLAG...]: a server; sets $http and $control, $pin.
serve() {
	printf 'alice:sha256:%s\nbob:sha256:%s\n' "$(hash_of alices-token)" "$(hash_of bobs-token)" >"$work/tokens"
	export STATE_DIRECTORY="$work/state"
	printf 'control_addr: 127.0.0.1:0\nhttp_addr: 127.0.0.1:0\nauth: { token_file: "%s" }\n' "$work/tokens" \
		>"$work/tunneld.yaml"
	background tunneld -c "$work/tunneld.yaml" "$@" 2>"$work/tunneld.log"
	server=$!
	until_true 60 grep -q kind=http "$work/tunneld.log"
	http=$(addr_of http "$work/tunneld.log")
	control=$(addr_of control "$work/tunneld.log")
	pin=$(sed -n 's/.*fingerprint=\([^ ]*\).*/\1/p' "$work/tunneld.log")
}

# publish NAME PORT TOKEN: a client.
publish() {
	mkdir -p "$work/$1"
	TUNNEL_TOKEN=$3 XDG_STATE_HOME="$work/$1" XDG_CONFIG_HOME="$work/$1" background tunnel http "$2" \
		--server "$control" --pin "$pin" --subdomain "$1" >"$work/$1.url" 2>"$work/$1.log"
	client=$!
	until_true 60 grep -q "//$1\." "$work/$1.url"
}

# local_page TEXT: a web service; sets $port.
local_page() {
	mkdir -p "$work/www"
	chmod 755 "$work/www"
	echo "$1" >"$work/www/index.html"
	chmod 644 "$work/www/index.html"
	background python3 -u -m http.server --bind 127.0.0.1 --directory "$work/www" 0 >"$work/www.log" 2>&1
	until_true 60 grep -q 'port [0-9]' "$work/www.log"
	port=$(sed -n 's/.*port \([0-9]*\).*/\1/p;q' "$work/www.log")
}

# get NAME: the page of that tunnel.
get() { curl -sS --max-time 60 -H "Host: $1.localhost" "http://$http/"; }
status_of() { curl -sS --max-time 60 -o /dev/null -w '%{http_code}' -H "Host: $1.localhost" "http://$http/"; }
