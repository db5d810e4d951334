# SPDX-License-Identifier: ISC
"""A TCP proxy whose connections can be cut one by one, by a reset on both sides."""

import socket
import struct
import threading


class Pair:
    """Two connected sockets and a thread for each direction. The last thread closes both, since a
    number that is closed while another thread reads from it may be somebody else's by then."""

    def __init__(self, client, server):
        self.ends, self.running, self.lock = (client, server), 2, threading.Lock()
        self.passes = threading.Event()
        self.passes.set()
        for sock in self.ends:
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.passes.wait()
                sink.sendall(data)
            self.passes.wait()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.passes.wait()
        with self.lock:
            self.running -= 1
            if self.running == 0:
                for sock in self.ends:
                    sock.close()

    def stall(self):
        """Nothing passes any more, not even the end."""
        self.passes.clear()

    def cut(self):
        self.passes.set()
        with self.lock:
            if self.running == 0:
                return
            for sock in self.ends:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            for sock in self.ends:
                try:
                    sock.shutdown(socket.SHUT_RD)  # wakes the thread that reads
                except OSError:
                    pass


class Proxy:
    def __init__(self, box, target):
        self.target, self.refusing, self.pairs = target, False, []
        self.lock = threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.listener.settimeout(None)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        box.on_close(self.close)

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = self.connect()
            if not server:
                client.close()
                continue
            with self.lock:
                self.pairs.append(Pair(client, server))

    def connect(self):
        try:
            return None if self.refusing else socket.create_connection(('127.0.0.1', self.target))
        except OSError:
            return None

    def refuse(self, yes):
        """Whether new connections are closed at once."""
        self.refusing = yes

    def cut_one(self):
        """Cuts the oldest connection that has not been cut."""
        with self.lock:
            pair = self.pairs.pop(0)
        pair.cut()

    def stall_one(self):
        """Stalls the oldest connection that has not been cut."""
        self.pairs[0].stall()

    def cut_all(self):
        while self.pairs:
            self.cut_one()

    def close(self):
        self.listener.close()
        self.cut_all()
