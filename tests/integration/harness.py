# SPDX-License-Identifier: ISC
"""Starts the real programs, each test in a folder of its own, and leaves nothing behind.

A test is a function marked @claim, named as a claim, that takes a Box. run() runs them all, or
those whose name contains a word of the command line, prints a line for each and at the end
`N passed, N failed, N skipped`. Exit: 0, 1, or 77 if nothing could be run here.

TUNNEL_BUILD=DIR chooses the programs (build/asan …), TUNNEL_SLOW=1 says that they are slow, KEEP=1
keeps the folders.
"""

import concurrent.futures
import faulthandler
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get('TUNNEL_BUILD') or 'build')
SANITIZED = bool(os.environ.get('TUNNEL_SLOW')) or os.path.basename(BUILD) in ('asan', 'ubsan', 'tsan')
TOP = tempfile.mkdtemp(prefix='tunnel-test-')  # every file of this program is below
SLOW = 4 if SANITIZED else 1  # sanitized programs get that many times as long
# Debian's own programs first; what tests/need unpacked for a user without root is at the end of PATH.
SYSTEM_PATH = '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
DOMAIN = 'tun.test'
TOKEN = 'canary-4f1d7c0be2a94e6f8f63f9d3a5f1c0aa'  # must never be seen in a log or an argv
OTHER_TOKEN = 'canary-0c5b2f8a7d3e41b6a1f0e9d8c7b6a594'

socket.setdefaulttimeout(15 * SLOW)
claims = []
started = []  # every Process


class Skip(Exception):
    """This cannot be tested here; says why."""


def claim(function):
    claims.append(function)
    return function


def wait_until(condition, seconds, what):
    """Polls until `condition()` is true and returns its value; AssertionError after that long."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds * SLOW} s: {what}')
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        raise Skip(f'{path} is not built')
    return path


def need(command):
    path = shutil.which(command, path=SYSTEM_PATH + ':' + os.environ.get('PATH', ''))
    if not path:
        raise Skip(f'no {command} here')
    return path


def yaml_of(value, indent=''):
    """A mapping as YAML: block style, so that places in error messages are lines."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append(f'{indent}{key}:')
            lines.append(yaml_of(item, indent + '  '))
        else:
            lines.append(f'{indent}{key}: {json.dumps(item)}')
    return '\n'.join(lines)


def merged(base, extra):
    result = dict(base)
    for key, item in extra.items():
        both = isinstance(item, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], item) if both else item
    return {key: item for key, item in result.items() if item is not None}


class Process:
    """A running program with its output in files."""

    def __init__(self, box, name, argv, env=None, stdin=None, **options):
        self.name, self.argv, self.box = name, argv, box
        number = len(box.processes)
        self.out_path = box.path(f'{number:02d}-{name}.out')
        self.err_path = box.path(f'{number:02d}-{name}.err')
        with open(self.out_path, 'wb') as out, open(self.err_path, 'wb') as err:
            self.popen = subprocess.Popen(argv, stdout=out, stderr=err, cwd=box.dir,
                                          stdin=stdin or subprocess.DEVNULL,
                                          env=merged(box.environment(), env or {}), **options)
        self.pid = self.popen.pid
        self.expected_signal = None
        box.processes.append(self)
        started.append(self)

    def err(self):
        with open(self.err_path, errors='backslashreplace') as file:
            return file.read()

    def out(self):
        with open(self.out_path, errors='backslashreplace') as file:
            return file.read()

    def wait_line(self, pattern, seconds=5, count=1):
        """The last match of `pattern` in the log, once there are `count` of them."""
        def found():
            matches = list(re.finditer(pattern, self.err()))
            if len(matches) >= count:
                return matches[-1]
            if self.popen.poll() is not None:
                raise AssertionError(f'{self.name} ended with {self.popen.returncode} before it '
                                     f'logged {pattern!r}')
            return None
        return wait_until(found, seconds, f'{self.name} logs {pattern!r}')

    def gauges(self):
        """What tunneld and tunnel write of themselves when they are asked."""
        before = len(re.findall(r'\bdescriptors=\d', self.err()))
        self.popen.send_signal(signal.SIGUSR2)
        line = self.wait_line(r'.*\bdescriptors=\d.*', count=before + 1).group(0)
        return {key: int(number) for key, number in re.findall(r'(\w+)=(\d+)(?= |$)', line)}

    def running(self):
        return self.popen.poll() is None

    def wait(self, seconds=5):
        try:
            return self.popen.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self.name} still runs after {seconds * SLOW} s') from None

    def signal(self, number):
        self.expected_signal = number
        if self.running():
            self.popen.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self):
        """Asks politely, then twice, and returns the exit code."""
        if not self.running():
            return self.popen.returncode
        self.popen.send_signal(signal.SIGCONT)
        for seconds in (2, 4):
            self.popen.send_signal(signal.SIGTERM)
            try:
                return self.popen.wait(seconds * SLOW)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        raise AssertionError(f'{self.name} did not end within 6 s of two SIGTERM')

    def rss(self):
        """Resident bytes."""
        with open(f'/proc/{self.pid}/status') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) * 1024

    def descriptor_numbers(self):
        try:
            return [int(name) for name in os.listdir(f'/proc/{self.pid}/fd')]
        except PermissionError:
            raise Skip('only root, with CAP_SYS_PTRACE, sees the descriptors of a hardened process') from None

    def descriptors(self):
        return len(self.descriptor_numbers())

    def shown(self, name):
        """What others can read of /proc/PID/NAME."""
        try:
            with open(f'/proc/{self.pid}/{name}', 'rb') as file:
                return file.read()
        except PermissionError:
            return b''

    def limit_descriptors(self, more):
        """Lets it open `more` descriptors than now."""
        highest = max(self.descriptor_numbers())
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (highest + 1 + more, hard))

    def cpu(self):
        """Seconds of processor time used so far."""
        with open(f'/proc/{self.pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def problem(self):
        """What a test must not overlook: a crash, or what a sanitizer found."""
        text = self.err()
        found = re.search(r'.*(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:).*', text)
        if found:
            return f'{self.name}: {found.group(0)}'
        code = self.popen.returncode
        if code is not None and code < 0 and -code != self.expected_signal and -code != signal.SIGTERM:
            return f'{self.name} was ended by {signal.Signals(-code).name}'
        return None


class Server(Process):
    """tunneld: knows its ports and reads its gauges."""

    def __init__(self, box, settings=None, name='tunneld', arguments=(), prefix=(), **options):
        self.settings = merged(box.server_settings(), settings or {})
        self.config = box.write(f'{name}.yaml', yaml_of(self.settings) + '\n')
        super().__init__(box, name, [*prefix, program('tunneld'), '-c', self.config, *arguments],
                         **options)
        self.control = self.wait_line(r'msg="?listening"? .*kind=control .*addr=(\S+)', 10).group(1)
        self.http = self.wait_line(r'msg="?listening"? .*kind=http .*addr=(\S+)', 10).group(1)
        self.port = int(self.http.rsplit(':', 1)[1])
        self.control_port = int(self.control.rsplit(':', 1)[1])

    def restarted(self):
        """A new process on the same ports."""
        fixed = {'control_addr': self.control, 'http_addr': self.http}
        return Server(self.box, merged(self.settings, fixed))

    def visits(self):
        return self.gauges()['streams']

    def access_lines(self):
        return [line for line in self.err().splitlines() if re.search(r'\bmethod=', line)]


class Client(Process):
    """tunnel start --all, online when it is constructed unless `wait` is false."""

    def __init__(self, box, server, tunnels, settings=None, name='tunnel', wait=True, **options):
        listed = [{'subdomain': key, 'local_port': value} if isinstance(key, str) else value
                  for key, value in tunnels.items()] if isinstance(tunnels, dict) else tunnels
        base = box.client_settings(server.control if server else '127.0.0.1:1')
        self.settings = merged(base, settings or {})
        self.settings['tunnels'] = listed
        self.config = box.write(f'{name}.yaml', yaml_of(self.settings) + '\n')
        super().__init__(box, name, [program('tunnel'), 'start', '--all', '-c', self.config], **options)
        self.tunnels = listed
        if wait:
            self.wait_online()

    def urls(self):
        return re.findall(r'^https?://\S+$', self.out(), re.M)

    def wait_online(self, seconds=10):
        def online():
            if not self.running():
                raise AssertionError(f'tunnel ended with {self.popen.returncode}: {self.err()[-400:]}')
            return len(self.urls()) >= len(self.tunnels)
        wait_until(online, seconds, 'the tunnel is online')


class Box:
    """A folder with credentials and the processes started in it."""

    credentials = None  # made once: (certificate, key, pin)
    lock = threading.Lock()

    def __init__(self):
        self.dir = tempfile.mkdtemp(dir=TOP)
        self.processes, self.closers = [], []
        with Box.lock:
            if not Box.credentials:
                Box.credentials = make_certificate()
        self.cert, self.key, self.pin = Box.credentials
        self.token_file = self.write('token', TOKEN + '\n', 0o600)
        digests = [(user, hashlib.sha256(token.encode()).hexdigest())
                   for user, token in (('alice', TOKEN), ('bob', OTHER_TOKEN))]
        self.tokens = self.write('tokens', ''.join(f'{u}:sha256:{d}\n' for u, d in digests), 0o600)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, 'w' if isinstance(text, str) else 'wb') as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def environment(self):
        kept = {key: value for key, value in os.environ.items()
                if key.endswith('SAN_OPTIONS') or key in ('PYTHONPATH', 'LD_LIBRARY_PATH', 'OPENSSL_CONF')}
        home = {key: self.dir for key in ('HOME', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME',
                                          'XDG_RUNTIME_DIR', 'STATE_DIRECTORY')}
        return {'PATH': SYSTEM_PATH + ':' + os.environ.get('PATH', ''), 'LC_ALL': 'C.UTF-8', **home, **kept}

    def server_settings(self):
        return {'control_addr': '127.0.0.1:0', 'http_addr': '127.0.0.1:0', 'domain': DOMAIN,
                'workers': 2, 'tls': {'cert_file': self.cert, 'key_file': self.key},
                'auth': {'mode': 'token', 'token_file': self.tokens}, 'admin': {'socket': ''},
                'log': {'level': 'info', 'format': 'logfmt'}}

    def client_settings(self, address):
        return {'server_addr': address, 'token_file': self.token_file, 'tls': {'pin': self.pin},
                'reconnect': {'initial_delay': '100ms', 'max_delay': '1s'}}

    def server(self, settings=None, **options):
        return Server(self, settings, **options)

    def client(self, server, tunnels, settings=None, **options):
        return Client(self, server, tunnels, settings, **options)

    def pair(self, local_port, server=None, client=None):
        """tunneld and tunnel with the tunnel `app` to that port."""
        running = self.server(server)
        return running, self.client(running, {'app': local_port}, client)

    def start(self, name, argv, **options):
        return Process(self, name, argv, **options)

    def run(self, argv, seconds=10, **options):
        """Runs a program to its end: (exit code, stdout, stderr)."""
        options.setdefault('env', self.environment())
        done = subprocess.run(argv, capture_output=True, timeout=seconds * SLOW, cwd=self.dir,
                              **options)
        return done.returncode, done.stdout.decode(errors='backslashreplace'), \
            done.stderr.decode(errors='backslashreplace')

    def on_close(self, closer):
        self.closers.append(closer)

    def tail(self):
        """The ends of all logs, for the report of a failure."""
        parts = []
        for process in self.processes:
            lines = process.err().splitlines()[-12:]
            parts += [f'    {process.name}| {line[:300]}' for line in lines]
        return '\n'.join(parts)

    def close(self):
        """Ends everything; raises what must not be overlooked."""
        problems = []
        for process in reversed(self.processes):
            try:
                process.stop()
            except AssertionError as error:
                problems.append(str(error))
        for closer in reversed(self.closers):
            closer()
        for process in self.processes:
            problems += filter(None, [process.problem()])
            if isinstance(process, (Server, Client)) and re.search(f'{TOKEN}|{OTHER_TOKEN}',
                                                                   process.err() + process.out()):
                problems.append(f'{process.name} wrote a token')
        if problems:
            raise AssertionError('; '.join(problems))


def make_certificate(names='DNS:localhost,DNS:tun.test,IP:127.0.0.1', days='30'):
    """A self-signed certificate: (certificate file, key file, pin)."""
    folder = tempfile.mkdtemp(dir=TOP, prefix='certificate-')
    cert, key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
    subprocess.run([need('openssl'), 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert,
                    '-days', days, '-subj', '/CN=localhost', '-addext', f'subjectAltName={names}'],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    with open(cert) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    return cert, key, 'sha256:' + hashlib.sha256(der).hexdigest()


print_lock = threading.Lock()


def run_one(function):
    """Runs one claim: ('ok' | 'FAIL' | 'skip')."""
    name, started, verdict, why = function.__name__, time.monotonic(), 'ok', ''
    box = Box()
    try:
        try:
            function(box)
        except Exception:
            why = traceback.format_exc() + box.tail()
            raise
        finally:
            box.close()
    except Skip as error:
        verdict, why = 'skip', str(error)
    except Exception as error:
        verdict, why = 'FAIL', why or f'{error}\n{box.tail()}'
    return report(verdict, name, time.monotonic() - started, why)


def report(verdict, name, seconds, why=''):
    with print_lock:
        print(f'{verdict:4} {name} ({seconds:.1f} s)' + (f': {why}' if why else ''), flush=True)
    return verdict


def forget_files():
    if os.environ.get('KEEP'):
        print(f'kept: {TOP}')
    else:
        shutil.rmtree(TOP, ignore_errors=True)


def interrupted(*_):
    """The runner's patience is at an end: says where we were, and leaves nothing running."""
    faulthandler.dump_traceback(all_threads=True)
    for process in started:
        if process.popen.returncode is None:
            process.popen.kill()
    sys.stdout.flush()
    forget_files()
    os._exit(1)


def run(parallel=1):
    """The main function of a test program. `parallel`: how many claims at a time (those wait)."""
    signal.signal(signal.SIGTERM, interrupted)
    chosen = [function for function in claims if is_chosen(function.__name__)]
    with concurrent.futures.ThreadPoolExecutor(1 if SANITIZED else parallel) as pool:
        finish(list(pool.map(run_one, chosen)))


def is_chosen(name):
    words = [word for word in sys.argv[1:] if not word.startswith('-')]
    return not words or any(word in name for word in words)


def finish(verdicts):
    """Prints the total and ends the program."""
    forget_files()
    count = {word: verdicts.count(word) for word in ('ok', 'FAIL', 'skip')}
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped", flush=True)
    only_skipped = count['skip'] and not count['ok'] and not count['FAIL']
    # Threads of a local that still waits for somebody must not hold us up.
    os._exit(1 if count['FAIL'] else 77 if only_skipped else 0)
