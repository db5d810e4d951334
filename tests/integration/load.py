# SPDX-License-Identifier: ISC
"""Load on a server that is told to drain, and what became of each request that had begun."""

import itertools
import signal
import socket
import threading
import time

from harness import SLOW, program
from locals import OK, Scripted
from visitor import HOST, Visitor


class Drained:
    """Visitors who ask without a pause, on kept and on new connections, while the server drains.

    `whole`: requests with a complete 200. `failed`: those that the local service saw and that got
    anything else. `closed`: those that found the door closing and never reached the local service."""

    def __init__(self, box, visitors, by_signal=False):
        self.seen, self.good, self.ends = set(), set(), {}
        self.numbers, self.stop = itertools.count(), False
        local = Scripted(box, self.script, keep=False)
        socket_path = box.path(f'control-{len(box.processes)}.sock')
        self.server, client = box.pair(local.port, {'admin': {'socket': socket_path}})
        threads = [threading.Thread(target=self.ask, args=(number % 2,), daemon=True) for number in range(visitors)]
        for thread in threads:
            thread.start()
        time.sleep(0.3 * SLOW)
        if by_signal:
            self.server.signal(signal.SIGTERM)
        else:
            code, _, err = box.run([program('tunnelctl'), '--socket', socket_path, 'drain', '--timeout', '30s'])
            assert code == 0, err
        assert self.server.wait(20) == 0
        self.stop = True
        for thread in threads:
            thread.join(20 * SLOW)
        client.stop()
        assert not any(thread.is_alive() for thread in threads), 'a visitor hangs'
        self.whole = len(self.good)
        self.failed = [(number, self.ends.get(number)) for number in self.seen - self.good]
        self.closed = len(set(self.ends) - self.seen)

    def script(self, channel, request):
        self.seen.add(int(request.target[1:]))
        channel.body(request)
        time.sleep(0.02)
        channel.send(OK)
        return True

    def ask(self, keep):
        visitor = None
        while not self.stop:
            number = next(self.numbers)
            try:
                visitor = visitor or Visitor(self.server)
                visitor.send(f'GET /{number} HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
                response = visitor.response()
            except OSError as error:
                self.ends[number] = repr(error)
                return
            if response.status == 200 and response.complete:
                self.good.add(number)
            else:
                self.ends[number] = repr(response)
            if not keep or response.value('connection') == 'close' or not response.complete:
                visitor.close()
                visitor = None
