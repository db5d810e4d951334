# SPDX-License-Identifier: ISC
"""Strangers and liars on both ports: bounded, dropped in time, and nobody else notices."""

import json
import os
import socket
import ssl
import struct
import threading
import time

from harness import OTHER_TOKEN, SANITIZED, SLOW, TOKEN, claim, run, wait_until
from locals import Scripted
from peer import ACK, DATA, FIN, GOAWAY, PING, RST, SYN, WINDOW, Peer, envelope, frame, login, tls_connect
from visitor import HOST, Visitor, get

MIB = 1 << 20


def talk(server, data):
    """A session that says `data` on stream 1 in place of a login."""
    peer = Peer(server.control)
    peer.send(frame(WINDOW, SYN, 1, 0))
    try:
        for start in range(0, len(data), 200000):
            peer.data(1, data[start:start + 200000])
    except OSError:
        pass
    return peer


def prefixed(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack('>I', len(data)) + data


def handshake_json(**changes):
    return json.dumps({'type': 'handshake', 'payload': {'version': 1, 'token': TOKEN, 'tunnels': [
        {'subdomain': 'evil', 'local_port': 1}], **changes}})


@claim
def bad_json_is_refused_and_nothing_else_happens(box):
    server, _ = box.pair(Scripted(box).port)
    cases = ['{', 'null', '[]', '""', '{"type":"handshake"}', '{"type":"handshake","payload":7}', '{"type":7,"payload":{}}',
             handshake_json() + 'garbage', handshake_json() + '\0', '[' * 60000, '{"a":' * 10000,
             '{"type":"handshake","payload":{"version":1,"token":"bad","token":"%s","tunnels":[]}}' % TOKEN,
             handshake_json(version='1'), handshake_json(version=1e308), handshake_json(tunnels={}), handshake_json(tunnels=[7]),
             handshake_json(token=None), handshake_json(token=['x']), handshake_json(capabilities='control'),
             handshake_json(tunnels=[{'subdomain': 'evil', 'local_port': 70000}]),
             handshake_json(tunnels=[{'subdomain': 'evil', 'local_port': -1}]), b'{"type":"hand\xc3\x28shake","payload":{}}',
             b'\xef\xbb\xbf' + handshake_json().encode(), b'\xff' * 100, b'\0' * 100]
    for case in cases:
        with talk(server, prefixed(case)) as peer:
            ended = peer.ended(3)
            said = b''.join(peer.streams.values())
            assert b'"success":true' not in said.replace(b' ', b''), (case[:80], said)
            assert ended, (case[:80], said)
            assert TOKEN.encode() not in said, 'an answer quotes the input'
    assert get(server, host='evil.tun.test').status == 404
    assert get(server).status == 200


@claim
def messages_cut_into_bytes_and_glued_together_are_the_same(box):
    server = box.server()
    with Peer(server.control) as peer:
        peer.send(frame(WINDOW, SYN, 1, 0))
        for byte in envelope('handshake', {'version': 1, 'token': TOKEN, 'tunnels': [{'subdomain': 'app', 'local_port': 1}],
                                           'capabilities': ['control']}):
            peer.data(1, bytes([byte]))
        assert peer.message()['payload']['success']
        ping = envelope('ping', {'timestamp': '2026-01-01T00:00:00Z'})
        peer.data(1, ping + ping)
        assert [peer.message()['type'] for _ in range(2)] == ['pong', 'pong']


@claim
def announced_sizes_are_not_believed(box):
    server, _ = box.pair(Scripted(box).port)
    before = server.rss()
    for size in (0, 65537, 1 << 20, 1 << 30, 0xffffffff):
        with talk(server, struct.pack('>I', size) + b'x') as peer:
            assert peer.ended(3), size
    if not SANITIZED:
        assert server.rss() - before < 2 * MIB
    with talk(server, prefixed(' ' * (65536 - len(handshake_json())) + handshake_json())) as peer:
        assert peer.message()['payload']['success'], 'the largest message must work'


@claim
def unknown_messages_are_answered_and_the_session_goes_on(box):
    server = box.server()
    peer = Peer(server.control)
    assert peer.login(['app'], client_id='x', capabilities=['control', 'unheard-of'])['capabilities'] == ['control']
    peer.data(1, envelope('teleport', {'to': 'mars'}))
    message = peer.message()
    assert message['type'] == 'error' and message['payload']['code'] == 'PROTOCOL_ERROR', message
    peer.data(1, envelope('ping', {'timestamp': 'x'}))
    assert peer.message()['type'] == 'pong'


@claim
def a_second_login_is_refused(box):
    server = box.server()
    peer = Peer(server.control)
    assert peer.login(['app'], client_id='x', capabilities=['control'])['success']
    peer.data(1, envelope('handshake', {'version': 1, 'token': OTHER_TOKEN, 'tunnels': [{'subdomain': 'two', 'local_port': 1}]}))
    peer.ended(1)
    assert get(server, host='two.tun.test').status == 404


@claim
def broken_frames_end_the_session_with_a_goaway(box):
    server, _ = box.pair(Scripted(box).port)
    broken = [b'\x01' + frame(DATA, 0, 1, 0)[1:], frame(4, 0, 1, 0), frame(DATA, SYN, 2, 0), frame(DATA, SYN, 0, 0),
              frame(DATA, 0, 0, 5, b'12345'), frame(PING, SYN, 7, 1), b'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
              frame(GOAWAY, 0, 0, 1), frame(DATA, 0, 99, 0xffffffff)]
    for bad in broken:
        with login(server, 'peer', client_id='p') as peer:
            try:
                peer.send(bad)
            except OSError:
                pass
            assert peer.ended(3), bad
    assert get(server).status == 200


@claim
def strange_but_legal_frames_are_ignored(box):
    server = box.server()
    with login(server, 'peer') as peer:
        for odd in (frame(PING, ACK, 0, 77), frame(PING, 0, 0, 78), frame(WINDOW, 0, 99, 10), frame(DATA, RST, 99, 0),
                    frame(DATA, 0, 99, 3, b'abc'), frame(WINDOW, FIN, 99, 0), frame(DATA, 0x8000, 99, 0)):
            peer.send(odd)
        peer.send(frame(PING, SYN, 0, 4711))
        wait_until(lambda: peer.read_frame() and peer.saw(PING, ACK, 0, 4711), 3, 'the ping is answered')


@claim
def a_flood_of_streams_is_refused_without_memory(box):
    server, _ = box.pair(Scripted(box).port)
    before = server.rss()
    with login(server, 'peer', client_id='p') as peer:
        try:
            for start in range(0, 20000, 1000):
                peer.send(b''.join(frame(WINDOW, SYN, 3 + 2 * (start + i), 0) for i in range(1000)))
        except OSError:
            pass
        assert server.visits() <= 16, server.gauges()
    if not SANITIZED:
        assert server.rss() - before < 4 * MIB, server.rss() - before
    assert get(server).status == 200


@claim
def a_flood_of_resets_ends_the_session(box):
    server, _ = box.pair(Scripted(box).port)
    with login(server, 'peer', client_id='p') as peer:
        try:
            for start in range(0, 30000, 1000):
                peer.send(b''.join(frame(WINDOW, SYN, 3 + 2 * (start + i), 0) + frame(WINDOW, RST, 3 + 2 * (start + i), 0)
                                   for i in range(1000)))
        except OSError:
            pass
        assert peer.ended(5), 'a rapid reset is let through'
    assert get(server).status == 200


@claim
def a_flood_of_pings_that_nobody_reads_ends_or_stalls_its_own_session(box):
    server, _ = box.pair(Scripted(box).port)
    before = server.rss()
    peer = login(server, 'peer', client_id='p')
    peer.sock.settimeout(2)
    try:
        for _ in range(200):
            peer.send(b''.join(frame(PING, SYN, 0, i) for i in range(1000)))
    except OSError:
        pass
    if not SANITIZED:
        assert server.rss() - before < 4 * MIB, server.rss() - before
    assert get(server).status == 200
    peer.reset()


@claim
def data_beyond_the_window_is_no_memory_of_ours(box):
    server = box.server()
    before = server.rss()
    with login(server, 'peer', client_id='p') as peer:
        try:
            peer.send(frame(WINDOW, SYN, 3, 0))
            for _ in range(64):
                peer.send(frame(DATA, 0, 3, 65536, b'w' * 65536))
        except OSError:
            pass
    if not SANITIZED:
        assert server.rss() - before < 3 * MIB, server.rss() - before


@claim
def rubbish_in_place_of_tls_is_dropped(box):
    server, _ = box.pair(Scripted(box).port, server={'timeouts': {'handshake_timeout': '1s'}})
    for rubbish in (b'GET / HTTP/1.1\r\n\r\n', b'\x16\x03\x01\xff\xff' + b'\0' * 70000, os.urandom(1000), b'\x16\x03\x01\x00\x00' * 1000,
                    b'\x80\x2e\x01\x03\x01', b'\0' * 12):
        with socket.create_connection(('127.0.0.1', server.control_port)) as sock:
            try:
                sock.sendall(rubbish)
                sock.settimeout(3 * SLOW)
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass
    assert get(server).status == 200


@claim
def old_tls_is_refused(box):
    server = box.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers('ALL:@SECLEVEL=0')
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(('127.0.0.1', server.control_port)) as sock:
        try:
            context.wrap_socket(sock)
        except (ssl.SSLError, OSError):
            return
    raise AssertionError('TLS 1.1 is spoken')


@claim
def silent_and_slow_strangers_on_the_control_port_are_cut_in_time(box):
    server, _ = box.pair(Scripted(box).port, server={
        'timeouts': {'handshake_timeout': '1s'}, 'limits': {'max_handshakes': 1000, 'max_handshakes_per_ip': 0}})
    silent = [socket.create_connection(('127.0.0.1', server.control_port)) for _ in range(10)]
    slow = [socket.create_connection(('127.0.0.1', server.control_port)) for _ in range(10)]
    shy = [tls_connect(server.control) for _ in range(5)]
    end = time.monotonic() + 1.6 * SLOW
    while time.monotonic() < end:
        for sock in slow:
            try:
                sock.send(b'\x16')
            except OSError:
                pass
        with login(server, 'good', client_id='g'):
            pass  # others log in meanwhile
        time.sleep(0.2)
    for sock in silent + slow + shy:
        sock.settimeout(1 * SLOW)
        try:
            while sock.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        sock.close()
    wait_until(lambda: server.gauges()['sessions'] == 1, 3, 'only the tunnel is left')


@claim
def slow_heads_on_the_public_port_are_cut_in_time(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'timeouts': {'header_timeout': '1s'}})
    slow = []
    for _ in range(100):
        visitor = Visitor(server)
        visitor.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: '.encode())
        slow.append(visitor)
    end = time.monotonic() + 1.8 * SLOW
    while time.monotonic() < end:
        for visitor in slow:
            try:
                visitor.send(b'x')
            except OSError:
                pass
        assert get(server).status == 200
        time.sleep(0.2)
    assert all(visitor.ended(1) is not None for visitor in slow), 'drip-fed heads live for ever'
    wait_until(lambda: server.gauges()['visitors'] == 0, 3, 'they are gone')


@claim
def too_many_connections_of_one_address_are_refused(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'trusted_proxies': [], 'limits': {'max_visitors_per_ip': 10}})
    visitors = [Visitor(server) for _ in range(10)]
    time.sleep(0.1)
    with Visitor(server) as one_more:
        try:
            one_more.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
            response = one_more.response()
            assert response.status in (429, 503, None), response
        except OSError:
            pass
    for visitor in visitors:
        visitor.close()
    wait_until(lambda: get(server).status == 200, 3, 'room again')


@claim
def a_hostile_server_cannot_make_the_client_dial_elsewhere(box):
    """The port in a visit's header is only a key into the client's own configuration."""
    secret = Scripted(box)
    fake = FakeServer(box)
    client = box.client(None, {'app': Scripted(box).port}, {'server_addr': fake.address}, wait=False)
    session = fake.session()
    session.visit({'type': 'http', 'subdomain': 'other', 'local_port': secret.port, 'local_host': '127.0.0.1', 'request_id': 'r'},
                  b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    session.visit({'type': 'http', 'subdomain': 'app', 'local_port': secret.port, 'local_host': '127.0.0.1', 'request_id': 'r'},
                  b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    time.sleep(0.5)
    assert not secret.requests and not secret.connections, 'the server chose the port'
    assert client.running()
    session.stop()


@claim
def a_hostile_server_cannot_fill_the_client(box):
    fake = FakeServer(box)
    client = box.client(None, {'app': Scripted(box).port}, {'server_addr': fake.address}, wait=False)
    session = fake.session()
    before = client.rss()
    for rude in (b''.join(frame(WINDOW, SYN, 4 + 2 * i, 0) for i in range(20000)), struct.pack('>BBHII', 0, 0, SYN, 2, 1 << 30)):
        try:
            session.sock.sendall(rude)
        except OSError:
            pass
        time.sleep(0.3)
    if not SANITIZED:
        assert client.rss() - before < 16 * MIB, client.rss() - before
    assert client.running()
    session.stop()


class FakeServer:
    """The server's side of the control plane, as far as a liar needs it."""

    def __init__(self, box):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(box.cert, box.key)
        self.context.set_alpn_protocols(['tunnel/1'])
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        box.on_close(self.listener.close)

    def session(self):
        return FakeSession(self.context.wrap_socket(self.listener.accept()[0], server_side=True))


class FakeSession(Peer):
    def __init__(self, sock):
        self.sock, self.buffer, self.streams, self.events, self.used = sock, b'', {}, [], {}
        self.answer_pings, self.next_stream, self.stopped = True, 2, False
        asked = self.message()['payload']['tunnels']
        self.data(1, envelope('handshake_response', {'success': True, 'session_id': 's', 'server_version': 1, 'tunnels': [
            {'subdomain': each['subdomain'], 'local_port': each['local_port'], 'url': f"http://{each['subdomain']}.tun.test",
             'status': 'active'} for each in asked]}))
        threading.Thread(target=self.keep_reading, daemon=True).start()

    def keep_reading(self):
        while not self.stopped:
            try:
                if not self.read_frame(0.5):
                    return
            except TimeoutError:
                pass
            except (OSError, ValueError):
                return

    def visit(self, header, payload):
        text = json.dumps(header).encode()
        self.data(self.next_stream, struct.pack('>I', len(text)) + text + payload, SYN)
        self.next_stream += 2

    def stop(self):
        self.stopped = True
        self.sock.close()


if __name__ == '__main__':
    run(parallel=3)
