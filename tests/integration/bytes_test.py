# SPDX-License-Identifier: ISC
"""Byte by byte: the cases of data/*.json, from RFC 9110, 9112 and the yamux specification.

requests.json   what a visitor sends, what may come back (`expect`: a status or "close"), how many
                complete requests may arrive at the local, what its bytes must lack.
responses.json  what a local answers, what the visitor must see of it.
yamux.json      what a peer in the client role sends to mux_echo; `|` pauses, `xx*N` repeats a byte.
Each character of a text is one byte; ["x", 9000] repeats.
"""

import json
import os
import re
import socket
import struct
import time
import traceback

from harness import SLOW, Box, Skip, finish, is_chosen, program, report, wait_until
from locals import Scripted
from visitor import HOST, Visitor

HERE = os.path.dirname(os.path.abspath(__file__))


def load(name):
    with open(os.path.join(HERE, 'data', name)) as file:
        return json.load(file)


def wire(parts):
    return b''.join(part.encode('latin-1') if isinstance(part, str) else part[0].encode('latin-1') * part[1] for part in parts)


def listed(value):
    return value if isinstance(value, list) else [value]


class HttpCases:
    def __init__(self, box):
        self.local = Scripted(box)
        self.server, _ = box.pair(self.local.port, server={'timeouts': {'request_timeout': '2s', 'idle_timeout': '2s'}})

    def request(self, case):
        self.local.requests.clear()
        self.local.errors.clear()
        with Visitor(self.server) as visitor:
            try:
                visitor.send(wire(case['send']))
            except OSError:
                pass  # refused before the end
            method = case['send'][0].split(' ', 1)[0].strip() or 'GET'
            response = visitor.response('GET' if method in ('CONNECT', 'TRACE') else re.sub(r'\W', '', method))
            assert (response.status or 'close') in case['expect'], response
            assert response.status is None or response.complete, response
            if 'arrives' in case:
                whole = lambda: sum(request.complete for request in self.local.requests)
                if case['arrives']:
                    wait_until(lambda: whole() == case['arrives'], 2, f"{case['arrives']} requests arrive, not {whole()}")
                else:
                    time.sleep(0.02)
                assert whole() == case['arrives'], f'{whole()} requests arrived'
            if case.get('closes'):
                assert visitor.ended(2) is not None, 'the connection stays open'
        assert not self.local.errors, self.local.errors
        raw = b''.join(request.raw for request in self.local.requests).lower()
        for lack in case.get('local_lacks', []):
            assert lack.encode('latin-1') not in raw, raw
        if 'body' in case:
            assert self.local.requests[0].body == case['body'].encode(), self.local.requests[0].body

    def response(self, case):
        def script(channel, request):
            channel.body(request)
            channel.send(wire(case['answer']))
            time.sleep(0.05 if 'ends' in case else 0)
            if case.get('ends') == 'reset':
                channel.reset()
            return 'ends' not in case
        self.local.script = script
        with Visitor(self.server) as visitor:
            visitor.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
            back, spy = b'', visitor.sock.recv

            class Spy:
                """Keeps what the judge reads."""
                def __init__(self, sock):
                    self.sock, self.seen = sock, b''

                def recv(self, size):
                    data = spy(size)
                    self.seen += data
                    return data

                def __getattr__(self, name):
                    return getattr(self.sock, name)
            visitor.sock = Spy(visitor.sock)
            response = visitor.response()
            back = visitor.sock.seen
            if 'status' in case:
                assert response.status in listed(case['status']), response
            if 'complete' in case:
                assert response.complete == case['complete'], response
            if 'body' in case:
                assert response.body == case['body'].encode(), response
            visitor.sock.settimeout(0.05)
            try:
                back += visitor.sock.recv(65536)
            except OSError:
                pass
        for lack in case.get('back_lacks', []):
            assert lack.encode('latin-1') not in back.lower(), back
        for has in case.get('back_has', []):
            assert has.encode('latin-1') in back.lower(), back


class MuxCases:
    """Each case on a connection of its own to one mux_echo."""

    def __init__(self, box):
        self.port = self.start(box)

    @staticmethod
    def start(box):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        echo = box.start('mux_echo', [program('mux_echo'), '--listen', f'127.0.0.1:{port}'])

        def up():
            assert echo.running(), echo.err()
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                return True
            except OSError:
                return False
        wait_until(up, 5, 'mux_echo listens')
        return port

    @staticmethod
    def unhex(part):
        out = b''
        for token in part.split():
            byte, _, count = token.partition('*')
            out += bytes.fromhex(byte) * int(count or 1)
        return out

    def run(self, case):
        sock = socket.create_connection(('127.0.0.1', self.port))
        received = bytearray()
        pending = [self.unhex(part) for part in case['send'].split('|')]
        ended = False
        sock.settimeout(0.02)
        end = time.monotonic() + 3 * SLOW
        asked = started = False
        while time.monotonic() < end:
            try:
                if pending:
                    sock.settimeout(2 * SLOW)
                    time.sleep(0.05 if started else 0)
                    started = True
                    sock.sendall(pending.pop(0))
                    sock.settimeout(0.05)
                elif not asked and self.satisfied(case, bytes(received)):
                    asked = True
                    sock.sendall(struct.pack('>BBHII', 0, 2, 1, 0, 0x4c495645))
                data = sock.recv(1 << 18)
            except TimeoutError:
                continue
            except OSError:
                ended = True
                break
            if not data:
                ended = True
                break
            received += data
            if asked and 'PONG 4c495645' in self.frames(bytes(received)):
                break
        sock.close()
        seen = self.frames(bytes(received))
        if case.get('ends'):
            assert ended, f'the session goes on: {seen}'
            return
        for want in case.get('sees', []):
            assert self.has(seen, want), f'{want} is missing in {seen}'
        for lack in case.get('lacks', []):
            assert not self.has(seen, lack), f'{lack} is in {seen}'
        if case.get('lives'):
            assert not ended and 'PONG 4c495645' in seen, f'the session ended: {seen}'

    def satisfied(self, case, data):
        return all(self.has(self.frames(data), want) for want in case.get('sees', []))

    @staticmethod
    def has(seen, want):
        return want in seen

    @staticmethod
    def frames(data):
        """What was seen, as words; the data of a stream joined."""
        seen, bodies, at = [], {}, 0
        while at + 12 <= len(data):
            _, kind, flags, stream, length = struct.unpack('>BBHII', data[at:at + 12])
            at += 12
            if kind == 0:
                bodies[stream] = bodies.get(stream, b'') + data[at:at + length]
                at += length
            if kind == 2:
                seen.append(f'PONG {length:x}' if flags & 2 else 'PING')
            elif kind == 3:
                seen.append(f'GOAWAY {length}')
            else:
                seen += [f'{word} {stream}' for bit, word in ((2, 'ACK'), (4, 'FIN'), (8, 'RST')) if flags & bit]
        return seen + [f'DATA {stream} {body.hex()}' for stream, body in bodies.items() if body]


def run_cases(group, cases, judge):
    for case in cases:
        name = f"{group}/{case['id']}"
        if not is_chosen(name):
            continue
        started = time.monotonic()
        try:
            judge(case)
            yield report('ok', name, time.monotonic() - started)
        except Exception as error:
            why = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
            yield report('FAIL', name, time.monotonic() - started, why[:1500])


def main():
    verdicts = []
    box = Box()
    try:
        http = HttpCases(box)
        verdicts += run_cases('requests', load('requests.json'), http.request)
        verdicts += run_cases('responses', load('responses.json'), http.response)
        mux = MuxCases(box)
        verdicts += run_cases('yamux', load('yamux.json'), mux.run)
    except Skip as error:
        verdicts.append(report('skip', 'the rest', 0, str(error)))
    try:
        box.close()
    except AssertionError as error:
        verdicts.append(report('FAIL', 'the programs end well', 0, str(error)))
    finish(verdicts)


if __name__ == '__main__':
    main()
