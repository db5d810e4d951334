# SPDX-License-Identifier: ISC
"""Stopping politely: what is in flight ends well, nothing new begins, and a second signal ends it."""

import concurrent.futures
import signal
import socket
import time

from harness import SLOW, claim, run, wait_until
from load import Drained
from locals import OK, Node, Scripted
from visitor import HOST, Visitor, get


def slow_local(box, seconds):
    def script(channel, received):
        channel.body(received)
        time.sleep(seconds)
        channel.send(OK)
    return Scripted(box, script)


def in_flight(box, local, server, stop, count=50):
    """`count` requests under way, then `stop()`; their responses."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(get, server) for _ in range(count)]
        local.wait_requests(count)
        stop()
        return [each.result() for each in answers]


@claim
def a_stopping_server_finishes_what_is_in_flight(box):
    local = slow_local(box, 0.7)
    server, _ = box.pair(local.port)
    responses = in_flight(box, local, server, lambda: server.signal(signal.SIGTERM))
    assert [each.status for each in responses] == [200] * 50 and all(each.complete for each in responses)
    assert server.wait(5) == 0


@claim
def a_drain_under_load_cuts_nothing_that_has_begun(box):
    for by_signal in (False, True):
        drained = Drained(box, visitors=16, by_signal=by_signal)
        assert not drained.failed and drained.whole > 16, (drained.failed[:5], drained.whole)


@claim
def a_stopping_client_finishes_what_is_in_flight(box):
    local = slow_local(box, 0.7)
    server, client = box.pair(local.port)
    responses = in_flight(box, local, server, lambda: client.signal(signal.SIGTERM))
    assert [each.status for each in responses] == [200] * 50 and all(each.complete for each in responses)
    assert client.wait(5) == 0
    assert get(server).status == 503


@claim
def a_stopping_server_takes_no_new_visitor_and_closes_the_idle_ones(box):
    local = slow_local(box, 1)
    server, _ = box.pair(local.port)
    idle = Visitor(server)
    idle.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    assert idle.response().status == 200
    busy = Visitor(server)
    busy.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    local.wait_requests(2)
    server.signal(signal.SIGTERM)
    assert idle.ended(0.5) == 'fin'

    def closed():
        try:
            socket.create_connection(('127.0.0.1', server.port), timeout=1).close()
        except ConnectionRefusedError:
            return True
        return False
    wait_until(closed, 0.5, 'the port is closed')
    response = busy.response()
    assert response.status == 200 and response.value('connection') == 'close', response
    assert server.wait(3) == 0


@claim
def a_second_signal_ends_a_stopping_program_at_once(box):
    node = Node(box)
    for victim in (0, 1):
        pair = box.pair(node.port)
        visitor = Visitor(pair[0])
        visitor.send(f'GET /hang HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
        wait_until(lambda: pair[0].visits() == 1, 3, 'a request hangs')
        process = pair[victim]
        process.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.running(), f'{process.name} did not wait for the request'
        process.signal(signal.SIGTERM)
        process.wait(1)
        if process is pair[0]:
            assert [line for line in process.access_lines() if 'path=/hang' in line and 'reason=shutting_down' in line]
        pair[1 - victim].kill()


@claim
def the_drain_timeout_ends_what_does_not_end(box):
    node = Node(box)
    server, _ = box.pair(node.port, server={'timeouts': {'drain_timeout': '500ms'}})
    visitor = Visitor(server)
    visitor.send(f'GET /hang HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    wait_until(lambda: server.visits() == 1, 3, 'a request hangs')
    server.signal(signal.SIGTERM)
    assert server.wait(3) == 0
    assert visitor.ended(1) is not None
    assert [line for line in server.access_lines() if 'path=/hang' in line]  # cut by either end


@claim
def an_idle_server_and_client_stop_at_once(box):
    node = Node(box)
    server, client = box.pair(node.port)
    for process in (client, server):
        started = time.monotonic()
        process.signal(signal.SIGTERM)
        assert process.wait(2) == 0
        assert time.monotonic() - started < 1 * SLOW


@claim
def an_interrupt_is_a_polite_stop_too(box):
    local = slow_local(box, 0.5)
    server, client = box.pair(local.port)
    responses = in_flight(box, local, server, lambda: client.signal(signal.SIGINT), count=5)
    assert [each.status for each in responses] == [200] * 5
    assert client.wait(3) == 0


@claim
def a_client_survives_a_draining_server(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    server.signal(signal.SIGTERM)
    assert server.wait(3) == 0
    again = server.restarted()
    wait_until(lambda: get(again).status == 200, 10, 'the tunnel is back')
    assert client.running()


if __name__ == '__main__':
    run(parallel=4)
