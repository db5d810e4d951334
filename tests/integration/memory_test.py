# SPDX-License-Identifier: ISC
"""limits.memory: what waits stays within it, those who hold most pay for it, and nobody else notices."""

import re
import time

from harness import DOMAIN, SLOW, claim, run, wait_until
from locals import Nginx, Scripted
from visitor import HOST, Visitor, get

KIB, MIB = 1 << 10, 1 << 20
OTHER = f'other.{DOMAIN}'
SLACK = 64 * KIB * 3  # what the threads have not yet said, and a window on its way


def never_read(channel):
    time.sleep(60 * SLOW)


def slow_download(server, path='/big', host=HOST):
    """A visitor who reads nothing of what it asked for."""
    visitor = Visitor(server, receive_buffer=4096)
    visitor.send(f'GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n'.encode())
    return visitor


def deaf_upload(server):
    """A visitor who has sent what the tunnel takes of an upload that nobody reads."""
    visitor = Visitor(server)
    visitor.send(f'POST / HTTP/1.1\r\nHost: deaf.{DOMAIN}\r\nContent-Length: 1000000000\r\n\r\n'.encode())
    visitor.sock.setblocking(False)
    try:
        while True:
            visitor.sock.send(b'u' * 65536)
    except (BlockingIOError, ConnectionError):
        pass
    return visitor


def two_clients(box, server):
    """Two clients, one with the tunnel `app` and one with `other`, with the same files."""
    nginx = Nginx(box)
    nginx.file('big', b'b' * (20 * MIB))
    box.client(server, {'app': nginx.port})
    box.client(server, {'other': nginx.port}, {'client_id': 'second'}, name='second')


@claim
def slow_visitors_of_one_tunnel_cost_its_own_visitors_and_no_others(box):
    server = box.server({'limits': {'memory': '4MiB', 'max_visitors_per_ip': 0}})
    two_clients(box, server)
    assert get(server, '/ok', host=OTHER).status == 200
    slow, refused = [], []

    def pressed():
        slow.extend(slow_download(server) for _ in range(8))
        answer = get(server, '/ok')
        if answer.status == 503:
            refused.append(answer)
        assert get(server, '/ok', host=OTHER).status == 200
        gauges = server.gauges()
        assert gauges['memory_held'] < 4 * MIB + SLACK, gauges
        return refused and gauges['rejects_memory_shed'] > 0
    wait_until(pressed, 60, 'the largest are reset')
    page = refused[0]
    assert b'memory_short' in page.body and page.value('retry-after') == '5', page
    assert server.gauges()['rejects_memory_short'] >= len(refused)
    steps = re.findall(r'msg=memory step=(\w+)', server.err())
    assert 'refuse' in steps and 'shed' in steps, steps
    for visitor in slow:
        visitor.close()
    server.wait_line(r'msg=memory step=none')
    wait_until(lambda: server.gauges()['memory_held'] <= SLACK, 5, 'all memory is given back')
    assert get(server, '/ok').status == 200


@claim
def slow_visitors_cannot_keep_others_of_their_tunnel_away_for_long(box):
    server = box.server({'limits': {'memory': '2MiB', 'max_visitors_per_ip': 0}})
    two_clients(box, server)
    with Visitor(server) as idle:
        idle.send(f'GET /ok HTTP/1.1\r\nHost: {OTHER}\r\n\r\n'.encode())
        assert idle.response().status == 200
        slow = []

        def refused():
            slow.extend(slow_download(server) for _ in range(8))
            return get(server, '/ok').status == 503
        wait_until(refused, 30, 'its visitors are refused')
        wait_until(lambda: get(server, '/ok').status == 200, 20, 'they are let in again')
        assert idle.ended() == 'fin', 'an idle visitor has made room before anybody was reset'
    steps = re.findall(r'msg=memory step=(\w+)', server.err())
    assert steps[0] == 'refuse' and 'shed' in steps, steps
    for visitor in slow:
        visitor.close()


@claim
def uploads_that_nobody_reads_do_not_take_the_client_from_others(box):
    deaf = Scripted(box, raw=never_read, receive_buffer=4096)
    nginx = Nginx(box)
    server = box.server()
    client = box.client(server, {'deaf': deaf.port, 'app': nginx.port}, {'limits': {'memory': '2MiB'}})
    assert get(server, '/ok').status == 200
    uploads = []

    def pressed():
        uploads.append(deaf_upload(server))
        assert get(server, '/ok').status == 200
        assert client.gauges()['memory_held'] < 2 * MIB + SLACK
        return 'code=client_memory_short' in client.err() and 'msg=memory step=shed' in client.err()
    wait_until(pressed, 60, 'uploads are refused, and the largest reset')
    for visitor in uploads:
        visitor.reset()
    client.wait_line(r'msg=memory step=none', 10)


@claim
def without_a_limit_nobody_is_refused(box):
    server = box.server({'limits': {'memory': 0, 'max_visitors_per_ip': 0}})
    two_clients(box, server)
    slow = [slow_download(server) for _ in range(40)]
    assert get(server, '/ok').status == 200
    assert 'msg=memory' not in server.err()
    for visitor in slow:
        visitor.close()


if __name__ == '__main__':
    run()
