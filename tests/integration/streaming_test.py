# SPDX-License-Identifier: ISC
"""What arrives in pieces leaves in pieces: server-sent events, long polls, slow bodies, hints."""

import threading
import time

from harness import SLOW, claim, run, wait_until
from locals import Node, Scripted
from visitor import HOST, Visitor, get


@claim
def each_event_arrives_within_50_ms(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET /events?n=12&ms=60 HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/event-stream\r\n\r\n'.encode())
        sock = visitor.sock
        data, late = b'', []
        while b'0\r\n\r\n' not in data:
            piece = sock.recv(65536)
            assert piece, data
            now = time.time() * 1000
            data += piece
            for line in piece.decode().splitlines():
                if line.startswith('data: '):
                    late.append(now - int(line.split()[2]))
    assert len(late) == 12, late
    assert sorted(late)[-2] < 50 * SLOW, late  # one hiccup of the machine is allowed


@claim
def a_response_streams_before_its_end_is_known(box):
    step = threading.Event()

    def script(channel, received):
        channel.body(received)
        channel.send(b'HTTP/1.1 200 OK\r\n\r\nfirst')
        step.wait(10 * SLOW)
        channel.send(b'second')
        return False
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n'.encode())
        visitor.read_head()
        assert visitor.read_exactly(5) == b'first'
        step.set()
        assert visitor.read_to_end() == (b'second', 'fin')


@claim
def a_head_without_a_body_yet_arrives_at_once(box):
    step = threading.Event()

    def script(channel, received):
        channel.body(received)
        channel.send(b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n')
        step.wait(10 * SLOW)
        channel.send(b'late')
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
        head = visitor.read_head()
        assert head.startswith(b'HTTP/1.1 200'), head
        step.set()
        assert visitor.read_exactly(4) == b'late'


@claim
def an_upload_streams_to_the_local_service_as_it_comes(box):
    seen, answered = [], threading.Event()

    def script(channel, _):
        while len(seen) < 3:
            event = channel.judge.next_event()
            if type(event).__name__ == 'Data':
                seen.append((time.monotonic(), bytes(event.data)))
                answered.set()
            elif type(event).__name__ != 'EndOfMessage':
                channel.judge.receive_data(channel.recv())
        channel.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
        return False
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(f'POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n'.encode())
        for piece in (b'one', b'two', b'end'):
            answered.clear()
            sent = time.monotonic()
            visitor.send(b'3\r\n' + piece + b'\r\n')
            assert answered.wait(2 * SLOW), f'{piece} did not arrive'
            assert seen[-1][1] == piece and seen[-1][0] - sent < 0.2 * SLOW, seen
        visitor.send(b'0\r\n\r\n')
        assert visitor.response('POST').status == 200


@claim
def a_long_poll_outlives_idle_links(box):
    node = Node(box)
    server, _ = box.pair(node.port, server={'timeouts': {'ping_interval': '300ms', 'ping_timeout': '1s'}},
                         client={'timeouts': {'ping_interval': '300ms', 'ping_timeout': '1s'}})
    response = get(server, '/slow?ms=2500')
    assert response.status == 200 and response.body == b'slow', response


@claim
def both_bodies_flow_at_once(box):
    def script(channel, _):
        channel.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        while True:
            event = channel.judge.next_event()
            if type(event).__name__ == 'Data':
                data = bytes(event.data)
                channel.send(b'%x\r\n%s\r\n' % (len(data), data))
            elif type(event).__name__ == 'EndOfMessage':
                channel.send(b'0\r\n\r\n')
                return False
            else:
                channel.judge.receive_data(channel.recv())
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(f'POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 40\r\n\r\n'.encode())
        assert visitor.read_head().startswith(b'HTTP/1.1 200')
        for number in range(10):
            word = b'%04d' % number
            visitor.send(word)
            seen = visitor.read_exactly(9)
            assert seen == b'4\r\n' + word + b'\r\n', seen
        assert visitor.read_exactly(5) == b'0\r\n\r\n'


@claim
def a_visitor_who_leaves_frees_the_local_service(box):
    left = threading.Event()

    def script(channel, received):
        channel.body(received)
        channel.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n')
        try:
            while True:
                channel.send(b'1\r\n.\r\n')
                time.sleep(0.02)
        except OSError:
            left.set()
        return False
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    visitor = Visitor(server)
    visitor.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    visitor.response(until=lambda so_far: so_far.body.startswith(b'one'))
    visitor.close()
    assert left.wait(5 * SLOW), 'the local service was not told'
    wait_until(lambda: server.visits() == 0, 3, 'the stream is gone')


if __name__ == '__main__':
    run(parallel=3)
