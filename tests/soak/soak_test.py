# SPDX-License-Identifier: ISC
# tests/run: alone
"""Random kills, resets and stalls of client, server, local service and visitors under load that knows
every byte: soak_test.py [--seconds=1200] [--seed=N].

No wrong byte, no truncation that looks complete, nothing that hangs, no leak: the gauges return to
where they were and the memory stays flat. In the last third of the time server and client live on,
so that a leak can be told from a restart."""

import hashlib
import os
import random
import re
import signal
import socket
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'integration'))

from harness import SANITIZED, claim, run, wait_until
from locals import Scripted, pattern
from visitor import HOST, Visitor, disconnect, get

MIB = 1 << 20
LOADERS = 8
HANG = 60  # seconds for anything at all
RSS_DRIFT = 6 * MIB


def argument(name, default):
    found = [re.match(f'--{name}=(\\d+)$', word) for word in sys.argv]
    return next((int(match.group(1)) for match in found if match), int(os.environ.get(f'SOAK_{name.upper()}') or default))


SECONDS, SEED = argument('seconds', 25), argument('seed', int(time.time()))
HEADS = {'length': 'Content-Length: {size}', 'chunked': 'Transfer-Encoding: chunked', 'close': 'Connection: close'}


class Local:
    """/KIND/SIZE/SEED answers with that pattern; POST answers with the hash of what came; echo/1 echoes."""

    def __init__(self, box, problems):
        self.box, self.problems, self.random = box, problems, random.Random(SEED)
        self.service = Scripted(box, self.script, keep=False)
        self.port = self.service.port

    def script(self, channel, request):
        if request.value('upgrade'):
            return self.echo(channel)
        if request.method == 'POST':
            return self.upload(channel, request)
        _, kind, size, seed = request.target.split('/')
        data = pattern(int(size), int(seed))
        channel.body(request)
        channel.send(f'HTTP/1.1 200 OK\r\n{HEADS[kind].format(size=size)}\r\n\r\n'.encode())
        cut = self.random.random() < 0.05 and self.random.randrange(len(data))
        for at in range(0, len(data), 50000):
            if cut and at > cut:
                channel.reset()
                return False
            piece = data[at:at + 50000]
            channel.send(b'%x\r\n%s\r\n' % (len(piece), piece) if kind == 'chunked' else piece)
        if kind == 'chunked':
            channel.send(b'0\r\n\r\n')
        return kind != 'close'

    def upload(self, channel, request):
        whole = channel.body(request)
        if not whole:
            return False
        digest = hashlib.sha256(request.body).hexdigest()
        if digest != request.value('x-sha256'):
            self.problems.append(f'an upload of {len(request.body)} bytes arrived complete and wrong')
        answer = digest.encode()
        channel.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(answer), answer))
        return True

    def echo(self, channel):
        channel.send(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n')
        while True:
            data = channel.recv()
            if not data:
                channel.finish()
                return False
            channel.send(data)

    def restart(self):
        """The port is closed for a moment and every connection is cut, as by kill -9."""
        self.service.stop_listening()
        for sock in list(self.service.open):
            try:
                disconnect(sock)
            except OSError:
                pass
        time.sleep(0.1)
        self.service = Scripted(self.box, self.script, port=self.port, keep=False)


class Load:
    """What the visitors do; every answer is compared with what it must be."""

    def __init__(self, port, problems):
        self.port, self.problems, self.stop = port, problems, threading.Event()
        self.count, self.slowest, self.ports = {}, (0, ''), {}
        self.lock = threading.Lock()

    def note(self, outcome):
        with self.lock:
            self.count[outcome] = self.count.get(outcome, 0) + 1

    def run(self, number):
        chance = random.Random(SEED * 1000 + number)
        while not self.stop.is_set():
            act = chance.choice([self.download, self.download, self.upload, self.relay, self.leave])
            started = time.monotonic()
            try:
                outcome = act(chance)
                self.note(outcome)
                self.slowest = max(self.slowest, (time.monotonic() - started, f'{outcome}, port {self.ports[number]}'))
            except TimeoutError:
                self.problems.append(f'{act.__name__} hung for {time.monotonic() - started:.0f} s')
            except (OSError, EOFError):
                self.note('connection lost')
                time.sleep(0.02)
            except Exception:
                self.problems.append(f'{act.__name__}: {traceback.format_exc()}')

    def visitor(self):
        visitor = Visitor(self.port, timeout=HANG)
        self.ports[int(threading.current_thread().name)] = visitor.sock.getsockname()[1]
        return visitor

    def download(self, chance):
        kind, size, seed = chance.choice(list(HEADS)), chance.randrange(1, 2 * MIB), chance.randrange(50)
        with self.visitor() as visitor:
            for _ in range(chance.randrange(1, 4)):
                visitor.send(f'GET /{kind}/{size}/{seed} HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
                response = visitor.response()
                outcome = self.judge(kind, size, seed, response)
                if outcome != 'download whole' or response.value('connection') == 'close' or kind == 'close':
                    break
        return outcome

    def judge(self, kind, size, seed, response):
        if response.status is None:
            return 'no answer'
        if response.status != 200:
            if response.status not in (404, 502, 503, 504):
                self.problems.append(f'status {response.status}')
            return f'status {response.status}'
        body = response.body
        if body != pattern(size, seed)[:len(body)]:
            self.problems.append(f'wrong bytes in a {kind} download of {size}')
        if response.complete and len(body) != size:
            self.problems.append(f'{kind}: {len(body)} of {size} bytes look complete')
        return 'download whole' if response.complete else 'download cut'

    def upload(self, chance):
        body = pattern(chance.randrange(1, MIB), chance.randrange(50))
        digest = hashlib.sha256(body).hexdigest()
        with self.visitor() as visitor:
            head = f'POST /upload HTTP/1.1\r\nHost: {HOST}\r\nX-Sha256: {digest}\r\n'
            if chance.random() < 0.5:
                visitor.send(head.encode() + b'Content-Length: %d\r\n\r\n' % len(body) + body)
            else:
                visitor.send(head.encode() + b'Transfer-Encoding: chunked\r\n\r\n')
                for at in range(0, len(body), 70000):
                    piece = body[at:at + 70000]
                    visitor.send(b'%x\r\n%s\r\n' % (len(piece), piece))
                visitor.send(b'0\r\n\r\n')
            response = visitor.response('POST')
        if response.status == 200 and response.complete:
            if response.body.decode() != digest:
                self.problems.append('an upload was answered with the hash of something else')
            return 'upload whole'
        return f'upload {response.status}'

    def relay(self, chance):
        data = pattern(chance.randrange(1, MIB), chance.randrange(50))
        with self.visitor() as visitor:
            visitor.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n'.encode())
            if not visitor.read_head().startswith(b'HTTP/1.1 101'):
                return 'relay refused'

            lost = []

            def send():
                try:
                    visitor.sock.sendall(data)
                    visitor.sock.shutdown(socket.SHUT_WR)
                except OSError as error:
                    lost.append(error)
            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            port = visitor.sock.getsockname()[1]
            back, end = visitor.read_to_end()
            sender.join(HANG)
            if lost:
                end = 'reset'  # the kernel tells a reset once: to whoever of us asked first
            if back != data[:len(back)]:
                self.problems.append('wrong bytes in a relay')
            if end == 'fin' and len(back) != len(data):
                self.problems.append(f'relay: {len(back)} of {len(data)} bytes and a clean end, port {port}, {time.time():.3f}')
        return 'relay whole' if end == 'fin' else 'relay cut'

    def leave(self, chance):
        """A visitor who reads slowly, or little, and goes."""
        visitor = self.visitor()
        visitor.send(f'GET /{chance.choice(list(HEADS))}/{2 * MIB}/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
        visitor.read_head()
        for _ in range(chance.randrange(4)):
            visitor.read_exactly(chance.randrange(1, 100))
            time.sleep(0.05)
        visitor.reset() if chance.random() < 0.5 else visitor.close()
        return 'left'


class Weather:
    """The processes, and what happens to them."""

    def __init__(self, box, local):
        self.box, self.local, self.chance = box, local, random.Random(SEED + 1)
        timeouts = {'ping_interval': '1s', 'ping_timeout': '2s'}
        self.server = box.server({'timeouts': timeouts, 'limits': {'max_visitors_per_ip': 0}})
        self.client = self.new_client()
        self.count = {}

    def new_client(self):
        return self.box.client(self.server, {'app': self.local.port}, {'client_id': 'soak', 'timeouts': {
            'ping_interval': '1s', 'ping_timeout': '2s'}}, wait=False)

    def kill_client(self):
        self.client.kill()
        time.sleep(self.chance.random() * 0.5)
        self.client = self.new_client()

    def kill_server(self):
        self.server.kill()
        time.sleep(self.chance.random() * 0.5)
        self.server = self.server.restarted()

    def stop_and_go(self, process):
        process.popen.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.random() * 1.5)
        process.popen.send_signal(signal.SIGCONT)

    def stall_client(self):
        self.stop_and_go(self.client)

    def stall_server(self):
        self.stop_and_go(self.server)

    def kill_local(self):
        self.local.restart()

    def strike(self, calm):
        gentle = [self.stall_client, self.stall_server, self.kill_local]
        blow = self.chance.choice(gentle if calm else gentle + [self.kill_client, self.kill_server] * 2)
        self.count[blow.__name__] = self.count.get(blow.__name__, 0) + 1
        blow()
        if not self.client.running():
            raise AssertionError(f'tunnel ended by itself: {self.client.err()[-500:]}')


def quiet(server, client):
    """Gauges, descriptors and memory once nothing is under way."""
    wait_until(lambda: (lambda now: now['visitors'] == 0 and now['streams'] == 0 and now['sessions'] == 1)(server.gauges()), 30,
               'nothing is under way')
    return server.gauges(), server.rss(), client.rss(), client.descriptors()


@claim
def nothing_is_lost_or_leaked_in_bad_weather(box):
    problems = []
    local = Local(box, problems)
    weather = Weather(box, local)
    load = Load(weather.server.port, problems)
    wait_until(lambda: get(load.port, '/length/10/1').status == 200, 10, 'the tunnel is up')
    threads = [threading.Thread(target=load.run, args=(number,), name=str(number), daemon=True)
               for number in range(LOADERS)]
    for thread in threads:
        thread.start()
    begin = time.monotonic()
    middle = None
    while time.monotonic() - begin < SECONDS and len(problems) < 20:
        time.sleep(weather.chance.random() * 1.5)
        calm = time.monotonic() - begin > SECONDS * 2 / 3
        if calm and middle is None:
            wait_until(lambda: get(load.port, '/length/10/1').status == 200, 30, 'the tunnel is back')
            time.sleep(SECONDS * 0.1)
            middle = weather.server.rss(), weather.client.rss()
        weather.strike(calm)
    load.stop.set()
    for thread in threads:
        thread.join(HANG)
    print(f'    seed {SEED}, {SECONDS} s: {sorted(load.count.items())}, {sorted(weather.count.items())},'
          f' slowest {load.slowest[0]:.1f} s: {load.slowest[1]}')
    if any(thread.is_alive() for thread in threads):
        problems.append('a visitor hangs')
    assert not problems, '\n'.join(problems[:10])
    wait_until(lambda: get(load.port, '/length/10/1').status == 200, 30, 'the tunnel serves in the end')
    gauges, server_rss, client_rss, descriptors = quiet(weather.server, weather.client)
    assert gauges['buffered_bytes'] == 0, gauges
    assert gauges['descriptors'] < 60 and descriptors < 60, (gauges, descriptors)
    assert load.count.get('download whole', 0) > 10 and load.count.get('upload whole', 0) > 3, load.count
    if middle and not SANITIZED:
        drift = server_rss - middle[0], client_rss - middle[1]
        assert max(drift) < RSS_DRIFT, f'memory grew by {[d // 1024 for d in drift]} KiB in the last third'
        assert max(server_rss, client_rss) < 64 * MIB, (server_rss, client_rss)


if __name__ == '__main__':
    run()
