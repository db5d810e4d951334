# SPDX-License-Identifier: ISC
"""Upgrades: WebSocket with python3-websockets at both ends, and any other protocol byte for byte."""

import asyncio
import threading
import time

from harness import SLOW, Skip, claim, run, wait_until
from locals import Node, Scripted, pattern
from visitor import HOST, Visitor

try:
    import websockets
except ImportError:
    websockets = None

UPGRADE = f'GET /up HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n'.encode()
SWITCHED = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n'


class WebSocketLocal:
    """An echo server of python3-websockets on a thread of its own."""

    def __init__(self, box):
        if not websockets:
            raise Skip('no python3-websockets')
        self.loop, self.port, self.closed = asyncio.new_event_loop(), None, []
        ready = threading.Event()

        async def echo(socket):
            try:
                async for message in socket:
                    await socket.send(message)
            except websockets.ConnectionClosed:
                pass  # with a code of its own
            finally:
                self.closed.append(socket.close_code)

        async def serve():
            server = await websockets.serve(echo, '127.0.0.1', 0, max_size=None, ping_interval=None)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()

        def main():
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(serve())
            self.loop.run_forever()
        threading.Thread(target=main, daemon=True).start()
        ready.wait(5)
        box.on_close(lambda: self.loop.call_soon_threadsafe(self.loop.stop))


def websocket(server, **options):
    return websockets.connect(f'ws://{HOST}/ws', host='127.0.0.1', port=server.port, max_size=None, ping_interval=None,
                              **options)


def raw_local(box, talk):
    """A local that switches protocols and then calls talk(channel)."""
    def raw(channel):
        while b'\r\n\r\n' not in channel.raw:
            if not channel.recv():
                return
        channel.early = channel.raw.split(b'\r\n\r\n', 1)[1]
        talk(channel)
    return Scripted(box, raw=raw)


@claim
def a_websocket_echoes_text_and_binary_of_all_sizes(box):
    local = WebSocketLocal(box)
    server, _ = box.pair(local.port)

    async def talk():
        async with websocket(server) as socket:
            for size in (0, 1, 125, 126, 65535, 65536, 1000000):
                for message in ('x' * size, pattern(size)):
                    await socket.send(message)
                    assert await asyncio.wait_for(socket.recv(), 10 * SLOW) == message, size
    asyncio.run(talk())


@claim
def a_websocket_is_pinged_and_closed_with_its_code(box):
    local = WebSocketLocal(box)
    server, _ = box.pair(local.port)

    async def talk():
        socket = await websocket(server)
        await asyncio.wait_for(await socket.ping(), 5 * SLOW)
        await socket.close(4001, 'bye')
        assert socket.close_code == 4001, socket.close_code
    asyncio.run(talk())
    wait_until(lambda: local.closed == [4001], 5, 'the local has seen the close code')
    wait_until(lambda: server.visits() == 0, 5, 'the stream is gone')


@claim
def fifty_websockets_talk_at_once(box):
    local = WebSocketLocal(box)
    server, _ = box.pair(local.port)

    async def talk(number):
        async with websocket(server) as socket:
            for turn in range(20):
                message = f'{number}/{turn}'
                await socket.send(message)
                assert await asyncio.wait_for(socket.recv(), 20 * SLOW) == message

    async def everybody():
        await asyncio.gather(*[talk(number) for number in range(50)])
    asyncio.run(everybody())


@claim
def a_refused_upgrade_is_an_ordinary_response(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        for _ in range(2):
            visitor.send(UPGRADE)
            response = visitor.response()
            assert response.status == 200 and response.body == b'ok', response
    assert local.requests[0].value('upgrade') == 'echo/1'


@claim
def any_other_protocol_is_relayed(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    data = pattern(300000)
    with Visitor(server) as visitor:
        visitor.send(UPGRADE)
        head = visitor.read_head()
        assert head.startswith(b'HTTP/1.1 101') and b'echo/1' in head, head
        sender = threading.Thread(target=visitor.sock.sendall, args=(data,))
        sender.start()
        assert visitor.read_exactly(len(data)) == data
        sender.join()


@claim
def early_bytes_behind_both_heads_are_kept(box):
    got = []

    def talk(channel):
        channel.send(SWITCHED + b'early from the local')
        data = channel.early
        while len(data) < 22:
            data += channel.recv()
        got.append(data)
        channel.finish()
        channel.recv()
    local = raw_local(box, talk)
    server, _ = box.pair(local.port)
    for _ in range(10):
        with Visitor(server) as visitor:
            visitor.send(UPGRADE + b'early from the visitor')
            head = visitor.read_head()
            assert head.startswith(b'HTTP/1.1 101'), head
            data, end = visitor.read_to_end()
            assert data == b'early from the local' and end == 'fin', (data, end)
    assert got == [b'early from the visitor'] * 10, got


@claim
def the_visitors_half_close_lets_the_answer_come(box):
    def talk(channel):
        channel.send(SWITCHED)
        data = channel.early
        while True:
            piece = channel.recv()
            if not piece:
                break
            data += piece
        time.sleep(0.2)
        channel.send(b'got %d' % len(data))
        channel.finish()
    local = raw_local(box, talk)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(UPGRADE)
        visitor.read_head()
        visitor.send(b'z' * 100000)
        visitor.sock.shutdown(1)
        assert visitor.read_to_end() == (b'got 100000', 'fin')


@claim
def the_locals_half_close_lets_the_upload_finish(box):
    got = []

    def talk(channel):
        channel.send(SWITCHED + b'that is all')
        channel.finish()
        data = channel.early
        while True:
            piece = channel.recv()
            if not piece:
                break
            data += piece
        got.append(data)
    local = raw_local(box, talk)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(UPGRADE)
        visitor.read_head()
        assert visitor.read_to_end() == (b'that is all', 'fin')
        visitor.send(b'y' * 100000)
        time.sleep(0.1)
        visitor.send(b'end')
        visitor.sock.shutdown(1)
        wait_until(lambda: got, 5, 'the upload ends')
    assert got[0] == b'y' * 100000 + b'end', len(got[0])


@claim
def the_locals_reset_is_a_reset_for_the_visitor(box):
    def talk(channel):
        channel.send(SWITCHED + b'some')
        channel.recv()
        channel.reset()
    local = raw_local(box, talk)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(UPGRADE)
        visitor.read_head()
        assert visitor.read_exactly(4) == b'some'
        visitor.send(b'now')
        assert visitor.read_to_end()[1] == 'reset'


@claim
def the_visitors_reset_is_a_reset_for_the_local(box):
    ends = []

    def talk(channel):
        channel.send(SWITCHED)
        try:
            while channel.recv():
                pass
            ends.append('fin')
        except ConnectionResetError:
            ends.append('reset')
    local = raw_local(box, talk)
    server, _ = box.pair(local.port)
    visitor = Visitor(server)
    visitor.send(UPGRADE)
    visitor.read_head()
    visitor.send(b'abc')
    time.sleep(0.1)
    visitor.reset()
    wait_until(lambda: ends, 5, 'the local is told')
    assert ends == ['reset']
    wait_until(lambda: server.visits() == 0, 5, 'the stream is gone')


@claim
def relays_may_be_silent_longer_than_exchanges(box):
    node = Node(box)
    server, _ = box.pair(node.port, server={'timeouts': {'idle_timeout': '500ms', 'request_timeout': '500ms'}})
    with Visitor(server) as visitor:
        visitor.send(UPGRADE)
        visitor.read_head()
        time.sleep(1.5)
        visitor.send(b'still here')
        assert visitor.read_exactly(10) == b'still here'


@claim
def a_relay_idle_timeout_ends_it(box):
    node = Node(box)
    server, _ = box.pair(node.port, server={'timeouts': {'relay_idle_timeout': '500ms'}})
    with Visitor(server) as visitor:
        visitor.send(UPGRADE)
        visitor.read_head()
        assert visitor.ended(3) is not None, 'an idle relay stays for ever'


if __name__ == '__main__':
    run(parallel=3)
