# SPDX-License-Identifier: ISC
"""What an operator does to a server under load, and whom it costs something: operation.py
[--reloads=1000] [--drains=20] [--clients=1000] [--away=5] [WORD].

A thousand reloads, a fifth of them of a broken file, under wrk; drains under load, where whatever the
local service has seen must be answered whole; a herd of real clients whose server is away for five
seconds. Each prints what it measured. `make check` runs the same in short: reload_test.py, drain_test.py."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'integration'))

from harness import SLOW, claim, need, program, run, wait_until, yaml_of
from locals import Nginx
from load import Drained
from visitor import HOST, get


def argument(name, default):
    found = [re.match(f'--{name}=(\\d+)$', word) for word in sys.argv]
    return next((int(match.group(1)) for match in found if match), default)


RELOADS, DRAINS, CLIENTS = argument('reloads', 1000), argument('drains', 20), argument('clients', 1000)
AWAY = argument('away', 5)  # seconds that the herd's server is gone
BACK, RATE = 10, 400  # the herd: seconds until 99 of 100 are back; logins in any second


def reload(server, number):
    """One HUP with a file that is good four times of five, and the line that came of it."""
    good = number % 5 != 4
    with open(server.config, 'w') as file:
        file.write(yaml_of(server.settings) + '\n' + (f'reserved_subdomains: [r{number}]\n' if good else 'workers: many\n'))
    seen = server.reloaded
    server.popen.send_signal(signal.SIGHUP)
    server.reloaded = wait_until(lambda: reloads_of(server, good) > seen[good] and
                                 {good: seen[good] + 1, not good: seen[not good]}, 10, f'reload {number}')


def reloads_of(server, good):
    return server.log_count('msg=reloaded ' if good else 'msg="reload refused')


class LogCounter:
    """Counts words in a growing log without reading it anew each time."""

    def __init__(self, path):
        self.file, self.count = open(path), {}

    def __call__(self, word):
        for line in self.file.read().splitlines():
            for known in ('msg=reloaded ', 'msg="reload refused'):
                self.count[known] = self.count.get(known, 0) + (known in line)
        return self.count.get(word, 0)


@claim
def a_thousand_reloads_under_load_cost_no_request(box):
    nginx = Nginx(box)
    nginx.file('page', b'x' * 1000)
    server, client = box.pair(nginx.port, {'log': {'access_log': 'off'}})
    server.log_count, server.reloaded = LogCounter(server.err_path), {True: 0, False: 0}
    load = subprocess.Popen([need('wrk'), '-t1', '-c32', '-d3600', '--timeout', '10s', '-H', f'Host: {HOST}',
                             f'http://{server.http}/page'], stdout=subprocess.PIPE, text=True)
    try:
        for number in range(RELOADS // 10):
            reload(server, number)
        before = server.rss(), server.descriptors()
        started = time.monotonic()
        for number in range(RELOADS // 10, RELOADS):
            reload(server, number)
        took, after = time.monotonic() - started, (server.rss(), server.descriptors())
    finally:
        load.send_signal(signal.SIGINT)
        said = load.communicate()[0]
    failed = [line.strip() for line in said.splitlines() if 'errors' in line or 'Non-2xx' in line]
    requests = int(re.search(r'(\d+) requests in', said).group(1))
    grown = (after[0] - before[0]) // 1024
    print(f'    {RELOADS} reloads, {server.reloaded[False]} refused, {took / RELOADS / 0.9 * 1000:.1f} ms each; '
          f'{requests} requests, failed: {failed or 0}; RSS {before[0] // 1024} {grown:+} KiB, descriptors {before[1]} -> {after[1]}')
    assert not failed and requests > RELOADS, said
    assert after[1] <= before[1] + 2 and (grown < 2048 or SLOW > 1)
    assert client.running() and server.err().count('session open') == 1


@claim
def drains_under_load_cut_nothing_that_is_in_progress(box):
    whole = closed = 0
    for number in range(DRAINS):
        drained = Drained(box, visitors=32, by_signal=number % 2)
        whole, closed = whole + drained.whole, closed + drained.closed
        assert not drained.failed, drained.failed[:5]
    print(f'    {DRAINS} drains: {whole} requests whole, 0 of those that the local service saw were cut; '
          f'{closed} found the door closing and never reached it')


# ---------------------------------------------------------------- the herd


class Herd:
    """Real clients, each with a name of its own."""

    def __init__(self, box, server, count):
        self.clients = []
        for number in range(count):
            settings = {**box.client_settings(server.control), 'client_id': f'c{number}', 'log': {'level': 'error'},
                        'tunnels': [{'subdomain': f'app{number}', 'local_port': 9}]}
            del settings['reconnect']  # the defaults are what is tested
            config = box.write(f'c{number}.yaml', yaml_of(settings) + '\n')
            self.clients.append(subprocess.Popen([program('tunnel'), 'start', '--all', '-c', config], cwd=box.dir,
                                                 env=box.environment(), stdin=subprocess.DEVNULL,
                                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(0.01)

    def close(self):
        for client in self.clients:
            client.kill()
        for client in self.clients:
            client.wait()


def logins(server):
    with urllib.request.urlopen(f'http://{server.metrics}/metrics', timeout=10 * SLOW) as page:
        return int(re.search(r'^tunneld_logins_total (\d+)', page.read().decode(), re.M).group(1))


def metered(box, settings):
    server = box.server(settings)
    server.metrics = server.wait_line(r'kind=metrics addr=(\S+)').group(1)
    return server


@claim
def a_herd_comes_back_soon_and_not_all_at_once(box):
    settings = {'metrics': {'addr': '127.0.0.1:0'}, 'limits': {'max_connections_per_user': 0}}
    server = metered(box, settings)
    fixed = {'control_addr': server.control, 'http_addr': server.http}
    herd = Herd(box, server, CLIENTS)
    box.on_close(herd.close)
    wait_until(lambda: logins(server) >= CLIENTS, 60, 'the herd is online')
    server.stop()
    time.sleep(AWAY)
    server = metered(box, {**settings, **fixed})
    started, seen = time.monotonic(), []
    while not seen or (seen[-1][1] < CLIENTS and seen[-1][0] < 60 * SLOW):
        seen.append((time.monotonic() - started, logins(server)))
        time.sleep(0.02)

    def back(share):
        return next((at for at, count in seen if count >= CLIENTS * share), float('inf'))
    fastest = max(count - before for at, count in seen for then, before in seen if 0 <= at - then <= 1)
    refused = server.gauges()
    print(f'    {CLIENTS} clients, server away for {AWAY} s: half back after {back(0.5):.1f} s, 99 % after {back(0.99):.1f} s, '
          f'all after {back(1):.1f} s; at most {fastest} logins in a second; {refused["rejects_handshake"]} turned away meanwhile')
    assert back(0.99) <= BACK * SLOW and fastest <= RATE


if __name__ == '__main__':
    sys.argv = [word for word in sys.argv if not word.startswith('--')]
    run()
