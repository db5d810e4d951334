# SPDX-License-Identifier: ISC
"""Everything at once on four workers and four links: small requests, bodies both ways, WebSockets, visitors who leave,
kicks (so every link is lost and made anew), reloads. For ThreadSanitizer, and for what only happens when it all happens together."""

import json
import os
import random
import signal
import threading
import time

from harness import DOMAIN, SLOW, claim, program, run, wait_until
from locals import Scripted, pattern
from visitor import HOST, Visitor, get, post

SECONDS = float(os.environ.get('STRESS_SECONDS') or 6)
HANG = 40 * SLOW
FINE = (200, 404, 502, 503)  # whoever meets a kick or a lost link may get no more


class Load:
    """Threads that repeat what they do until the end, and remember what must not happen."""

    def __init__(self):
        self.stop, self.bad, self.done = False, [], {}
        self.threads = []

    def add(self, action, count=1):
        for _ in range(count):
            self.threads.append(threading.Thread(target=self.repeat, args=(action,), daemon=True))

    def repeat(self, action):
        name = action.__name__
        while not self.stop:
            try:
                action()
                self.done[name] = self.done.get(name, 0) + 1
            except (ConnectionError, EOFError):
                time.sleep(0.01)  # a kick, or a lost link
            except Exception as error:  # whatever it is, it is reported
                self.bad.append(f'{name}: {error!r}')
                return

    def run(self, seconds):
        for thread in self.threads:
            thread.start()
        time.sleep(seconds)
        self.stop = True
        for thread in self.threads:
            thread.join(HANG)
        assert not [t for t in self.threads if t.is_alive()], 'somebody hangs'
        assert not self.bad, self.bad


def server_of(body):
    """A local service: `body`, a count of what was uploaded, or an echo after a 101."""
    def script(channel, request):
        if request.target == '/echo':
            channel.send(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
            while data := channel.recv():
                channel.send(data)
            return False
        channel.body(request)
        answer = body if request.target == '/body' else str(len(request.body)).encode()
        channel.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(answer) + answer)
        return True
    return script


@claim
def everything_at_once_on_four_workers(box):
    body = pattern(200000)
    local = Scripted(box, server_of(body), keep=False)
    server = box.server({'workers': 4, 'admin': {'socket': box.path('control')},
                         'limits': {'max_visitors_per_ip': 0, 'memory': '8MiB'}})
    clients = [box.client(server, {'app': local.port}, {'connections': 4}),
               box.client(server, {'other': local.port}, {'connections': 4, 'client_id': 'second'}, name='second')]
    load = Load()

    names = (HOST, f'other.{DOMAIN}')

    def host():
        return random.choice(names)

    def small_requests():
        assert get(server, '/', host=host()).status in FINE

    def downloads():
        answer = get(server, '/body', host=host())
        assert answer.status in FINE
        assert answer.status != 200 or not answer.complete or answer.body == body

    def uploads():
        assert post(server, '/', body, host=host()).status in FINE + (None,)

    def impatient():
        with Visitor(server) as visitor:
            visitor.send(f'GET /body HTTP/1.1\r\nHost: {host()}\r\n\r\n'.encode())
            visitor.sock.recv(1)
            visitor.reset()

    def pipelined():
        with Visitor(server) as visitor:
            visitor.send(b''.join(f'GET / HTTP/1.1\r\nHost: {host()}\r\n\r\n'.encode() for _ in range(4)))
            for _ in range(4):
                assert visitor.response().status in FINE + (None,)

    def reloads():
        server.popen.send_signal(signal.SIGHUP)
        server.popen.send_signal(signal.SIGUSR2)
        time.sleep(0.2)

    def websockets():
        with Visitor(server) as visitor:
            visitor.send(f'GET /echo HTTP/1.1\r\nHost: {host()}\r\nConnection: Upgrade\r\n'
                         'Upgrade: echo\r\n\r\n'.encode())
            if b' 101 ' not in visitor.read_head():
                return
            for _ in range(5):
                visitor.send(body[:30000])
                assert visitor.read_exactly(30000) == body[:30000]

    def kicks():
        tunnelctl = [program('tunnelctl'), '--socket', box.path('control')]
        _, listed, _ = box.run([*tunnelctl, '--json', 'clients'])
        sessions = [client['id'] for client in json.loads(listed or '{}').get('clients', [])]
        if sessions:
            box.run([*tunnelctl, 'kick', random.choice(sessions)])
        time.sleep(1)

    load.add(small_requests, 4)
    load.add(downloads, 2)
    load.add(uploads, 2)
    load.add(impatient, 2)
    load.add(pipelined)
    load.add(websockets, 2)
    load.add(reloads)
    load.add(kicks)
    load.run(SECONDS * (2 if SLOW > 1 else 1))
    wait_until(lambda: all(get(server, '/', host=name).status == 200 for name in names), 30, 'it serves as before')
    assert all(client.running() for client in clients)
    assert set(load.done) >= {'small_requests', 'downloads', 'uploads', 'websockets', 'reloads', 'kicks'}, load.done
    wait_until(lambda: server.visits() == 0, 10, 'nothing is left over')


if __name__ == '__main__':
    run()
