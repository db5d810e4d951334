# SPDX-License-Identifier: ISC
"""The relay that makes weather for other tests keeps what it promises."""

import contextlib
import os
import socket
import sys
import threading
import time

from harness import ROOT, SLOW, Skip, claim, run, wait_until

sys.path.insert(0, os.path.join(ROOT, 'tests', 'relay'))
import weather as relay  # noqa: E402


class Line:
    """A connection through the relay: `near` is the client's end, `far` the target's."""

    def __init__(self, box, *conditions, count=1):
        if not os.access(relay.PROGRAM, os.X_OK):
            raise Skip(f'{relay.PROGRAM} is not built')
        listener = socket.create_server(('127.0.0.1', 0))
        target = f'127.0.0.1:{listener.getsockname()[1]}'
        self.weather = relay.Weather(target, weather=conditions)
        box.on_close(self.weather.stop)
        self.pairs = []
        for _ in range(count):
            near = socket.create_connection(('127.0.0.1', self.weather.ports[target]))
            far, _ = listener.accept()
            self.pairs.append((near, far))
            box.on_close(near.close)
            box.on_close(far.close)
        self.near, self.far = self.pairs[0]
        listener.close()


def receive(sock, size):
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(min(size - len(data), 1 << 18))
        assert piece, f'the end after {len(data)} of {size} bytes'
        data += piece
    return bytes(data)


def seconds_for(sender, receiver, data):
    started = time.monotonic()
    thread = threading.Thread(target=sender.sendall, args=(data,), daemon=True)
    thread.start()
    received = receive(receiver, len(data))
    thread.join()
    assert received == data
    return time.monotonic() - started


def ends_by_reset(sock):
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


def silent(sock, seconds):
    sock.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        return not sock.recv(1)
    sock.settimeout(15 * SLOW)
    return True


@claim
def without_weather_bytes_pass_both_ways(box):
    line = Line(box)
    data = os.urandom(1 << 20)
    seconds_for(line.near, line.far, data)
    seconds_for(line.far, line.near, data)


@claim
def a_byte_takes_the_delay_of_its_direction(box):
    line = Line(box, 'set up delay 30ms', 'set down delay 10ms')
    up = min(seconds_for(line.near, line.far, b'x') for _ in range(5))
    down = min(seconds_for(line.far, line.near, b'x') for _ in range(5))
    assert 0.030 <= up < 0.030 + 0.05 * SLOW, up
    assert 0.010 <= down < 0.010 + 0.02 * SLOW, down


@claim
def jitter_delays_and_never_reorders(box):
    line = Line(box, 'set jitter 20ms')
    for number in range(100):
        line.near.sendall(bytes([number]))
        time.sleep(0.0005)
    assert receive(line.far, 100) == bytes(range(100))


@claim
def a_rate_is_kept(box):
    line = Line(box, 'set rate 80mbit', 'set buffer 64k')
    seconds = seconds_for(line.near, line.far, bytes(2_000_000))
    assert 0.2 <= seconds < SLOW, seconds


@claim
def connections_share_the_rate(box):
    line = Line(box, 'set rate 80mbit', 'set buffer 64k', count=2)
    done = []
    threads = [threading.Thread(target=lambda pair=pair: done.append(seconds_for(*pair, bytes(1_000_000))))
               for pair in line.pairs]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    assert len(done) == 2 and 0.2 <= seconds < SLOW, (seconds, done)
    assert min(done) > 0.11, 'one had the link for itself'


@claim
def a_long_fat_link_is_filled(box):
    line = Line(box, 'set delay 30ms', 'set rate 400mbit')
    seconds = seconds_for(line.near, line.far, bytes(20_000_000))
    assert 0.4 <= seconds < 2 * SLOW, seconds


@claim
def a_reader_that_stops_stops_the_sender(box):
    line = Line(box, 'set buffer 64k')
    line.near.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        for _ in range(10_000):
            sent += line.near.send(bytes(65536))
            time.sleep(0.001)
    wait_until(lambda: line.weather.stats()['up_queued'] >= 65536, 5, 'the buffer is full')
    assert sent < 64 << 20, sent
    assert len(receive(line.far, sent)) == sent


@claim
def a_lost_segment_costs_time_and_no_byte(box):
    line = Line(box, 'set loss 0.05', 'set delay 1ms')
    data = os.urandom(1 << 20)
    seconds_for(line.near, line.far, data)
    assert line.weather.stats()['up_lost'] > 0
    line.weather.tell('set loss 1')
    assert seconds_for(line.near, line.far, b'x') >= 0.2


@claim
def a_corrupt_link_flips_bits(box):
    line = Line(box, 'set down corrupt 0.001')
    line.far.sendall(bytes(100_000))
    received = receive(line.near, 100_000)
    flipped = sum(bin(byte).count('1') for byte in received)
    said = line.weather.stats()['down_corrupted']
    assert 30 < flipped <= said < 300, (flipped, said)


@claim
def nothing_crosses_a_black_hole_and_nothing_is_lost_in_it(box):
    line = Line(box)
    line.weather.tell('blackhole both')
    line.near.sendall(b'up')
    line.far.sendall(b'down')
    assert silent(line.far, 0.2) and silent(line.near, 0.2)
    line.weather.tell('blackhole none')
    assert receive(line.far, 2) == b'up' and receive(line.near, 4) == b'down'


@claim
def a_black_hole_may_have_one_side(box):
    line = Line(box)
    line.weather.tell('blackhole up')
    line.near.sendall(b'x')
    line.far.sendall(b'down')
    assert receive(line.near, 4) == b'down'
    assert silent(line.far, 0.2)


@claim
def not_even_an_end_leaves_a_black_hole(box):
    line = Line(box)
    line.weather.tell('blackhole both')
    line.near.close()
    assert silent(line.far, 0.2)
    line.weather.tell('blackhole none')
    assert line.far.recv(1) == b''


@claim
def after_a_black_hole_tcp_resumes_at_its_next_retransmission(box):
    line = Line(box)
    line.weather.tell('blackhole both')
    line.near.sendall(b'x')  # again after 0.2 s, 0.6 s, 1.4 s
    started = time.monotonic()
    time.sleep(0.65)
    line.weather.tell('blackhole none')
    receive(line.far, 1)
    assert time.monotonic() - started > 1.3


@claim
def a_cut_ends_every_connection(box):
    line = Line(box, count=3)
    line.weather.tell('cut')
    for near, far in line.pairs:
        assert near.recv(1) == b'' and far.recv(1) == b''
    assert line.weather.stats()['connections'] == 0


@claim
def a_reset_is_a_reset_at_both_ends(box):
    line = Line(box)
    line.weather.tell('reset')
    assert ends_by_reset(line.near) and ends_by_reset(line.far)


@claim
def half_a_connection_may_end(box):
    line = Line(box)
    line.far.sendall(b'a')
    assert receive(line.near, 1) == b'a'
    line.weather.tell('half down')
    assert line.near.recv(1) == b''
    seconds_for(line.near, line.far, b'still')


@claim
def ends_pass_as_what_they_are(box):
    line = Line(box, count=2)
    near, far = line.pairs[0]
    near.sendall(b'last')
    near.shutdown(socket.SHUT_WR)
    assert receive(far, 4) == b'last' and far.recv(1) == b''
    seconds_for(far, near, b'answer')
    far.close()
    assert near.recv(1) == b''
    near, far = line.pairs[1]
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    near.close()
    assert ends_by_reset(far)
    wait_until(lambda: line.weather.stats()['connections'] == 0, 5, 'both connections are over')


@claim
def a_target_that_refuses_is_a_reset(box):
    line = Line(box)
    port = next(iter(line.weather.ports.values()))
    with contextlib.suppress(ConnectionResetError):  # or a moment later
        with socket.create_connection(('127.0.0.1', port)) as near:  # its listener is closed by now
            assert ends_by_reset(near)


@claim
def a_command_that_makes_no_sense_is_answered(box):
    line = Line(box)
    for command in ('set delay', 'set delay 5parsecs', 'set fog 1', 'set loss 2', 'blackhole', 'half', 'rain'):
        try:
            line.weather.tell(command)
        except ValueError:
            continue
        raise AssertionError(f'{command} was taken')
    seconds_for(line.near, line.far, b'x')


run()
