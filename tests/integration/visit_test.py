# SPDX-License-Identifier: ISC
"""What a plain client sees of a visit, and what its ways of ending one mean to the visitor."""

import threading

from harness import SLOW, claim, run, wait_until
from peer import DATA, FIN, RST, SYN, WINDOW, Peer, frame, login
from visitor import HOST, Visitor

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def ask(server, raw):
    """A visitor who asks `raw` on a thread: a function that returns the response."""
    result = []

    def work():
        with Visitor(server) as visitor:
            visitor.send(raw)
            result.append(visitor.response())
    thread = threading.Thread(target=work)
    thread.start()

    def response():
        thread.join(15 * SLOW)
        return result[0]
    return response


def request(path='/', fields='', version='1.1'):
    return f'GET {path} HTTP/{version}\r\nHost: {HOST}\r\n{fields}\r\n'.encode()


def read_request(peer, stream):
    data = b''
    while not data.endswith(b'\r\n\r\n'):
        data += peer.take(stream, 1)
    return data


def visited(box, raw=None):
    """A server, a logged-in peer with a visit open, and the response to come."""
    server = box.server({'timeouts': {'dial_timeout': '3s', 'request_timeout': '3s'}})
    peer = login(server, 'app')
    response = ask(server, raw or request())
    stream, header = peer.visit()
    read_request(peer, stream)
    return peer, stream, header, response


@claim
def a_visit_is_described_by_its_stream_header(box):
    peer, stream, header, response = visited(box, request('/path?q=1', 'X-Request-Id: abc\r\n'))
    peer.data(stream, ANSWER)
    peer.data(stream, b'', FIN)
    assert response().body == b'ok'
    assert header['type'] == 'http' and header['subdomain'] == 'app' and header['local_port'] == 80, header
    assert header['method'] == 'GET' and header['path'].startswith('/path') and header['host'] == HOST, header
    assert header['remote_addr'].startswith('127.0.0.1:') and header['request_id'], header


@claim
def a_client_that_offers_it_gets_short_headers(box):
    server = box.server()
    peer = login(server, 'app', capabilities=['short-header'])
    fields = 'Content-Length: 3\r\nAccept: application/json\r\n'
    post = request('/b', fields).replace(b'GET', b'POST') + b'abc'
    for text, framing, length, flags in ((request('/a'), 0, 0, 4), (post, 1, 3, 8)):
        response = ask(server, text)
        stream = peer.next_visit()
        header = peer.short_header(stream)
        head = peer.take(stream, header['head_size'])
        assert head.startswith(text[:7]) and head.endswith(b'\r\n\r\n') and head.count(b'\r\n\r\n') == 1, head
        assert (header['framing'], header['length'], header['flags']) == (framing, length, flags), header
        assert header['subdomain'] == 'app' and header['local_port'] == 80 and header['type'] == 0, header
        assert header['remote_addr'].startswith('127.0.0.1:') and header['request_id'].encode() in head, header
        assert peer.take(stream, length) == b'abc'[:length]
        peer.data(stream, ANSWER, FIN)
        assert response().body == b'ok'


@claim
def an_upgrade_to_websocket_is_a_visit_of_its_own_type(box):
    peer, stream, header, response = visited(box, request('/ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
                                                                 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
                                                                 'Sec-WebSocket-Version: 13\r\n'))
    peer.data(stream, ANSWER, FIN)
    assert header['type'] == 'websocket' and response().status == 200, header


@claim
def header_and_request_come_in_the_first_frame(box):
    server = box.server()
    peer = login(server, 'app')
    response = ask(server, request())
    stream, _ = peer.visit()
    first = next(event for event in peer.events if event[2] == stream)
    assert first[0] == DATA and first[1] & SYN and len(peer.streams[stream]) == first[3] > 100, peer.events
    assert peer.streams[stream].endswith(b'\r\n\r\n')
    peer.data(stream, ANSWER, FIN)
    assert response().status == 200


@claim
def a_long_path_is_shortened_in_the_header_only(box):
    peer, stream, header, response = visited(box, request('/' + 'p' * 7000))
    peer.data(stream, ANSWER, FIN)
    assert response().status == 200 and len(header['path']) < 4096, len(header['path'])
    assert b'p' * 7000 in peer.streams[stream]


@claim
def an_answer_without_length_ends_with_fin(box):
    peer, stream, _, response = visited(box)
    peer.data(stream, b'HTTP/1.1 200 OK\r\n\r\nall of it')
    peer.data(stream, b'', FIN)
    answer = response()
    assert answer.complete and answer.body == b'all of it', answer


@claim
def a_reset_inside_an_answer_without_length_is_a_cut(box):
    for version in ('1.1', '1.0'):
        peer, stream, _, response = visited(box, request(version=version))
        peer.data(stream, b'HTTP/1.1 200 OK\r\n\r\nnot all')
        peer.send(frame(WINDOW, RST, stream, 2))
        assert not response().complete, version


@claim
def the_end_of_the_link_inside_an_answer_is_a_cut(box):
    for leave in (Peer.close, Peer.reset):
        peer, stream, _, response = visited(box)
        peer.data(stream, b'HTTP/1.1 200 OK\r\n\r\nnot all')
        leave(peer)
        assert not response().complete


@claim
def fin_inside_a_counted_answer_is_a_cut(box):
    peer, stream, _, response = visited(box)
    peer.data(stream, b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!', FIN)
    assert not response().complete


@claim
def fin_without_a_byte_is_502(box):
    peer, stream, _, response = visited(box)
    peer.send(frame(WINDOW, FIN, stream, 0))
    assert response().status == 502


@claim
def a_reset_before_the_answer_is_502_or_504_by_its_code(box):
    for code, status in ((0, 502), (3, 502), (6, 504)):
        peer, stream, _, response = visited(box)
        peer.send(frame(WINDOW, RST, stream, code))
        assert response().status == status, (code, response())


@claim
def a_lost_link_before_the_answer_is_502(box):
    peer, _, _, response = visited(box)
    peer.reset()
    answer = response()
    assert answer.status == 502 and b'link_lost' in answer.body, answer


@claim
def frames_of_a_replaced_session_count_for_nothing(box):
    server = box.server()
    old = login(server, 'app', client_id='same')
    response = ask(server, request())
    stream, _ = old.visit()
    with login(server, 'app', client_id='same') as new:
        assert old.ended(3)
        try:
            old.data(stream, b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate')
        except OSError:
            pass
        assert response().status != 200, response()
        again = ask(server, request('/again'))
        stream, _ = new.visit()
        new.data(stream, ANSWER, FIN)
        assert again().body == b'ok'


@claim
def the_server_ends_a_visit_only_after_the_answer(box):
    peer, stream, _, response = visited(box)
    assert not peer.saw(flags=FIN, stream=stream)
    peer.data(stream, ANSWER)
    assert response().body == b'ok'
    wait_until(lambda: peer.saw(flags=FIN | RST, stream=stream) or not peer.read_frame(), 3, 'the visit is ended')
    assert not peer.saw(flags=RST, stream=stream), 'a complete visit is reset'


@claim
def three_hundred_visits_one_after_the_other_leave_no_stream(box):
    server = box.server()
    peer = login(server, 'app')
    with Visitor(server) as visitor:
        for number in range(300):
            visitor.send(request(f'/{number}'))
            stream, header = peer.visit()
            assert header['path'] == f'/{number}'
            peer.data(stream, ANSWER, FIN)
            assert visitor.response().body == b'ok'
            peer.events.clear()
    wait_until(lambda: server.visits() == 0, 3, 'no stream is left')


if __name__ == '__main__':
    run(parallel=3)
