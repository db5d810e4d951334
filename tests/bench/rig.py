# SPDX-License-Identifier: ISC
"""What benchmarks of whole programs share: processors, processes and what they use, an origin, our two programs."""

import contextlib
import hashlib
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get('TUNNEL_BUILD') or 'build')
PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'
HOST = 'bench.localhost'
TOKEN = 'benchmark-token'
TICK = os.sysconf('SC_CLK_TCK')
MIB = 1 << 20


def need(command):
    path = shutil.which(command, path=os.environ.get('PATH', '') + ':' + PATH)
    if not path:
        sys.exit(f'no {command} here: tests/need bench installs what benchmarks need')
    return path


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        sys.exit(f'{path} is not built')
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            sys.exit(f'not within {seconds} s: {what}')
        time.sleep(0.02)
    return value


def status_of(port, path='/s', host=HOST, timeout=5):
    """The status of a GET, 0 if there is no answer."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    try:
        connection.request('GET', path, headers={'Host': host})
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Processors:
    """Load and origin on one, what is measured on the other; everything anywhere if there is only one."""

    def __init__(self, pinned=True):
        usable = sorted(os.sched_getaffinity(0))
        self.pinned = pinned and len(usable) > 1
        self.load, self.test = (usable[0], usable[1]) if self.pinned else (None, None)

    @staticmethod
    def prefix(cpu):
        return [] if cpu is None else [need('taskset'), '-c', str(cpu)]

    def busy(self):
        """Seconds that the tested processor has spent on anybody, or that its host has taken from it."""
        if not self.pinned:
            return 0
        with open('/proc/stat') as file:
            line = next(line for line in file if line.startswith(f'cpu{self.test} '))
        user, nice, system, _, _, irq, softirq, steal = (int(field) for field in line.split()[1:9])
        return (user + nice + system + irq + softirq + steal) / TICK


class Group:
    """Processes started together, with all their descendants: what they use counts as one."""

    def __init__(self, folder, cpu=None):
        self.folder, self.prefix, self.leaders = folder, Processors.prefix(cpu), []

    def start(self, argv, name, env=None):
        with open(os.path.join(self.folder, f'{name}.log'), 'ab') as log:
            leader = subprocess.Popen([*self.prefix, *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      start_new_session=True, env={**os.environ, **(env or {})})
        self.leaders.append(leader)
        return leader

    def pids(self):
        sessions = {leader.pid for leader in self.leaders}
        parents, members = {}, set()
        for entry in os.listdir('/proc'):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                with open(f'/proc/{entry}/stat') as file:
                    fields = file.read().rsplit(')', 1)[1].split()
                parents[int(entry)] = int(fields[1])
                if int(fields[3]) in sessions:
                    members.add(int(entry))
        grown = True
        while grown:  # daemons with a session of their own
            more = {pid for pid, parent in parents.items() if parent in members and pid not in members}
            members |= more
            grown = bool(more)
        return members

    def cpu(self):
        """Seconds used: (exact, of live threads only; in ticks, of ended threads too)."""
        exact = ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                with open(f'/proc/{pid}/stat') as file:
                    fields = file.read().rsplit(')', 1)[1].split()
                ticks += (int(fields[11]) + int(fields[12])) / TICK
                for task in os.listdir(f'/proc/{pid}/task'):
                    with open(f'/proc/{pid}/task/{task}/schedstat') as file:
                        exact += int(file.read().split()[0]) / 1e9
        return exact, ticks

    @staticmethod
    def used(before, after):
        exact, ticks = after[0] - before[0], after[1] - before[1]
        return ticks if ticks - exact > 0.04 else exact

    def memory(self, field='VmRSS'):
        """Bytes; VmHWM is the peak."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError), open(f'/proc/{pid}/status') as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith(field + ':'))
        return total

    def switches(self):
        """How often their threads have waited: each wake-up is one."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for task in os.listdir(f'/proc/{pid}/task'):
                    with open(f'/proc/{pid}/task/{task}/status') as file:
                        total += sum(int(line.split()[1]) for line in file if line.startswith('voluntary_ctxt'))
        return total

    def alive(self):
        return all(leader.poll() is None for leader in self.leaders)

    def stop(self):
        members = self.pids()
        for how, patience in ((signal.SIGTERM, 2), (signal.SIGTERM, 1), (signal.SIGKILL, 2)):
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            end = time.monotonic() + patience
            while members and time.monotonic() < end:
                for leader in self.leaders:
                    leader.poll()
                members = {pid for pid in members if os.path.exists(f'/proc/{pid}')}
                time.sleep(0.02)
        self.leaders = []


ORIGIN = '''daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err crit;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    open_file_cache max=100 inactive=1h;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {files_folder};
        location = /s {{ return 200 "{hundred}"; }}
        location = /up {{
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_pass http://127.0.0.1:{sink};
        }}
    }}
}}
'''


class Rig:
    """A folder, a certificate, an origin, and what was started; all of it goes with close()."""

    def __init__(self, processors, bulk_mib=1024):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.files = min(hard, 1 << 20)
        self.processors, self.bulk_mib = processors, bulk_mib
        self.folder = tempfile.mkdtemp(prefix='tunnel-bench-')
        os.chmod(self.folder, 0o755)
        self.groups = []
        self.cert, self.key = os.path.join(self.folder, 'c'), os.path.join(self.folder, 'k')
        self.make_certificate()

    def group(self, tested=True):
        group = Group(self.folder, self.processors.test if tested else self.processors.load)
        self.groups.append(group)
        return group

    def loader(self):
        """In front of the command line of whatever makes load."""
        return Processors.prefix(self.processors.load)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def make_certificate(self):
        subprocess.run([need('openssl'), 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                        '-nodes', '-days', '30', '-subj', '/CN=localhost', '-keyout', self.key, '-out', self.cert],
                       check=True, capture_output=True)
        os.chmod(self.key, 0o600)
        with open(self.cert) as file:
            self.pin = 'sha256:' + hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()
        with open(self.cert) as cert, open(self.key) as key:
            self.pem = self.write('pem', cert.read() + key.read())

    def start_origin(self):
        """nginx with /s (100 bytes), /10k, /1m, /bulk, /piece, and /up, which swallows a body."""
        self.origin_port, sink = free_port(), free_port()
        os.chmod(self.folder, 0o755)
        content = {'10k': os.urandom(10 * 1024), '1m': os.urandom(MIB)}
        for name, data in content.items():
            with open(os.path.join(self.folder, name), 'wb') as file:
                file.write(data)
            os.chmod(file.name, 0o644)
        for name, size in (('bulk', self.bulk_mib * MIB), ('piece', self.bulk_mib * MIB // 8)):
            with open(os.path.join(self.folder, name), 'wb') as file:
                file.truncate(size)
            os.chmod(file.name, 0o644)
        config = ORIGIN.format(folder=self.folder, files_folder=self.folder, port=self.origin_port, sink=sink,
                               files=self.files, connections=self.files - 200, hundred='0123456789' * 10)
        user = 'user root;\n' if os.getuid() == 0 else ''
        group = self.group(tested=False)
        group.start([need('nginx'), '-p', self.folder, '-c', self.write('nginx.conf', user + config)], 'nginx')
        group.start([sys.executable, os.path.join(ROOT, 'tests/bench/sink.py'), str(sink)], 'sink')
        until(lambda: status_of(self.origin_port) == 200, 5, 'the origin answers')
        until(lambda: status_of(sink) == 200, 5, 'the sink answers')

    # ---- our two programs

    def start_server(self, group, settings=None, http_port=None):
        """tunneld; returns (control port, http port)."""
        control, port = free_port(), http_port or free_port()
        tokens = self.write(f'tokens{control}', f'bench:sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}\n')
        base = {'control_addr': f'127.0.0.1:{control}', 'http_addr': f'127.0.0.1:{port}', 'domain': 'localhost',
                'workers': 1, 'auth': {'mode': 'token', 'token_file': tokens},
                'tls': {'cert_file': self.cert, 'key_file': self.key},
                'limits': {'max_visitors_per_ip': 0, 'max_keepalive_requests': 0, 'max_connections_per_user': 0},
                'log': {'level': 'warn', 'access_log': 'off'}}
        config = self.write(f'tunneld{control}.yaml', yaml_of(merged(base, settings or {})))
        group.start([program('tunneld'), '-c', config], f'tunneld{control}', self.environment())
        until(lambda: status_of(port) in (404, 503), 10, 'tunneld answers')
        return control, port

    def start_client(self, group, control, subdomain='bench', settings=None):
        base = {'server_addr': f'127.0.0.1:{control}', 'token': TOKEN, 'tls': {'pin': self.pin},
                'tunnels': [{'name': subdomain, 'subdomain': subdomain, 'local_port': self.origin_port}],
                'pool': {'max_idle': 512, 'max_open': 512}, 'log': {'level': 'warn'}}
        config = self.write(f'tunnel-{subdomain}{control}.yaml', yaml_of(merged(base, settings or {})))
        return group.start([program('tunnel'), 'start', '--all', '-c', config], f'tunnel-{subdomain}{control}',
                           self.environment())

    def environment(self):
        return {name: self.folder for name in ('HOME', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'XDG_RUNTIME_DIR')}

    def stop(self, group):
        group.stop()
        self.groups.remove(group)

    def close(self):
        for group in reversed(self.groups):
            group.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def yaml_of(value):
    """JSON is YAML."""
    return json.dumps(value, indent=1)


def merged(base, extra):
    result = dict(base)
    for key, item in extra.items():
        both = isinstance(item, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], item) if both else item
    return result


@contextlib.contextmanager
def standing(rig):
    """Closes `rig` whatever happens, signals included, and is not disturbed at it."""
    def leave(number, _):
        shield()
        sys.exit(128 + number)

    def shield():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        yield rig
    finally:
        shield()
        rig.close()
