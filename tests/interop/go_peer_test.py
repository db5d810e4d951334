# SPDX-License-Identifier: ISC
# tests/run: alone timeout 600
"""A client in Go made of hashicorp/yamux and encoding/json (peer.go) against the real programs.

INTEROP_BYTES is how much goes each way through mux_echo (64 MiB; 1073741824 is the full size)."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'integration'))

from harness import BUILD, DOMAIN, SLOW, TOP, Skip, claim, free_port, program, run, wait_until
from locals import Scripted
from visitor import Visitor, get, post

BYTES = int(os.environ.get('INTEROP_BYTES') or 64 << 20) // SLOW
REQUESTS = 1000
YAMUX = '/usr/share/gocode/src/github.com/hashicorp/yamux/session.go'
GO = '/usr/bin/go'  # Debian's: the only one that finds Debian's packages
built = []


def peer():
    """The Go program, built once."""
    if not built:
        if not os.access(GO, os.X_OK) or not os.path.exists(YAMUX):
            raise Skip('no Debian Go with hashicorp/yamux (golang-go, golang-github-hashicorp-yamux-dev)')
        path = os.path.join(TOP, 'peer')
        env = {'PATH': '/usr/bin:/bin', 'HOME': TOP, 'GOCACHE': os.path.join(BUILD, 'go-cache'), 'GO111MODULE': 'off',
               'GOPATH': '/usr/share/gocode', 'GOFLAGS': '', 'CGO_ENABLED': '0'}
        done = subprocess.run([GO, 'build', '-o', path, os.path.join(HERE, 'peer.go')], env=env, capture_output=True,
                              cwd=TOP, timeout=300)
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        built.append(path)
    return built[0]


def go_tunnel(box, server, *flags):
    client = box.start('go-tunnel', [peer(), 'tunnel', '-server', server.control, '-pin', box.pin, '-token-file',
                                     box.token_file, '-subdomain', 'app', *flags])
    wait_until(lambda: client.out() or not client.running(), 10, 'the Go client is online')
    assert f'://app.{DOMAIN}' in client.out(), client.err()
    return client


@claim
def a_plain_client_logs_in_and_serves_visits(box):
    server = box.server()
    client = go_tunnel(box, server)
    for number in range(20):
        body = b'%d' % number * number * 100
        response = post(server, f'/page/{number}', body)
        assert response.status == 200 and response.body == body, response
        assert response.value('x-path') == f'/page/{number}' and response.value('x-subdomain') == 'app'
    assert client.running() and client.err() == '', client.err()


@claim
def a_client_with_the_control_capability_serves_visits(box):
    server = box.server()
    client = go_tunnel(box, server, '-control')
    assert post(server, '/', b'abc').body == b'abc'
    assert client.running() and client.err() == '', client.err()


@claim
def a_kept_alive_visitor_is_served_by_a_plain_client(box):
    server = box.server()
    go_tunnel(box, server)
    with Visitor(server) as visitor:
        for number in range(10):
            visitor.send(b'POST /x HTTP/1.1\r\nHost: app.tun.test\r\nContent-Length: 5\r\n\r\n%05d' % number)
            assert visitor.response('POST').body == b'%05d' % number


@claim
def a_thousand_requests_at_once_are_exact(box):
    server = box.server({'limits': {'max_visitors_per_ip': 0}})
    client = go_tunnel(box, server, '-hold', str(REQUESTS))
    load = box.start('go-load', [peer(), 'load', '-server', server.http, '-host', f'app.{DOMAIN}', '-requests', str(REQUESTS)])
    code = load.wait(60)
    assert (code, load.out()) == (0, f'{REQUESTS} exact, 0 failed\n'), (code, load.out(), load.err(), client.err())
    wait_until(lambda: server.gauges()['streams'] == 0, 10, 'no stream is left')


@claim
def a_thousand_requests_at_once_through_our_own_client_are_exact(box):
    def echo(channel, request):
        channel.body(request)
        channel.send(f'HTTP/1.1 200 OK\r\nX-Path: {request.target}\r\nContent-Length: {len(request.body)}\r\n\r\n'.encode() +
                     request.body)
    local = Scripted(box, echo)
    server, _ = box.pair(local.port, server={'limits': {'max_visitors_per_ip': 0}})
    load = box.start('go-load', [peer(), 'load', '-server', server.http, '-host', f'app.{DOMAIN}', '-requests', str(REQUESTS)])
    code = load.wait(60)
    assert (code, load.out()) == (0, f'{REQUESTS} exact, 0 failed\n'), (code, load.out(), load.err())
    assert not local.errors, local.errors[:3]


@claim
def killing_a_plain_client_is_503_for_its_visitors(box):
    server = box.server()
    client = go_tunnel(box, server)
    assert post(server, '/', b'abc').status == 200
    client.kill()
    wait_until(lambda: get(server).status == 503, 3, 'status 503')


@claim
def bytes_come_back_equal_from_mux_echo_as_the_server(box):
    address = f'127.0.0.1:{free_port()}'
    echo = box.start('mux_echo', [program('mux_echo'), '--listen', address])
    done = []

    def talked():
        assert echo.running(), echo.err()
        process = box.start('go-echo', [peer(), 'echo', '-connect', address, '-bytes', str(BYTES), '-streams', '4'])
        process.wait(300)
        done.append(process)
        return process.popen.returncode == 0 or 'refused' not in process.err()
    wait_until(talked, 5, 'mux_echo listens')
    assert done[-1].popen.returncode == 0 and 'hashes equal' in done[-1].out(), done[-1].err()
    print('    ' + done[-1].out().strip())


@claim
def bytes_come_back_equal_from_mux_echo_as_the_client(box):
    process = box.start('go-echo', [peer(), 'echo', '-listen', '127.0.0.1:0', '-bytes', str(BYTES), '-streams', '4'])
    wait_until(lambda: process.out() or not process.running(), 10, 'the Go server listens')
    box.start('mux_echo', [program('mux_echo'), '--connect', process.out().split()[0]])
    assert process.wait(300) == 0 and 'hashes equal' in process.out(), process.err()
    print('    ' + process.out().splitlines()[-1])


if __name__ == '__main__':
    run()
