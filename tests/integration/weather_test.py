# SPDX-License-Identifier: ISC
"""Bad weather: locals that are down, slow, hanging or cut, and processes that are killed or stopped."""

import concurrent.futures
import json
import select
import signal
import socket
import threading
import time

from harness import SLOW, claim, free_port, run, wait_until
from locals import OK, Node, Scripted, black_hole
from peer import login
from visitor import HOST, Visitor, get, reset

QUICK = {'timeouts': {'ping_interval': '400ms', 'ping_timeout': '600ms'}}
RESPONSE = b'HTTP/1.1 200 OK\r\n'


def request(path='/', extra=''):
    return f'GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{extra}\r\n'.encode()


def refused_with(response, status, code):
    assert response.status == status and response.complete, response
    assert code is None or code in response.body.decode(), response


def endless(head):
    """A script that sends `head` and then body until somebody ends it."""
    def script(channel, received):
        channel.body(received)
        channel.send(head)
        while True:
            channel.send(b'400\r\n' + b'e' * 1024 + b'\r\n' if b'chunked' in head else b'e' * 1024)
            time.sleep(0.005)
    return script


HEADS = {'length': RESPONSE + b'Content-Length: 100000000\r\n\r\n', 'chunked': RESPONSE + b'Transfer-Encoding: chunked\r\n\r\n',
         'close': RESPONSE + b'Connection: close\r\n\r\n'}


def in_mid_body(box, server, kinds):
    """Visitors with a response of each kind half received."""
    visitors = []
    for kind in kinds:
        visitor = Visitor(server)
        visitor.send(request(f'/{kind}'))
        # Without a length the server may frame the body itself, in chunks.
        framed = b'transfer-encoding: chunked' in visitor.read_head().lower()
        visitor.read_exactly(2000)
        visitors.append(('chunked' if framed else kind, visitor))
    return visitors


def must_be_cut(visitors, seconds):
    """None of these responses may look complete."""
    started = time.monotonic()
    for kind, visitor in visitors:
        visitor.sock.settimeout(seconds * SLOW)
        data, end = visitor.read_to_end()
        if kind == 'chunked':
            assert not data.endswith(b'0\r\n\r\n'), 'the last chunk was written'
        if kind in ('close', 'relay'):
            assert end == 'reset', f'{kind}: a clean end'
        visitor.close()
    assert time.monotonic() - started < seconds * SLOW


def by_kind(channel, received):
    endless(HEADS[received.target[1:]])(channel, received)


@claim
def a_local_that_is_down_is_502_at_once(box):
    server, client = box.pair(free_port())
    started = time.monotonic()
    response = get(server)
    refused_with(response, 502, None)
    assert time.monotonic() - started < 0.5 * SLOW
    assert client.running()


@claim
def the_error_page_is_html_for_people_and_json_for_programs(box):
    server, _ = box.pair(free_port())
    page = get(server, headers='Accept: text/html,*/*\r\n')
    assert page.value('content-type').startswith('text/html') and b'<html' in page.body, page
    data = get(server, headers='Accept: application/json\r\n')
    assert data.value('content-type').startswith('application/json'), data
    said = json.loads(data.body)
    assert said['status'] == 502 and said['error'] in page.body.decode(), (said, page.body)
    assert get(server, method='HEAD').body == b''


@claim
def a_local_that_comes_back_is_served_again(box):
    port = free_port()
    server, _ = box.pair(port)
    assert get(server).status == 502
    Scripted(box, port=port)
    assert get(server).status == 200


@claim
def a_local_that_restarts_loses_no_request_to_a_stale_connection(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    for _ in range(3):
        assert get(server).status == 200
        local.close()
        time.sleep(0.05)
        local = Scripted(box, port=local.port)
    assert get(server).status == 200


@claim
def a_local_that_hangs_is_504_after_the_request_timeout(box):
    node = Node(box)
    server, _ = box.pair(node.port, server={'timeouts': {'request_timeout': '500ms'}})
    started = time.monotonic()
    refused_with(get(server, '/hang'), 504, 'request_timeout')
    assert 0.4 < time.monotonic() - started < 2 * SLOW
    assert get(server, '/slow?ms=100').status == 200


@claim
def the_request_timeout_does_not_run_during_the_upload(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'timeouts': {'request_timeout': '500ms'}})
    with Visitor(server) as visitor:
        visitor.send(f'POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\n'.encode())
        for _ in range(10):
            time.sleep(0.12)
            visitor.send(b'x')
        assert visitor.response('POST').status == 200


@claim
def silence_inside_a_body_ends_it_after_the_idle_timeout(box):
    def script(channel, received):
        channel.body(received)
        channel.send(RESPONSE + b'Content-Length: 100\r\n\r\nsome')
        time.sleep(5)
    local = Scripted(box, script)
    server, _ = box.pair(local.port, server={'timeouts': {'idle_timeout': '500ms'}})
    started = time.monotonic()
    response = get(server)
    assert response.status == 200 and not response.complete, response
    assert 0.4 < time.monotonic() - started < 3 * SLOW


@claim
def a_black_holed_local_is_504_after_the_dial_timeout_of_the_pool(box):
    server, _ = box.pair(black_hole(box), client={'pool': {'dial_timeout': '500ms'}})
    started = time.monotonic()
    refused_with(get(server), 504, None)
    assert 0.4 < time.monotonic() - started < 3 * SLOW


@claim
def a_client_that_does_not_react_is_504_after_the_dial_timeout(box):
    server = box.server({'timeouts': {'dial_timeout': '500ms'}})
    with login(server, 'app'):
        started = time.monotonic()
        refused_with(get(server), 504, 'dial_timeout')
        assert 0.4 < time.monotonic() - started < 3 * SLOW


@claim
def a_local_that_resets_before_the_head_is_502(box):
    def script(channel, received):
        channel.body(received)
        channel.reset()
        return False
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    refused_with(get(server), 502, None)


@claim
def a_local_that_closes_without_a_word_is_502(box):
    local = Scripted(box, lambda channel, received: channel.body(received) and False)
    server, _ = box.pair(local.port)
    refused_with(get(server), 502, None)


@claim
def a_local_that_closes_inside_the_head_is_502(box):
    local = Scripted(box, lambda channel, received: channel.body(received) and channel.send(RESPONSE + b'X-A: 1\r\n') or False)
    server, _ = box.pair(local.port)
    refused_with(get(server), 502, None)


@claim
def a_local_that_resets_in_mid_body_is_a_cut_for_the_visitor(box):
    for kind, head in HEADS.items():
        def script(channel, received, head=head):
            channel.body(received)
            channel.send(head + (b'400\r\n' + b'c' * 1024 + b'\r\n' if b'chunked' in head else b'c' * 1024))
            time.sleep(0.1)
            channel.reset()
            return False
        local = Scripted(box, script)
        server, client = box.pair(local.port)
        response = get(server)
        assert response.status == 200 and not response.complete, (kind, response)
        client.stop()
        server.stop()


@claim
def an_unknown_name_is_404(box):
    server = box.server()
    response = get(server)
    refused_with(response, 404, 'unknown_tunnel')
    assert not response.value('retry-after')


@claim
def the_header_timeout_ends_half_a_head(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'timeouts': {'header_timeout': '500ms'}})
    with Visitor(server) as idle, Visitor(server) as half:
        half.send(b'GET / HTTP/1.1\r\nHost: app')
        assert half.ended(3) is not None and idle.ended(3) is not None


@claim
def kept_alive_connections_are_closed_after_their_timeout(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'timeouts': {'keepalive_timeout': '500ms'}})
    with Visitor(server) as visitor:
        visitor.send(request())
        assert visitor.response().status == 200
        assert visitor.ended(3) == 'fin'


@claim
def a_body_above_the_limit_is_413(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'limits': {'max_request_body_size': 1000}})
    for raw in (f'POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1001\r\n\r\n'.encode() + b'x' * 1001,
                f'POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n'.encode() +
                b'3e8\r\n' + b'x' * 1000 + b'\r\n1\r\nx\r\n0\r\n\r\n'):
        with Visitor(server) as visitor:
            visitor.send(raw)
            response = visitor.response('POST')
            assert response.status == 413, response
    assert not any(received.complete for received in local.requests)


@claim
def too_many_requests_a_minute_are_429(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'limits': {'max_requests_per_minute': 5}})
    statuses = [get(server).status for _ in range(8)]
    assert statuses[:5] == [200] * 5 and 429 in statuses[5:], statuses
    assert len(local.requests) <= 7


@claim
def a_full_server_says_so_and_serves_again(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'limits': {'max_visitors': 5}})
    crowd = [Visitor(server) for _ in range(5)]
    wait_until(lambda: server.gauges()['visitors'] == 5, 3, 'five visitors')
    try:
        assert get(server).status in (503, None)
    except OSError:
        pass
    for visitor in crowd:
        visitor.close()
    wait_until(lambda: server.gauges()['visitors'] == 0, 3, 'nobody')
    assert get(server).status == 200


@claim
def killing_the_client_cuts_every_response_visibly(box):
    local = Scripted(box, by_kind)
    server, client = box.pair(local.port)
    visitors = in_mid_body(box, server, list(HEADS) * 3)
    client.kill()
    must_be_cut(visitors, 3)
    response = get(server)
    refused_with(response, 503, 'tunnel_offline')
    assert response.value('retry-after')
    wait_until(lambda: server.visits() == 0, 3, 'no stream is left')


@claim
def killing_the_server_cuts_every_response_visibly(box):
    local = Scripted(box, by_kind)
    server, client = box.pair(local.port)
    visitors = in_mid_body(box, server, list(HEADS) * 3)
    server.kill()
    must_be_cut(visitors, 3)
    assert client.running()


@claim
def killing_either_end_resets_an_old_visitor_whose_body_ends_with_the_connection(box):
    local = Scripted(box, endless(HEADS['close']))
    for victim in ('tunnel', 'tunneld'):
        server, client = box.pair(local.port)
        visitor = Visitor(server)
        visitor.send(f'GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n'.encode())
        assert b'chunked' not in visitor.read_head()
        visitor.read_exactly(2000)
        (client if victim == 'tunnel' else server).kill()
        must_be_cut([('close', visitor)], 3)
        client.kill()
        server.stop()


@claim
def killing_the_local_service_cuts_every_response_visibly(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    visitor = Visitor(server)
    visitor.send(request('/chunked?n=100000&size=1000&ms=1'))
    visitor.read_head()
    visitor.read_exactly(2000)
    node.kill()
    must_be_cut([('chunked', visitor)], 3)
    assert get(server).status == 502


@claim
def killing_either_end_resets_relays_at_both_sides(box):
    ends = []

    def raw(channel):
        while b'\r\n\r\n' not in channel.raw:
            channel.recv()
        channel.send(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x/1\r\n\r\nhello')
        try:
            while channel.recv():
                pass
            ends.append('fin')
        except ConnectionResetError:
            ends.append('reset')
    local = Scripted(box, raw=raw)
    for victim in ('tunnel', 'tunneld'):
        server, client = box.pair(local.port)
        visitor = Visitor(server)
        visitor.send(request(extra='Connection: Upgrade\r\nUpgrade: x/1\r\n'))
        visitor.read_head()
        visitor.read_exactly(5)
        (client if victim == 'tunnel' else server).kill()
        must_be_cut([('relay', visitor)], 3)
        wait_until(lambda: ends, 3, 'the local is told')
        assert ends.pop() == 'reset', f'{victim} killed: a clean end at the local'
        client.kill()
        server.stop()


@claim
def an_upload_cut_by_its_visitor_never_looks_complete(box):
    outcomes = []

    def script(channel, received):
        try:
            outcomes.append('whole' if channel.body(received) else 'cut')
        except OSError:
            outcomes.append('cut')
        return False
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    for fields, body in (('Content-Length: 1000', b'x' * 500), ('Transfer-Encoding: chunked', b'3e8\r\n' + b'x' * 500)):
        for leave in (lambda sock: sock.close(), reset):
            before = len(outcomes)
            visitor = Visitor(server)
            visitor.send(f'POST / HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n'.encode() + body)
            local.wait_requests(before + 1)
            leave(visitor.sock)
            wait_until(lambda: len(outcomes) > before, 5, 'the local is told')
    assert outcomes == ['cut'] * 4, outcomes


@claim
def a_restarted_server_has_its_client_back_with_the_same_url(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    for _ in range(2):
        url = client.urls()[-1]
        server.kill()
        time.sleep(0.3)
        server = server.restarted()
        started = time.monotonic()
        wait_until(lambda: get(server).status == 200, 10, 'the tunnel is back')
        assert time.monotonic() - started < 4 * SLOW
        assert client.urls()[-1] == url
    assert client.running()


@claim
def a_client_started_before_its_server_waits_for_it(box):
    control, http = free_port(), free_port()
    local = Scripted(box)
    client = box.client(None, {'app': local.port}, {'server_addr': f'127.0.0.1:{control}'}, wait=False)
    time.sleep(0.4)
    assert client.running(), client.err()
    server = box.server({'control_addr': f'127.0.0.1:{control}', 'http_addr': f'127.0.0.1:{http}'})
    wait_until(lambda: get(server).status == 200, 10, 'the tunnel is up')


@claim
def without_reconnect_an_unreachable_server_is_69(box):
    client = box.client(None, {'app': 1}, {'server_addr': f'127.0.0.1:{free_port()}', 'reconnect': {'enabled': False}},
                        wait=False)
    assert client.wait() == 69, client.err()


@claim
def a_stopped_client_is_noticed_and_its_visitor_answered(box):
    local = Scripted(box)
    server, client = box.pair(local.port, server=QUICK)
    client.signal(signal.SIGSTOP)
    started = time.monotonic()
    response = get(server)
    assert response.status in (502, 503, 504), response
    assert time.monotonic() - started < 2.5 * SLOW
    wait_until(lambda: get(server).status == 503, 2, 'the session is gone')
    client.signal(signal.SIGCONT)
    wait_until(lambda: get(server).status == 200, 10, 'the client is back')


@claim
def a_stopped_server_is_noticed_by_the_client(box):
    local = Scripted(box)
    server, client = box.pair(local.port, client=QUICK)
    server.signal(signal.SIGSTOP)
    time.sleep(2.5)
    assert client.running()
    server.signal(signal.SIGCONT)
    wait_until(lambda: get(server).status == 200, 10, 'the tunnel is back')


@claim
def a_short_stop_of_either_side_loses_no_request(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    for process in (client, server):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            process.signal(signal.SIGSTOP)
            answers = [pool.submit(get, server) for _ in range(8)]
            time.sleep(1)
            process.signal(signal.SIGCONT)
            assert [each.result().status for each in answers] == [200] * 8, process.name
    assert len(client.urls()) == 1


def readable(sock):
    return bool(select.select([sock], [], [], 0)[0])


@claim
def out_of_descriptors_nothing_spins_and_all_recovers(box):
    local = Scripted(box)
    server, client = box.pair(local.port, server={'timeouts': {'header_timeout': '30s'},
                                                  'limits': {'max_visitors': 100000, 'max_visitors_per_ip': 0}})
    server.limit_descriptors(40)
    kept = Visitor(server)
    kept.send(request())
    assert kept.response().status == 200
    crowd = []
    for _ in range(200):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(('127.0.0.1', server.port))
        crowd.append(sock)
    time.sleep(0.3)
    before = server.cpu()
    time.sleep(1)
    assert server.cpu() - before < 0.2 * SLOW, f'{server.cpu() - before} s of CPU in 1 s'
    kept.send(request())
    assert kept.response().status == 200, 'who is in must be served'
    waiting = Visitor(server, timeout=30)  # nobody drops him: he is served when there is room
    waiting.send(request())
    for sock in crowd:
        assert not readable(sock), 'somebody who waited was dropped'
        sock.close()
    assert waiting.response().status == 200
    waiting.close()
    wait_until(lambda: get(server).status == 200, 3, 'serves again')
    assert client.running() and len(client.urls()) == 1
    kept.close()


@claim
def a_client_out_of_descriptors_keeps_its_session(box):
    local = Scripted(box, lambda channel, received: (channel.body(received), time.sleep(0.3), channel.send(OK))[0] and None)
    server, client = box.pair(local.port)
    client.limit_descriptors(5)
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        statuses = [each.status for each in pool.map(lambda _: get(server), range(30))]
    assert set(statuses) <= {200, 502, 503, 504} and 200 in statuses, statuses
    assert get(server).status == 200 and client.running()
    assert server.gauges()['sessions'] == 1


@claim
def more_visits_than_local_connections_wait_their_turn(box):
    busy, most, lock = [0], [0], threading.Lock()

    def script(channel, received):
        channel.body(received)
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.05)
        with lock:
            busy[0] -= 1
        channel.send(OK)
    local = Scripted(box, script)
    server, _ = box.pair(local.port, client={'pool': {'max_open': 3}})
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = [each.status for each in pool.map(lambda _: get(server), range(20))]
    assert statuses == [200] * 20 and most[0] <= 3, (statuses, most)


if __name__ == '__main__':
    run(parallel=6)
