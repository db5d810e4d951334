# SPDX-License-Identifier: ISC
"""What slow visitors and deaf local services cost each end: resident memory at rest, at the peak, and after it.

    make bench-slow         200 visitors that read a byte a second, 50 uploads that nobody reads

Each must stay within 16 MiB at each end; exits with 1 if one does not.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))

from harness import DOMAIN, Box, forget_files, wait_until  # noqa: E402
from locals import Nginx, Scripted  # noqa: E402
from visitor import HOST, Visitor, get  # noqa: E402

MIB = 1 << 20
MOST = 16 * MIB
DOWNLOADS, UPLOADS, SECONDS = 200, 50, 10


class Ends:
    """Server and client, warmed up: the first request pays for what every process needs once."""

    def __init__(self, box, tunnels):
        self.server = box.server({'limits': {'max_visitors_per_ip': 0}})
        self.client = box.client(self.server, tunnels)
        for _ in range(50):
            get(self.server, '/ok')
        self.before = self.rss()

    def rss(self):
        return [self.server.rss(), self.client.rss()]

    def growth(self):
        return [now - before for now, before in zip(self.rss(), self.before)]


def slow_downloads(box):
    nginx = Nginx(box)
    nginx.file('big', b'b' * (20 * MIB))
    ends = Ends(box, {'app': nginx.port})
    visitors = []
    for _ in range(DOWNLOADS):
        visitors.append(Visitor(ends.server, receive_buffer=4096))
        visitors[-1].send(f'GET /big HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    peak = [0, 0]
    for _ in range(SECONDS):
        for visitor in visitors:
            assert visitor.sock.recv(1)
        peak = list(map(max, peak, ends.growth()))
        time.sleep(1)
    return report(f'{DOWNLOADS} visitors, a byte a second', ends, visitors, peak)


def never_read(channel):
    time.sleep(3600)


def deaf_uploads(box):
    deaf = Scripted(box, raw=never_read, receive_buffer=4096)
    ends = Ends(box, {'deaf': deaf.port, 'app': Nginx(box).port})
    visitors, peak, block = [], [0, 0], b'u' * 262144
    for _ in range(UPLOADS):
        visitors.append(Visitor(ends.server))
        visitors[-1].send(f'POST / HTTP/1.1\r\nHost: deaf.{DOMAIN}\r\nContent-Length: 1000000000\r\n\r\n'.encode())
        visitors[-1].sock.setblocking(False)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for visitor in visitors:
            try:
                visitor.sock.send(block)
            except BlockingIOError:
                pass
        peak = list(map(max, peak, ends.growth()))
        time.sleep(0.05)
    return report(f'{UPLOADS} uploads that nobody reads', ends, visitors, peak)


def report(what, ends, visitors, peak):
    for visitor in visitors:
        visitor.reset()
    wait_until(lambda: ends.server.visits() == 0, 10, 'all are gone')
    time.sleep(1)
    after = ends.growth()
    for i, end in enumerate(('server', 'client')):
        print(f'{what:32} {end}: {ends.before[i] / MIB:6.1f} MiB at rest, {peak[i] / MIB:+6.1f} at the peak, '
              f'{after[i] / MIB:+6.1f} after it', flush=True)
    return max(peak) <= MOST


def main():
    good = True
    for case in (slow_downloads, deaf_uploads):
        box = Box()
        try:
            good = case(box) and good
        finally:
            box.close()
    forget_files()
    os._exit(0 if good else 1)


if __name__ == '__main__':
    main()
