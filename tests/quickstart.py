#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What ./quickstart shows once everything is built: a tunnel on loopback, and five checks through its public port."""

import asyncio
import concurrent.futures
import ctypes
import hashlib
import http.client
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'integration'))
import harness

PARALLEL = 200
FILE_SIZE = 100_000_000  # bytes
PATIENCE = 30            # seconds for each step before it counts as failed
PR_SET_PDEATHSIG = 1     # prctl(2)
PAGE = b'<!doctype html>\n<title>It works</title>\n<h1>It works</h1>\n<p>nginx behind a tunnel.</p>\n'

# Paths are relative to nginx's -p.
NGINX = '''
daemon off; master_process off; pid nginx.pid; error_log nginx.log;
{user}events {{ worker_connections 1024; }}
http {{
    types {{ text/html html; }} default_type application/octet-stream; access_log off;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    server {{ listen 127.0.0.1:{port}; root www; }}
}}
'''


def die_with_us():
    """In each child: not even kill -9 of this program leaves it running."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


class Demo(harness.Box):
    """The box of the tests with a random token, nginx and a WebSocket server."""

    def __init__(self):
        super().__init__()
        token = secrets.token_hex(32)
        self.token_file = self.write('token', token + '\n', 0o600)
        self.tokens = self.write('tokens', f'you:sha256:{hashlib.sha256(token.encode()).hexdigest()}\n', 0o600)
        os.mkdir(self.path('www'))
        self.write('www/index.html', PAGE)
        block = os.urandom(1_000_000)
        content = b''.join(i.to_bytes(8, 'big') + block[8:] for i in range(FILE_SIZE // len(block)))
        self.write('www/100MB', content)
        self.digest = hashlib.sha256(content).hexdigest()

    def start_all(self):
        self.start_tunneld()
        tunnels = {'demo': self.start_nginx(), 'echo': self.start_echo()}
        self.client(self.tunneld, tunnels, preexec_fn=die_with_us)

    def start_tunneld(self, **addresses):
        settings = {'domain': 'localhost', 'workers': None, **addresses}
        self.tunneld = self.server(settings, preexec_fn=die_with_us)

    def start_nginx(self):
        port = harness.free_port()
        user = 'user root;\n' if os.getuid() == 0 else ''
        config = self.write('nginx.conf', NGINX.format(port=port, user=user))
        nginx = [harness.need('nginx'), '-c', config, '-p', self.dir, '-e', self.path('nginx.log')]
        self.start('nginx', nginx, preexec_fn=die_with_us)
        harness.wait_until(lambda: accepts(port), PATIENCE, 'nginx listens')
        return port

    def start_echo(self):
        """A WebSocket server (python3-websockets) that returns what it gets, in a process of its own."""
        echo = self.start('echo', [sys.executable, os.path.abspath(__file__), '--echo-server'], preexec_fn=die_with_us)
        return int(harness.wait_until(echo.out, PATIENCE, 'the WebSocket server listens'))

    @property
    def port(self):
        return self.tunneld.port

    def url(self, name='demo'):
        return f'http://{name}.localhost:{self.port}/'

    def connect(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)

    def get(self, path='/', connection=None):
        """(status, digest of the body) of one request."""
        own = connection or self.connect()
        own.request('GET', path, headers={'Host': f'demo.localhost:{self.port}'})
        response, digest = own.getresponse(), hashlib.sha256()
        while piece := response.read(1 << 18):
            digest.update(piece)
        if not connection:
            own.close()
        return response.status, digest.hexdigest()

    # The five checks: each returns (what came back, what it says).

    def a_page(self):
        status, digest = self.get()
        assert digest == hashlib.sha256(PAGE).hexdigest(), 'not the page that nginx was given'
        return status, 'a page of nginx'

    def a_big_file(self):
        status, digest = self.get('/100MB')
        assert digest == self.digest, 'SHA-256 differs'
        return status, 'ok'

    def many_at_once(self):
        """Every connection is used twice; all 200 of the second requests start together."""
        together = threading.Barrier(PARALLEL)

        def visit(_):
            connection = self.connect()
            try:
                first = self.get(connection=connection)
                together.wait(PATIENCE)
                assert connection.sock, 'the connection was not kept alive'
                return [first, self.get(connection=connection)]
            finally:
                connection.close()

        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            answers = list(pool.map(visit, range(PARALLEL)))
        assert all(len(set(pair)) == 1 and pair == answers[0] for pair in answers), 'answers differ'
        return answers[0][0][0], f'x{PARALLEL}'

    def a_websocket(self):
        import websockets

        async def talk():
            uri = f'ws://echo.localhost:{self.port}/'
            async with websockets.connect(uri, host='127.0.0.1', port=self.port, open_timeout=PATIENCE) as socket_:
                for message in ('hello', os.urandom(200_000)):
                    await socket_.send(message)
                    answer = await asyncio.wait_for(socket_.recv(), PATIENCE)
                    assert answer == message, 'the echo differs'

        asyncio.run(talk())
        return 101, 'ok'

    def a_restart(self):
        before = self.url()
        self.tunneld.kill()
        begin = time.monotonic()
        self.start_tunneld(control_addr=self.tunneld.control, http_addr=self.tunneld.http)
        assert self.url() == before, f'the URL is now {self.url()}'
        harness.wait_until(self.answers, PATIENCE, 'the page is back')
        return None, f'reconnected in {time.monotonic() - begin:.2f} s, same URL, GET 200'

    def answers(self):
        try:
            return self.get()[0] == 200
        except OSError:
            return False


def show_checks(demo):
    checks = [(f'GET  {demo.url()}', demo.a_page),
              ('GET  /100MB, SHA-256 compared', demo.a_big_file),
              (f'{PARALLEL} parallel requests, kept alive', demo.many_at_once),
              ('WebSocket echo', demo.a_websocket),
              ('tunneld killed and started again', demo.a_restart)]
    for number, (title, check) in enumerate(checks, 1):
        print(f'[{number}/{len(checks)}] {title:42}', end=' ', flush=True)
        begin = time.monotonic()
        status, text = check()
        assert status in (None, 101, 200), f'status {status}'
        if status:
            text = f'{status}  {text:18} {(time.monotonic() - begin) * 1000:8.1f} ms'
        print(text, flush=True)


def hold(demo):
    print(f'\nopen   {demo.url()}\nfiles  {demo.path("www")}\nCtrl-C ends it.', flush=True)
    while demo.tunneld.running():
        time.sleep(0.2)


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    begin, demo, status = time.monotonic(), None, 1
    try:
        demo = Demo()
        demo.start_all()
        show_checks(demo)
        held = '--hold' in sys.argv
        print(f'ok in {time.monotonic() - begin:.1f} s' + ('' if held else '.  Try it yourself:  ./quickstart --hold'),
              flush=True)
        status = 0
        if held:
            hold(demo)
    except KeyboardInterrupt:
        print()
        status = 0 if status == 0 else 130
    except Exception as error:
        print(f'FAILED: {error or type(error).__name__}')
        print(demo.tail() if demo else '', flush=True)
    finally:
        if demo:
            close(demo)
        shutil.rmtree(harness.TOP, ignore_errors=True)
    return status


def close(demo):
    try:
        demo.close()
    except AssertionError as error:
        print(f'while closing: {error}', file=sys.stderr)


async def serve_echo():
    import websockets

    async def echo(socket_, *_):
        async for message in socket_:
            await socket_.send(message)

    async with websockets.serve(echo, '127.0.0.1', 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


if __name__ == '__main__':
    if '--echo-server' in sys.argv:
        asyncio.run(serve_echo())
    sys.exit(main())
