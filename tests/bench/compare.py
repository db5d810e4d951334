#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Compares the tunnel with an origin behind nothing, with a HAProxy pair (TLS 1.3 and HTTP/2 between) and with others.

Every round runs every case against every target once, in rotating order. A table cell is the median over the rounds
of the ratio to the same round's reference: absolute numbers of a shared machine drift, ratios within a round less.
Load and origin have a processor of their own, what is tested another. A sample that somebody else disturbed there is
repeated. Needs nginx, haproxy, wrk, curl, openssl (`tests/need bench`).

Another target is NAME=COMMAND, by --ref or in REFS (one a line). COMMAND is run by sh, starts both ends in the
foreground and finds PUB_PORT (where visitors come), ORIGIN_ADDR, and BENCH_DIR with a certificate `c` and a key `k`.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

import rig as bench
from rig import HOST, MIB, Processors, Rig, free_port, need, program, standing, status_of, until

FOREIGN = float(os.environ.get('FOREIGN') or 0.12)  # share of a sample's time that others may have used of the tested processor
RETRIES = 4
GIB = 1 << 30

# Prints what wrk knows, exactly.
WRK_REPORT = '''done = function(summary, latency)
    local e = summary.errors
    io.write(string.format('\\nREPORT {"count": %d, "bytes": %d, "seconds": %f, "errors": %d, "p50": %f, "p99": %f}\\n',
        summary.requests, summary.bytes, summary.duration / 1e6,
        e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
'''

HAPROXY = '''global
    nbthread 1
    maxconn 6000
    stats timeout 1h
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    http-reuse always
    option http-no-delay
frontend visitors
    bind 127.0.0.1:{port} backlog 4096 {accept}
    default_backend next
backend next
    server next 127.0.0.1:{next} {connect}
'''


# ---------------------------------------------------------------------------------------------- targets

class Target:
    """Something with a port for visitors. start(group, port) starts what stands behind it."""

    def __init__(self, rig, name):
        self.rig, self.name = rig, name
        self.group, self.port = None, None

    def start(self, group, port):
        raise NotImplementedError

    def stand(self):
        self.port = free_port()
        self.group = self.rig.group()
        self.start(self.group, self.port)
        until(lambda: status_of(self.port) == 200, 15, f'{self.name} answers')

    @contextlib.contextmanager
    def fresh(self):
        """One more of it, for as long as the context."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.stand()
        try:
            yield copy
        finally:
            self.rig.stop(copy.group)


class Direct(Target):
    def stand(self):
        self.port, self.group = self.rig.origin_port, self.rig.group()


class HaproxyPair(Target):
    def start(self, group, port):
        middle, origin = free_port(), self.rig.origin_port
        secure = 'ssl-min-ver TLSv1.3 alpn h2'
        halves = {'near': HAPROXY.format(port=port, accept='', next=middle, connect=f'ssl verify none {secure}'),
                  'far': HAPROXY.format(port=middle, accept=f'ssl crt {self.rig.pem} {secure}', next=origin, connect='')}
        for name, text in halves.items():
            group.start([need('haproxy'), '-db', '-f', self.rig.write(f'{name}{port}.cfg', text)], f'haproxy-{name}')


class Tunnel(Target):
    def start(self, group, port):
        control, _ = self.rig.start_server(group, http_port=port)
        self.rig.start_client(group, control)


class Command(Target):
    def __init__(self, rig, name, command):
        super().__init__(rig, name)
        self.command = command

    def start(self, group, port):
        environment = {'PUB_PORT': str(port), 'ORIGIN_ADDR': f'127.0.0.1:{self.rig.origin_port}',
                       'BENCH_DIR': self.rig.folder}
        group.start(['sh', '-c', self.command], self.name, environment)


# ------------------------------------------------------------------------------------------------ cases

class Case:
    """Work for a target; run() returns a dict with work (in `unit`) and seconds, or with a value of its own."""

    def __init__(self, title, unit, work):
        self.title, self.unit, self.work = title, unit, work

    def run(self, bench_run, target):
        return self.work(bench_run, target)


def wrk(path, connections, per, header=None):
    def work(run, target):
        command = [*run.rig.loader(), need('wrk'), '-t1', f'-c{connections}', f'-d{run.seconds}s', '--latency', '-s',
                   run.wrk_script, '-H', f'Host: {HOST}', f'http://127.0.0.1:{target.port}{path}']
        if header:
            command += ['-H', header]
        said = subprocess.run(command, capture_output=True, text=True).stdout
        report = json.loads(said.rsplit('REPORT ', 1)[1])
        amount = report['count'] / 10_000 if per == '10k requests' else report['bytes'] / GIB
        return {'work': amount, **{key: report[key] for key in ('seconds', 'errors', 'p50', 'p99')}}
    return work


def curl(run, target, *arguments):
    command = [*run.rig.loader(), need('curl'), '-s', '-o', '/dev/null', '-H', f'Host: {HOST}', '-w',
               '%{http_code} %{size_download} %{size_upload}', *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def transfer(run, *arguments):
    started = time.monotonic()
    code, down, up = curl(run, None, *arguments).communicate()[0].split()
    seconds = time.monotonic() - started
    return {'work': max(int(down), int(up)) / GIB, 'seconds': seconds, 'errors': int(code != '200')}


def download(run, target):
    return transfer(run, f'http://127.0.0.1:{target.port}/bulk')


def upload(run, target):
    return transfer(run, '-H', 'Expect:', '-X', 'POST', '-T', os.path.join(run.rig.folder, 'bulk'),
                    f'http://127.0.0.1:{target.port}/up')


def latency(run, target):
    seconds = run.seconds + 1
    command = [*run.rig.loader(), program('tests/bench/probe'), 'latency', str(target.port), HOST, '/s', '16', '40',
               str(seconds)]
    report = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    return {'work': report['count'] / 10_000, 'seconds': seconds, **report}


def latency_beside_download(run, target):
    script = (f"while :; do '{need('curl')}' -s -o /dev/null -H 'Host: {HOST}' http://127.0.0.1:{target.port}/piece "
              '|| sleep 0.1; done')
    beside = run.rig.group(tested=False)
    beside.start(['sh', '-c', script], 'beside')
    time.sleep(0.2)
    try:
        return latency(run, target)
    finally:
        run.rig.stop(beside)


def idle_visitors(run, target):
    if not target.group.leaders:
        return None
    count = int(os.environ.get('IDLE', '2000'))
    with target.fresh() as fresh:
        time.sleep(0.3)
        before = fresh.group.memory()
        holder = subprocess.Popen([*run.rig.loader(), program('tests/bench/probe'), 'hold', str(fresh.port), HOST, '/s',
                                   str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        held = int(holder.stdout.readline().split()[1])
        time.sleep(0.5)
        grown = fresh.group.memory() - before
        holder.communicate()
    return {'value': grown / 1024 / count, 'errors': count - held}


REQUESTS, BYTES = '10k requests', 'GiB'
CASES = {
    'small1': Case('100 B, 1 connection', REQUESTS, wrk('/s', 1, REQUESTS)),
    'small32': Case('100 B, 32 connections', REQUESTS, wrk('/s', 32, REQUESTS)),
    'small256': Case('100 B, 256 connections', REQUESTS, wrk('/s', 256, REQUESTS)),
    'medium32': Case('10 KiB, 32 connections', REQUESTS, wrk('/10k', 32, REQUESTS)),
    'medium256': Case('10 KiB, 256 connections', REQUESTS, wrk('/10k', 256, REQUESTS)),
    'large1': Case('1 MiB, 1 connection', BYTES, wrk('/1m', 1, BYTES)),
    'large32': Case('1 MiB, 32 connections', BYTES, wrk('/1m', 32, BYTES)),
    'download': Case('one download', BYTES, download),
    'upload': Case('one upload', BYTES, upload),
    'connect32': Case('new connection each time, 32', REQUESTS, wrk('/s', 32, REQUESTS, 'Connection: close')),
    'latency': Case('16 x 40 requests/s', REQUESTS, latency),
    'mixed': Case('the same beside a download', REQUESTS, latency_beside_download),
    'idle': Case('idle visitor, fresh process', 'KiB', idle_visitors),
}


# ------------------------------------------------------------------------------------------------ a run

class Run:
    def __init__(self, rig, targets, cases, rounds, seconds):
        self.rig, self.targets, self.cases, self.rounds, self.seconds = rig, targets, cases, rounds, seconds
        self.wrk_script = rig.write('report.lua', WRK_REPORT)
        os.chmod(self.wrk_script, 0o644)
        self.samples, self.repeated, self.disturbed = [], 0, 0

    def measure(self):
        for target in self.targets:
            wrk('/s', 32, REQUESTS)(self, target)  # warms up
        for number in range(self.rounds):
            for name in self.cases:
                for place in range(len(self.targets)):
                    target = self.targets[(place + number) % len(self.targets)]
                    self.sample(number, name, target)
            print(f'round {number + 1} of {self.rounds}', file=sys.stderr, flush=True)

    def sample(self, number, name, target):
        for attempt in range(RETRIES + 1):
            result = self.once(CASES[name], target)
            if result is None:
                return
            clean = result.get('foreign', 0) <= FOREIGN
            if clean or attempt == RETRIES:
                break
            self.repeated += 1
            time.sleep(1)
        self.disturbed += not clean
        self.samples.append({'round': number, 'case': name, 'target': target.name, 'clean': clean, **result})

    def once(self, case, target):
        busy, cpu = self.rig.processors.busy(), target.group.cpu()
        result = case.run(self, target)
        if result is None or 'value' in result:
            return result
        used = target.group.used(cpu, target.group.cpu())
        foreign = self.rig.processors.busy() - busy - used
        return {**result, 'cpu': used / result['work'] if result['work'] else 0,
                'rate': result['work'] / result['seconds'], 'foreign': foreign / result['seconds']}

    def peaks(self):
        """Peak RSS of each target's processes, added up, in MiB."""
        for target in self.targets:
            if target.group.leaders:
                self.samples.append({'round': 0, 'case': 'peak', 'target': target.name, 'errors': 0, 'clean': True,
                                     'value': target.group.memory('VmHWM') / MIB})


# ---------------------------------------------------------------------------------------------- results

class Row:
    """One line of the table: a number of a case, for each target, and the ratios."""

    def __init__(self, run, case, field, title, unit):
        self.title, self.unit = title, unit
        self.values = {}  # of each target: of each round
        for sample in run.samples:
            if sample['case'] == case and sample.get(field) is not None:
                self.values.setdefault(sample['target'], {})[sample['round']] = sample[field]

    def absolute(self, target):
        return statistics.median(self.values[target].values()) if target in self.values else None

    def ratios(self, target, reference):
        mine, other = self.values.get(target, {}), self.values.get(reference, {})
        return [mine[number] / other[number] for number in mine if other.get(number)]

    def as_json(self, targets):
        return {'row': self.title, 'unit': self.unit, 'median': {name: self.absolute(name) for name in targets},
                'ratio': {f'{a}/{b}': statistics.median(self.ratios(a, b))
                          for a in targets for b in targets if a != b and self.ratios(a, b)}}


def rows_of(run):
    for name in run.cases:
        case = CASES[name]
        fields = {'idle': [('value', '', case.unit)],
                  'latency': [('p50', ', p50', 'us'), ('p99', ', p99', 'us'), ('cpu', ', CPU', f's/{case.unit}')]}
        fields['mixed'] = fields['latency']
        usual = [('rate', '', f'{case.unit}/s'), ('cpu', ', CPU', f's/{case.unit}')]
        for field, suffix, unit in fields.get(name, usual):
            yield Row(run, name, field, case.title + suffix, unit)
    yield Row(run, 'peak', 'value', 'RSS of both ends, peak', 'MiB')


def number(value):
    return '' if value is None else f'{value:.3g}' if value < 1000 else f'{value:.0f}'


def ratio(values):
    if not values:
        return ''
    spread = f' ({min(values):.2f}–{max(values):.2f})' if len(values) > 1 else ''
    return f'{statistics.median(values):.2f}{spread}'


def table(run, subject):
    """Markdown: what each target reached, then `subject` as a multiple of each other one."""
    names = [target.name for target in run.targets]
    others = [name for name in names if name != subject] if subject in names else []
    head = ['case', 'unit', *names, *(f'{subject} / {name}' for name in others)]
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    for row in rows_of(run):
        cells = [row.title, row.unit, *(number(row.absolute(name)) for name in names),
                 *(ratio(row.ratios(subject, name)) for name in others)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def errors_of(run):
    count = {}
    for sample in run.samples:
        if sample.get('errors'):
            key = f"{sample['target']}, {sample['case']}"
            count[key] = count.get(key, 0) + int(sample['errors'])
    return count


def report(run, subject, path):
    print(table(run, subject))
    names = [target.name for target in run.targets]
    for key, count in errors_of(run).items():
        print(f'errors: {key}: {count}')
    print(f'{run.rounds} rounds of {run.seconds} s; samples repeated because the processor was not ours: '
          f'{run.repeated}, disturbed and kept: {run.disturbed}')
    with open(path, 'w') as file:
        json.dump({'rounds': run.rounds, 'seconds': run.seconds, 'rows': [row.as_json(names) for row in rows_of(run)],
                   'errors': errors_of(run), 'disturbed': run.disturbed, 'samples': run.samples}, file, indent=1)
        file.write('\n')


# ---------------------------------------------------------------------------------------------- workers

class ManyWorkers(Target):
    """tunneld with N workers and as many sessions, or one on as many carriers; all processors are theirs."""

    def __init__(self, rig, workers, carriers=1):
        super().__init__(rig, f'{workers} workers' if carriers == 1 else f'{carriers} carriers')
        self.workers, self.carriers = workers, carriers
        self.sessions = workers if carriers == 1 else 1

    def start(self, group, port):
        control, _ = self.rig.start_server(group, {'workers': self.workers}, http_port=port)
        for number in range(self.sessions):
            self.rig.start_client(group, control, self.subdomain(number), {'connections': self.carriers})
        for number in range(self.sessions):
            until(lambda host=self.host(number): status_of(port, host=host) == 200, 15, f'{self.name} answer')

    @staticmethod
    def subdomain(number):
        return 'bench' if number == 0 else f'bench{number}'

    @classmethod
    def host(cls, number):
        return f'{cls.subdomain(number)}.localhost'


def spread_over_sessions(path, per):
    """wrk that goes round the names of all sessions."""
    def work(run, target):
        hosts = ', '.join(f'"{target.host(number)}"' for number in range(target.sessions))
        script = run.rig.write(f'spread{target.sessions}.lua', WRK_REPORT + f'''
local hosts, turn = {{{hosts}}}, 0
request = function()
    turn = turn % #hosts + 1
    return wrk.format("GET", "{path}", {{Host = hosts[turn]}})
end
''')
        saved, run.wrk_script = run.wrk_script, script
        try:
            return wrk(path, 64, per)(run, target)
        finally:
            run.wrk_script = saved
    return work


def compare_workers(options):
    counts = [int(word) for word in options.workers.split(',')]
    CASES.update({'small': Case('100 B, 64 connections', REQUESTS, spread_over_sessions('/s', REQUESTS)),
                  'large': Case('1 MiB, 64 connections', BYTES, spread_over_sessions('/1m', BYTES))})
    rig = Rig(Processors(pinned=False), options.bulk)
    with standing(rig):
        rig.start_origin()
        targets = [ManyWorkers(rig, count) for count in counts]
        targets += [ManyWorkers(rig, count, count) for count in counts if count > 1]
        for target in targets:
            target.stand()
        run = Run(rig, targets, ['small', 'large'], options.rounds, options.seconds)
        run.measure()
        run.peaks()
        print(f'{os.cpu_count()} processors, shared with load and origin')
        report(run, targets[-1].name, options.json)


# ------------------------------------------------------------------------------------------------- main

def parse_arguments():
    env = os.environ.get
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=int(env('ROUNDS') or 3), help='ROUNDS (3)')
    parser.add_argument('--seconds', type=int, default=int(env('SECONDS') or 2), help='SECONDS of a sample (2)')
    parser.add_argument('--cases', default=env('CASES') or ','.join(CASES), help=f'CASES: {" ".join(CASES)}')
    parser.add_argument('--bulk', type=int, default=int(env('BULK') or 1024), help='BULK, MiB of a transfer (1024)')
    parser.add_argument('--ref', action='append', default=[], metavar='NAME=COMMAND', help='REFS: another target')
    parser.add_argument('--workers', metavar='N,N', help='compare numbers of workers instead')
    parser.add_argument('--json', default=os.path.join(bench.BUILD, 'bench.json'), help='where results go')
    options = parser.parse_args()
    options.cases = options.cases.replace(',', ' ').split()
    options.ref += [line for line in (env('REFS') or '').splitlines() if line.strip()]
    unknown = [name for name in options.cases if name not in CASES]
    if unknown or any('=' not in ref for ref in options.ref):
        parser.error(f'no such case: {unknown}' if unknown else 'a reference is NAME=COMMAND')
    return options


def compare(options):
    rig = Rig(Processors(), options.bulk)
    with standing(rig):
        rig.start_origin()
        targets = [Direct(rig, 'direct'), HaproxyPair(rig, 'haproxy')]
        targets += [Command(rig, *ref.split('=', 1)) for ref in options.ref]
        targets.append(Tunnel(rig, 'tunnel'))
        for target in targets:
            target.stand()
        run = Run(rig, targets, options.cases, options.rounds, options.seconds)
        run.measure()
        run.peaks()
        report(run, 'tunnel', options.json)


if __name__ == '__main__':
    chosen = parse_arguments()
    compare_workers(chosen) if chosen.workers else compare(chosen)
