# SPDX-License-Identifier: ISC
"""sink.py PORT: an HTTP/1.1 server that swallows bodies and answers 200 when it has all of one."""

import socket
import sys
import threading

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n'


def value_of(head, name):
    for line in head.lower().split(b'\r\n')[1:]:
        if line.startswith(name + b':'):
            return line.split(b':', 1)[1].strip()
    return b''


def swallow(sock, head, body, scratch):
    """Returns what came behind the body."""
    length = value_of(head, b'content-length')
    if value_of(head, b'transfer-encoding'):
        end = body[-5:]
        while end != b'0\r\n\r\n':
            n = sock.recv_into(scratch)
            if n == 0:
                raise EOFError
            end = (end + scratch[max(0, n - 5):n])[-5:]
        return b''
    left = int(length or 0) - len(body)
    while left > 0:
        n = sock.recv_into(scratch, min(left, len(scratch)))
        if n == 0:
            raise EOFError
        left -= n
    return body[len(body) + left:] if left < 0 else b''


def serve(sock):
    scratch, data = bytearray(1 << 20), b''
    with sock:
        while True:
            while b'\r\n\r\n' not in data:
                piece = sock.recv(65536)
                if not piece:
                    return
                data += piece
            head, body = data.split(b'\r\n\r\n', 1)
            try:
                data = swallow(sock, head, body, scratch)
                sock.sendall(ANSWER)
            except (EOFError, OSError):
                return


listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=512)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
