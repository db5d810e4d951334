# SPDX-License-Identifier: ISC
# tests/run: alone
"""Slow readers at either end cost little memory, and nobody else notices."""

import time

from harness import DOMAIN, SANITIZED, SLOW, claim, run, wait_until
from locals import Nginx, Scripted
from visitor import HOST, Visitor, get

MIB = 1 << 20
BOUND = 24 * MIB  # make bench-slow measures, and asks for 16


def quiet_latency(server, host, rounds=40):
    """The 90th percentile of a small request, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.monotonic()
        response = get(server, '/ok', host=host)
        assert response.status == 200, response
        times.append(time.monotonic() - started)
    return sorted(times)[rounds * 9 // 10]


def growth_is_bounded(server, client, before):
    if SANITIZED:
        return
    grown = [server.rss() - before[0], client.rss() - before[1]]
    assert max(grown) < BOUND, f'grew by {[g // MIB for g in grown]} MiB'


@claim
def two_hundred_visitors_who_read_a_byte_a_second_cost_little(box):
    nginx = Nginx(box)
    nginx.file('big', b'b' * (20 * MIB))
    nginx.file('ok', b'ok')
    server = box.server({'limits': {'max_visitors_per_ip': 0}})
    client = box.client(server, {'app': nginx.port})
    get(server, '/ok')
    before = server.rss(), client.rss()
    slow = []
    for _ in range(200):
        visitor = Visitor(server, receive_buffer=4096)
        visitor.send(f'GET /big HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
        slow.append(visitor)
    for _ in range(3):
        for visitor in slow:
            assert visitor.sock.recv(1)
        growth_is_bounded(server, client, before)
        time.sleep(1)
    assert quiet_latency(server, HOST) < 0.1 * SLOW
    growth_is_bounded(server, client, before)
    for visitor in slow:
        visitor.close()
    wait_until(lambda: server.visits() == 0, 5, 'all streams are gone')
    assert server.gauges()['buffered_bytes'] == 0


@claim
def fifty_uploads_that_nobody_reads_cost_little(box):
    def never_read(channel):
        time.sleep(30 * SLOW)
    deaf = Scripted(box, raw=never_read, receive_buffer=4096)
    nginx = Nginx(box)
    nginx.file('ok', b'ok')
    server = box.server()
    client = box.client(server, {'deaf': deaf.port, 'app': nginx.port})
    get(server, '/ok')
    before = server.rss(), client.rss()
    uploads = []
    for _ in range(50):
        visitor = Visitor(server)
        visitor.send(f'POST / HTTP/1.1\r\nHost: deaf.{DOMAIN}\r\nContent-Length: 1000000000\r\n\r\n'.encode())
        visitor.sock.setblocking(False)
        uploads.append(visitor)
    block, end, sent = b'u' * 262144, time.monotonic() + 3, 0
    while time.monotonic() < end:
        moved = 0
        for visitor in uploads:
            try:
                moved += visitor.sock.send(block)
            except BlockingIOError:
                pass
        sent += moved
        if not moved:
            time.sleep(0.05)
    growth_is_bounded(server, client, before)
    assert quiet_latency(server, HOST) < 0.1 * SLOW
    for visitor in uploads:
        visitor.reset()
    wait_until(lambda: server.visits() == 0, 5, 'all streams are gone')


@claim
def a_download_beside_small_requests_does_not_delay_them(box):
    nginx = Nginx(box)
    nginx.file('big', b'b' * (64 * MIB))
    nginx.file('ok', b'ok')
    server, _ = box.pair(nginx.port)
    quiet = quiet_latency(server, HOST)
    downloads = [box.start('curl', ['/usr/bin/curl', '-s', '-o', '/dev/null', '-H', f'Host: {HOST}', '--limit-rate', '100M',
                                    f'http://{server.http}/big']) for _ in range(2)]
    busy = quiet_latency(server, HOST)
    assert busy < max(10 * quiet, 0.1) * SLOW, (quiet, busy)
    for download in downloads:
        assert download.wait(30) == 0


@claim
def a_visitor_who_stops_reading_is_cut_after_the_write_timeout(box):
    nginx = Nginx(box)
    nginx.file('big', b'b' * (20 * MIB))
    server, _ = box.pair(nginx.port, server={'timeouts': {'write_timeout': '700ms'}})
    with Visitor(server, receive_buffer=4096) as visitor:
        visitor.send(f'GET /big HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
        wait_until(lambda: server.visits() == 1, 3, 'the download runs')
        wait_until(lambda: server.visits() == 0, 5, 'the stalled download is cut')


if __name__ == '__main__':
    run()
