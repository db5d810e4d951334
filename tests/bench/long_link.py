#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What the tunnel makes of long and broken links, of ten thousand idle clients, and of having nothing to do.

Between the two programs stands build/weather: delay, rate and black holes. A bare TCP connection through the same
link says what could be had. Each measurement prints its line when it is done; at the end comes a table and JSON.
LINKS chooses measurements, HERD is the number of idle clients (10000).
"""

import argparse
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

import rig as bench
from rig import HOST, MIB, ROOT, Processors, Rig, program, standing, status_of, until

sys.path.insert(0, os.path.join(ROOT, 'tests', 'relay'))
import weather as relay  # noqa: E402


class Link:
    """tunneld and tunnel with weather in between, and the bare origin behind the same weather."""

    def __init__(self, rig, *weather, settings=None):
        self.rig = rig
        self.server, self.client = rig.group(), rig.group()
        self.control, self.http = rig.start_server(self.server, merged_info(settings))
        origin, control = f'127.0.0.1:{rig.origin_port}', f'127.0.0.1:{self.control}'
        program('weather')
        self.weather = relay.Weather(control, origin)
        with contextlib.suppress(OSError):  # weather must be on time
            os.setpriority(os.PRIO_PROCESS, self.weather.pid, -10)
        self.bare = self.weather.ports[origin]
        rig.start_client(self.client, self.weather.ports[control], settings={'log': {'level': 'info'}})
        until(self.answers, 15, 'the tunnel answers')
        for command in weather:
            self.weather.tell(command)

    def answers(self, timeout=5):
        return status_of(self.http, timeout=timeout) == 200

    def log(self, group):
        """What the program has logged so far."""
        number = self.control if group is self.server else self.weather_port()
        name = f'tunneld{number}' if group is self.server else f'tunnel-bench{number}'
        with open(os.path.join(self.rig.folder, f'{name}.log'), errors='replace') as file:
            return file.read()

    def weather_port(self):
        return self.weather.ports[f'127.0.0.1:{self.control}']

    def close(self):
        self.rig.stop(self.client)
        self.weather.stop()
        self.rig.stop(self.server)


def merged_info(settings):
    return bench.merged({'log': {'level': 'info', 'access_log': 'off'}}, settings or {})


class Download:
    """Reads an endless row of large bodies and remembers how much had come when."""

    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port))
        self.port, self.marks, self.stopped = port, [(time.monotonic(), 0)], False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        scratch, total = bytearray(MIB), 0
        with contextlib.suppress(OSError):
            self.sock.sendall(f'GET /bulk HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
            while not self.stopped and (n := self.sock.recv_into(scratch)) > 0:
                total += n
                self.marks.append((time.monotonic(), total))

    def rate(self, begin, end):
        """Bits per second between two moments, in seconds after the start."""
        started = self.marks[0][0]
        window = [mark for mark in self.marks if begin <= mark[0] - started <= end]
        if len(window) < 2:
            return 0
        return (window[-1][1] - window[0][1]) * 8 / (window[-1][0] - window[0][0])

    def stop(self):
        self.stopped = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()


def probe(rig, port, connections, rate, seconds):
    """Latencies in milliseconds, in an open loop."""
    command = [*rig.loader(), program('tests/bench/probe'), 'latency', str(port), HOST, '/s', str(connections),
               str(rate), str(seconds)]
    said = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    return {key: value if key in ('count', 'errors') else value / 1000 for key, value in said.items()}


# ----------------------------------------------------------------------------------------- measurements

def long_fat(rig):
    """One stream at 60 ms and 1 Gbit/s."""
    link = Link(rig, 'set delay 30ms', 'set rate 1gbit', 'set buffer 1m')
    bits = {}
    for name, port in (('bare', link.bare), ('tunnel', link.http)):
        download = Download(port)
        time.sleep(6)
        bits[name] = [download.rate(begin, begin + 1) for begin in range(3)] + [download.rate(3, 6)]
        download.stop()
        time.sleep(0.5)
    link.close()
    for second in range(3):
        yield f'60 ms, 1 Gbit/s: share in second {second + 1}', bits['tunnel'][second] / 1e9, '', ''
    yield '60 ms, 1 Gbit/s: share after 3 s', bits['tunnel'][3] / 1e9, '', '>= 0.9'
    yield 'the same, bare TCP', bits['bare'][3] / 1e9, '', ''
    yield 'the same, tunnel / bare TCP', bits['tunnel'][3] / max(bits['bare'][3], 1), '', ''


def busy_link(rig):
    """A small request beside one bulk stream at 50 ms and 100 Mbit/s."""
    link = Link(rig, 'set delay 25ms', 'set rate 100mbit')
    found = {}
    for name, port in (('bare', link.bare), ('tunnel', link.http)):
        quiet = probe(rig, port, 4, 10, 4)
        download = Download(port)
        time.sleep(4)
        busy = probe(rig, port, 4, 10, 8)
        found[name] = (quiet, busy, download.rate(4, 12) / 100e6)
        download.stop()
        time.sleep(1)
    link.close()
    queued = found['bare'][1]['p99'] - found['bare'][0]['p99']
    for name in ('bare', 'tunnel'):
        quiet, busy, share = found[name]
        goal = f'<= {50 + 10 + max(queued, 0):.0f}' if name == 'tunnel' else ''
        yield f'50 ms, 100 Mbit/s, {name}: p50 of a small request, alone', quiet['p50'], 'ms', ''
        yield f'50 ms, 100 Mbit/s, {name}: p50 beside a download', busy['p50'], 'ms', ''
        yield f'50 ms, 100 Mbit/s, {name}: p99 beside a download', busy['p99'], 'ms', goal
        yield f'50 ms, 100 Mbit/s, {name}: share of the download', share, '', '>= 0.8' if goal else ''


def short_blackout(rig):
    """5 s without a link lose no request."""
    link = Link(rig, 'set delay 10ms')
    timers = [threading.Timer(1, link.weather.tell, ('blackhole both',)),
              threading.Timer(6, link.weather.tell, ('blackhole none',))]
    for timer in timers:
        timer.start()
    answers = probe(rig, link.http, 8, 5, 8)
    for timer in timers:
        timer.join()
    link.close()
    yield 'blackout of 5 s: requests lost', answers['errors'], f"of {answers['count']}", '0'
    yield 'blackout of 5 s: slowest answer', answers['max'] / 1000, 's', ''


def long_blackout(rig):
    """25 s without a link: both ends notice, and the client is back soon after."""
    link = Link(rig, 'set delay 10ms')
    noticed = {}
    said = {'server': (link.server, r'session closed'), 'client': (link.client, r'reconnecting')}
    before = {name: len(re.findall(pattern, link.log(group))) for name, (group, pattern) in said.items()}
    link.weather.tell('blackhole both')
    started = time.monotonic()
    while time.monotonic() - started < 25:
        for name, (group, pattern) in said.items():
            if name not in noticed and len(re.findall(pattern, link.log(group))) > before[name]:
                noticed[name] = time.monotonic() - started
        time.sleep(0.1)
    link.weather.tell('blackhole none')
    back = time.monotonic()
    until(lambda: link.answers(1), 60, 'the tunnel is back')
    back = time.monotonic() - back
    link.close()
    for name in said:
        yield f'blackout of 25 s: noticed by the {name}', noticed.get(name, float('inf')), 's', '<= 20'
    yield 'blackout of 25 s: back after its end', back, 's', '<= 3'


def herd(rig):
    """Idle clients on the server."""
    count = int(os.environ.get('HERD') or 10_000)
    group = rig.group()
    control, _ = rig.start_server(group, {'limits': {'max_handshakes': 100_000}})
    time.sleep(0.5)
    before = group.memory()
    clients = subprocess.Popen([*rig.loader(), program('tests/bench/herd'), str(control), rig.pin, bench.TOKEN,
                                str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    started = time.monotonic()
    online = int((clients.stdout.readline() or 'x 0').split()[1])
    took = time.monotonic() - started
    time.sleep(3)
    cpu, begin = group.cpu(), time.monotonic()
    time.sleep(15)
    share = group.used(cpu, group.cpu()) / (time.monotonic() - begin)
    memory = group.memory()
    lost = clients.communicate()[0].split()
    rig.stop(group)
    yield 'idle clients: online', online, f'of {count}, lost {lost[1] if len(lost) > 1 else "?"}', str(count)
    yield 'idle clients: logins per second', online / took, '', ''
    yield 'idle clients: RSS of the server', memory / MIB, 'MiB', f'<= {200 * count / 10_000:.0f}'
    yield 'idle clients: of that for each', (memory - before) / 1024 / max(online, 1), 'KiB', '<= 20'
    yield 'idle clients: CPU of the server', share * 100, '%', f'<= {5 * count / 10_000:.1f}'


def nothing_to_do(rig):
    """Wake-ups of a server without sessions."""
    group = rig.group()
    rig.start_server(group)
    time.sleep(1)
    counts, seconds = [], 5
    for _ in range(3):
        before = group.switches()
        time.sleep(seconds)
        counts.append((group.switches() - before) / seconds)
    rig.stop(group)
    yield 'a server without sessions: wake-ups', statistics.median(counts), '1/s', '<= 2'


MEASUREMENTS = {'fat': long_fat, 'busy': busy_link, 'short': short_blackout, 'long': long_blackout, 'herd': herd,
                'quiet': nothing_to_do}


# -------------------------------------------------------------------------------------------------- main

def shown(value):
    return f'{value:.3g}' if abs(value) < 1000 else f'{value:.0f}'


def table(rows):
    lines = ['| what | measured | goal |', '|---|---|---|']
    lines += [f'| {what} | {shown(value)} {unit} | {goal} |'.replace('  ', ' ') for what, value, unit, goal in rows]
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--links', default=os.environ.get('LINKS') or ','.join(MEASUREMENTS),
                        help=f'LINKS: {" ".join(MEASUREMENTS)}')
    parser.add_argument('--json', default=os.path.join(bench.BUILD, 'bench-link.json'), help='where results go')
    options = parser.parse_args()
    chosen = options.links.replace(',', ' ').split()
    if any(name not in MEASUREMENTS for name in chosen):
        parser.error(f'LINKS are {" ".join(MEASUREMENTS)}')
    rows = []
    with standing(Rig(Processors(), bulk_mib=16 * 1024)) as rig:
        rig.start_origin()
        for name in chosen:
            print(f'{name}: {MEASUREMENTS[name].__doc__}', file=sys.stderr, flush=True)
            rows += MEASUREMENTS[name](rig)
    print(table(rows))
    with open(options.json, 'w') as file:
        json.dump([dict(zip(('what', 'value', 'unit', 'goal'), row)) for row in rows], file, indent=1)
        file.write('\n')


if __name__ == '__main__':
    main()
