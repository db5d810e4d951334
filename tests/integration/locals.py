# SPDX-License-Identifier: ISC
"""Services behind the tunnel: nginx, a Node.js server, and a scripted one that can misbehave."""

import hashlib
import os
import socket
import threading
import time

import h11

from harness import Process, SLOW, free_port, need, wait_until
from visitor import reset, text

HERE = os.path.dirname(os.path.abspath(__file__))


def answers(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=1).close()
        return True
    except OSError:
        return False


class Nginx(Process):
    """nginx with the files of `self.root`, as one process."""

    CONFIG = '''daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr warn;
{user}
events {{ worker_connections 2000; }}
http {{
    access_log off; keepalive_requests 100000; sendfile on; client_max_body_size 0;
    client_body_temp_path {dir}/nginx-body; proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fcgi; uwsgi_temp_path {dir}/nginx-uwsgi; scgi_temp_path {dir}/nginx-scgi;
    server {{ listen 127.0.0.1:{port} backlog=1024; root {root}; location = /ok {{ return 200 "ok\\n"; }} }}
}}
'''

    def __init__(self, box, port=None):
        self.port = port or free_port()
        self.root = box.path('www')
        os.makedirs(self.root, exist_ok=True)
        user = 'user root;' if os.geteuid() == 0 else ''
        config = box.write('nginx.conf', self.CONFIG.format(dir=box.dir, root=self.root, user=user,
                                                            port=self.port))
        super().__init__(box, 'nginx', [need('nginx'), '-p', box.dir, '-c', config])
        wait_until(lambda: answers(self.port), 5, 'nginx answers')

    def file(self, name, data):
        """Puts a file in place and returns its SHA-256."""
        with open(os.path.join(self.root, name), 'wb') as file:
            file.write(data)
        return hashlib.sha256(data).hexdigest()


class Node(Process):
    """node_local.js; what it offers is listed there."""

    def __init__(self, box, port=0):
        super().__init__(box, 'node', [need('node'), os.path.join(HERE, 'node_local.js'), str(port)])
        wait_until(lambda: '\n' in self.out() or not self.running(), 10, 'node listens')
        self.port = int(self.out().split()[0])


class Received:
    """A request as the local service got it."""

    def __init__(self, event, raw):
        self.method, self.target = event.method.decode(), event.target.decode('latin-1')
        self.version = event.http_version.decode()
        self.headers = text(event.headers)
        self.raw = raw  # the bytes of the connection so far
        self.body, self.trailers, self.complete = b'', [], False

    def values(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def value(self, name):
        found = self.values(name)
        return found[0] if found else None


class Channel:
    """One connection to a Scripted: what a script reads from and writes to."""

    def __init__(self, sock, keep=True):
        self.sock, self.raw, self.keep = sock, b'', keep
        self.judge = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)

    def send(self, data):
        self.sock.sendall(data)

    def recv(self, size=65536):
        data = self.sock.recv(size)
        self.raw = self.raw + data if self.keep else data[-1000:]
        return data

    def head(self):
        """The next request's head, judged by h11; None at the end of the connection."""
        while True:
            event = self.judge.next_event()
            if event is h11.NEED_DATA:
                self.judge.receive_data(self.recv())
            elif isinstance(event, h11.Request):
                return Received(event, self.raw)
            else:
                return None

    def body(self, request):
        """Reads the body that follows; True if it was complete."""
        while True:
            try:
                event = self.judge.next_event()
            except h11.RemoteProtocolError:
                return False
            if event is h11.NEED_DATA:
                self.judge.receive_data(self.recv(1 << 18))
            elif isinstance(event, h11.Data):
                request.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                request.trailers, request.complete = text(event.headers), True
                return True
            else:
                return False

    def next_request(self):
        """After a response of our own: lets h11 expect another request."""
        self.judge.send(h11.Response(status_code=200, headers=[('Content-Length', '0')]))
        self.judge.send(h11.EndOfMessage())
        if self.judge.our_state is h11.DONE and self.judge.their_state is h11.DONE:
            self.judge.start_next_cycle()
            return True
        return False

    def rest(self):
        """What came behind the head: for scripts that go on with raw bytes."""
        return self.judge.trailing_data[0]

    def reset(self):
        reset(self.sock)

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def answer(data=OK):
    """A script: reads the whole request, then writes `data`."""
    def script(channel, request):
        if channel.body(request):
            channel.send(data if request.method != 'HEAD' else data.split(b'\r\n\r\n')[0] + b'\r\n\r\n')
    return script


class Scripted:
    """Runs `script(channel, request)` for every request head that comes in, on a thread for each
    connection; the connection goes on after a complete request, unless the script returns False.
    `raw(channel)` instead takes each connection over before anything is read. What came is kept, for
    the test to look at, unless `keep` says no."""

    def __init__(self, box, script=None, raw=None, port=0, backlog=512, receive_buffer=None, keep=True):
        self.script, self.raw, self.keep = script or answer(), raw, keep
        self.requests, self.errors, self.connections = [], [], 0
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(('127.0.0.1', port))
        self.listener.listen(backlog)
        self.listener.settimeout(None)
        self.port = self.listener.getsockname()[1]
        self.open = set()
        threading.Thread(target=self.accept, daemon=True).start()
        box.on_close(self.close)

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(300 * SLOW)  # a test on a busy machine may hold a request for long
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self.open.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        channel = Channel(sock, self.keep)
        try:
            if self.raw:
                self.raw(channel)
                return
            while True:
                request = channel.head()
                if not request:
                    return
                if self.keep:
                    self.requests.append(request)
                if self.script(channel, request) is False or not request.complete:
                    return
                if not channel.next_request():
                    return
        except h11.ProtocolError as error:  # the judge has found something
            self.errors.append(f'{error}: {channel.raw[:300]!r}')
        except OSError:
            pass
        finally:
            self.open.discard(sock)
            sock.close()

    def wait_requests(self, count, seconds=5):
        wait_until(lambda: len(self.requests) >= count, seconds, f'{count} requests at the local')
        return self.requests

    def stop_listening(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # close() alone would leave the thread inside accept()
        except OSError:
            pass
        self.listener.close()

    def close(self):
        """The port is closed and every connection ends politely."""
        self.stop_listening()
        for sock in list(self.open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def black_hole(box):
    """A port whose connections are never established: its queue of waiting ones is full."""
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    time.sleep(0.05)
    box.on_close(lambda: [sock.close() for sock in [listener, *fillers]])
    return listener.getsockname()[1]


def pattern(size, seed=1):
    """Bytes that are wrong wherever they are misplaced."""
    block = b''.join(hashlib.sha256(b'%d %d' % (seed, i)).digest() for i in range(2048))
    return (block * (size // len(block) + 1))[:size]
