# SPDX-License-Identifier: ISC
"""A client of the control plane in plain Python: TLS, yamux, envelopes. Written from
tunnel-protocol(7); it can also be rude."""

import json
import socket
import ssl
import struct
import threading
import time

from harness import SLOW, TOKEN

DATA, WINDOW, PING, GOAWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8


def frame(kind, flags, stream, length, body=b''):
    return struct.pack('>BBHII', 0, kind, flags, stream, length) + body


def envelope(kind, payload, **more):
    message = json.dumps({'type': kind, 'payload': payload, **more}).encode()
    return struct.pack('>I', len(message)) + message


def tls_connect(address, alpn=('tunnel/1',)):
    """A TLS connection to `address` that trusts everybody."""
    host, port = address.rsplit(':', 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(sock, server_hostname='localhost')


class Peer:
    """A session: frames in, frames out, nothing done by itself but what the test asks for."""

    def __init__(self, address, alpn=('tunnel/1',)):
        self.sock = tls_connect(address, alpn)
        self.buffer = b''
        self.streams = {}  # id -> bytes received
        self.events = []   # (kind, flags, stream, length) of every frame
        self.used = {}     # id -> bytes of it that have been taken
        self.answer_pings = True

    def send(self, data):
        self.sock.sendall(data)

    def data(self, stream, body, flags=0):
        self.send(frame(DATA, flags, stream, len(body), body))

    def read_frame(self, seconds=5):
        """Reads one frame; None at the end of the connection."""
        self.sock.settimeout(seconds * SLOW)
        header = self.exactly(12)
        if not header:
            return None
        _, kind, flags, stream, length = struct.unpack('>BBHII', header)
        body = b''
        if kind == DATA and length:
            body = self.exactly(length) or b''
            self.streams[stream] = self.streams.get(stream, b'') + body
            self.send(frame(WINDOW, 0, stream, length))
        if kind == PING and flags & SYN and self.answer_pings:
            self.send(frame(PING, ACK, 0, length))
        self.events.append((kind, flags, stream, length))
        return kind, flags, stream, length, body

    def exactly(self, size):
        while len(self.buffer) < size:
            try:
                data = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return None
            if not data:
                return None
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take(self, stream, size, seconds=5):
        """The next `size` bytes of a stream."""
        end = time.monotonic() + seconds * SLOW
        start = self.used.get(stream, 0)
        while len(self.streams.get(stream, b'')) < start + size:
            assert time.monotonic() < end, 'no data in time'
            if not self.read_frame(seconds):
                raise AssertionError('the session ended')
        self.used[stream] = start + size
        return self.streams[stream][start:start + size]

    def message(self, stream=1):
        """The next control message of a stream."""
        size, = struct.unpack('>I', self.take(stream, 4))
        return json.loads(self.take(stream, size))

    def login(self, tunnels=('app',), token=TOKEN, client_id='', version=1, **more):
        """Shakes hands as a plain client does; returns the payload of the answer."""
        listed = [{'subdomain': name, 'local_port': 80} if isinstance(name, str) else name for name in tunnels]
        payload = {'version': version, 'token': token, 'client_id': client_id, 'tunnels': listed, **more}
        self.send(frame(WINDOW, SYN, 1, 0))
        self.data(1, envelope('handshake', payload))
        message = self.message()
        assert message['type'] == 'handshake_response', message
        return message['payload']

    def visit(self, seconds=5):
        """Waits for a stream that the server opens: (id, its header)."""
        stream = self.next_visit(seconds)
        size, = struct.unpack('>I', self.take(stream, 4))
        return stream, json.loads(self.take(stream, size))

    def next_visit(self, seconds=5):
        """Waits for a stream that the server opens, and accepts it."""
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end:
            for _, flags, stream, _ in self.events:
                if flags & SYN and stream and stream % 2 == 0 and stream not in self.used:
                    self.send(frame(WINDOW, ACK, stream, 0))
                    return stream
            if not self.read_frame(seconds):
                raise AssertionError('the session ended')
        raise AssertionError('no visit in time')

    def short_header(self, stream):
        """The short header of a stream that the server opened, as a dictionary."""
        form, kind, framing, flags, size, port, head_size, length, *sizes = struct.unpack(
            '>BBBBHHIQBBBB', self.take(stream, 24))
        assert form == 1 and sizes[3] == 0 and size == 24 + sum(sizes), (form, sizes, size)
        texts = [self.take(stream, each).decode() for each in sizes[:3]]
        return dict(zip(('subdomain', 'request_id', 'remote_addr'), texts), type=kind, framing=framing, flags=flags,
                    local_port=port, head_size=head_size, length=length)

    def saw(self, kind=None, flags=None, stream=None, length=None):
        return any((kind is None or k == kind) and (flags is None or f & flags) and
                   (stream is None or s == stream) and (length is None or n == length)
                   for k, f, s, n in self.events)

    def ended(self, seconds=5):
        """Reads until the other side closes; False if it stays open."""
        end = time.monotonic() + seconds * SLOW
        try:
            while time.monotonic() < end:
                if not self.read_frame(max(0.05, end - time.monotonic()) / SLOW):
                    return True
        except (TimeoutError, OSError):
            pass
        return False

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def login(server, *tunnels, **more):
    """A logged-in Peer; AssertionError if it is refused."""
    peer = Peer(server.control)
    answer = peer.login(tunnels, **more)
    assert answer['success'], answer
    return peer


class Recorder:
    """A TLS server with any certificate that keeps what a client tells it after the handshake."""

    def __init__(self, box, cert, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.context.set_alpn_protocols(['tunnel/1'])
        self.received, self.connections = b'', 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.listener.settimeout(None)
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        box.on_close(self.listener.close)

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            plain.settimeout(3)
            try:
                with self.context.wrap_socket(plain, server_side=True) as sock:
                    while True:
                        data = sock.recv(65536)
                        if not data:
                            break
                        self.received += data
            except OSError:
                pass
