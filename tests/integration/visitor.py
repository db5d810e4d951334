# SPDX-License-Identifier: ISC
"""A visitor made of a plain socket, with h11 as the judge of what comes back."""

import ctypes
import socket
import struct
import threading
import time

import h11

from harness import DOMAIN, SLOW

HOST = f'app.{DOMAIN}'


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def disconnect(sock):
    """Sends a RST at once, even while another thread waits in recv() or send(): that one gets an error."""
    nowhere = struct.pack('=H14x', socket.AF_UNSPEC)
    ctypes.CDLL(None, use_errno=True).connect(sock.fileno(), nowhere, len(nowhere))


class Response:
    """What one request got: complete, or cut short with `error` set."""

    def __init__(self):
        self.status, self.reason, self.headers = None, '', []
        self.informational = []  # (status, headers)
        self.trailers, self.error, self.version = [], None, None
        self.pieces = []  # (seconds since the request, bytes)

    @property
    def body(self):
        return b''.join(data for _, data in self.pieces)

    @property
    def complete(self):
        return self.error is None

    def values(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def value(self, name):
        found = self.values(name)
        return found[0] if found else None

    def __repr__(self):
        return f'<{self.status} {self.headers} {self.body[:200]!r} {self.error or "complete"}>'


def text(pairs):
    return [(bytes(key).decode('latin-1').lower(), bytes(value).decode('latin-1')) for key, value in pairs]


class Visitor:
    """One public connection."""

    def __init__(self, server, receive_buffer=None, timeout=15):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout * SLOW)
        self.sock.connect(('127.0.0.1', server if isinstance(server, int) else server.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b''  # received, not yet part of a response
        self.asked = time.monotonic()

    def send(self, data):
        self.asked = time.monotonic()
        self.sock.sendall(data)

    def recv(self, size=65536):
        if self.rest:
            data, self.rest = self.rest[:size], self.rest[size:]
            return data
        return self.sock.recv(size)

    def read_exactly(self, size):
        data = b''
        while len(data) < size:
            piece = self.recv(size - len(data))
            if not piece:
                raise EOFError(f'ended after {len(data)} of {size} bytes')
            data += piece
        return data

    def read_head(self):
        """A raw head, up to and with the empty line; what follows stays in `rest`."""
        data = b''
        while b'\r\n\r\n' not in data:
            piece = self.recv()
            if not piece:
                raise EOFError(f'ended inside a head: {data!r}')
            data += piece
        head, self.rest = data.split(b'\r\n\r\n', 1)
        return head + b'\r\n\r\n'

    def read_to_end(self):
        """(bytes, how it ended: 'fin' or 'reset')."""
        data = b''
        while True:
            try:
                piece = self.recv()
            except ConnectionResetError:
                return data, 'reset'
            if not piece:
                return data, 'fin'
            data += piece

    def response(self, method='GET', until=None):
        """Reads one response to a request already sent; stops early once until(response) holds."""
        judge = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        judge.send(h11.Request(method=method, target='/', headers=[('Host', HOST)]))
        judge.send(h11.EndOfMessage())
        result = Response()
        feed, self.rest = self.rest, b''
        if feed:
            judge.receive_data(feed)
        while True:
            try:
                event = judge.next_event()
            except h11.RemoteProtocolError as error:
                result.error = str(error)
                return result
            if event is h11.NEED_DATA:
                try:
                    judge.receive_data(self.sock.recv(1 << 18))
                except ConnectionResetError:
                    result.error = 'reset'
                    return result
            elif isinstance(event, h11.InformationalResponse):
                result.informational.append((event.status_code, text(event.headers)))
            elif isinstance(event, h11.Response):
                result.status, result.headers = event.status_code, text(event.headers)
                result.version = bytes(event.http_version).decode()
            elif isinstance(event, h11.Data):
                result.pieces.append((time.monotonic() - self.asked, bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                result.trailers = text(event.headers)
                self.rest = judge.trailing_data[0]
                return result
            elif isinstance(event, h11.ConnectionClosed):
                result.error = 'closed without a response'
                return result
            if until and until(result):
                return result

    def ended(self, seconds=5):
        """Waits for the other side to close: 'fin', 'reset', or None if it stays open."""
        self.sock.settimeout(seconds * SLOW)
        try:
            return self.read_to_end()[1]
        except TimeoutError:
            return None

    def close(self):
        self.sock.close()

    def reset(self):
        reset(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Load:
    """Visitors who ask without a pause; counts what they got."""

    def __init__(self, server, visitors=4):
        self.server, self.good, self.bad, self.stop = server, 0, [], False
        self.threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(visitors)]
        for thread in self.threads:
            thread.start()

    def ask(self, index):
        visitor, count = None, 0
        while not self.stop:
            try:
                visitor = visitor or Visitor(self.server)
                visitor.send(f'GET /{index}/{count} HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
                status = visitor.response().status
                if status == 200:
                    self.good += 1
                else:
                    self.bad.append(status)
            except Exception as error:
                self.bad.append(repr(error))
                visitor = None
            count += 1
            if count % 50 == 0 and visitor:  # a new connection now and then
                visitor.close()
                visitor = None

    def end(self):
        self.stop = True
        for thread in self.threads:
            thread.join()
        assert not self.bad and self.good > 50, (self.good, self.bad[:5], len(self.bad))


def get(server, path='/', host=HOST, headers='', method='GET', timeout=15):
    """One request on a connection of its own."""
    with Visitor(server, timeout=timeout) as visitor:
        visitor.send(f'{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n'.encode('latin-1'))
        return visitor.response(method)


def post(server, path, body, host=HOST, headers='', timeout=30):
    with Visitor(server, timeout=timeout) as visitor:
        head = f'POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n{headers}\r\n'
        visitor.send(head.encode('latin-1') + body)
        return visitor.response('POST')
