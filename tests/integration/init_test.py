#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What an init system is told, and what it finds: readiness, signs of life, the end, privileges."""

import os
import re
import signal
import socket

from harness import SANITIZED, SLOW, Client, Skip, claim, program, run, wait_until


class Init:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, box, name):
        self.path = box.path(name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(5 * SLOW)
        box.on_close(self.socket.close)

    def environment(self, watchdog=None):
        more = {'WATCHDOG_USEC': str(int(watchdog * 1e6))} if watchdog else {}
        return {'NOTIFY_SOCKET': self.path, **more}

    def hears(self):
        return self.socket.recv(4096).decode()

    def hears_until(self, word):
        while self.hears() != word:
            pass

    def silent_for(self, seconds):
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(4096)  # what was said before
        except BlockingIOError:
            pass
        self.socket.settimeout(seconds)
        try:
            return not self.socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(5 * SLOW)


@claim
def the_server_says_that_it_is_ready_and_that_it_stops(box):
    init = Init(box, 'init')
    server = box.server(env=init.environment())
    assert init.hears() == 'READY=1'
    server.signal(signal.SIGTERM)
    init.hears_until('STOPPING=1')
    assert server.wait() == 0


@claim
def the_server_gives_signs_of_life_while_every_worker_turns(box):
    init = Init(box, 'init')
    server = box.server(env=init.environment(watchdog=0.2))
    assert init.hears() == 'READY=1'
    for _ in range(5):
        assert init.hears() == 'WATCHDOG=1'
    server.popen.send_signal(signal.SIGSTOP)
    wait_until(lambda: open(f'/proc/{server.pid}/stat').read().rsplit(')', 1)[1].split()[0] == 'T', 5, 'it stands')
    assert init.silent_for(1)
    server.popen.send_signal(signal.SIGCONT)
    assert init.hears() == 'WATCHDOG=1'


@claim
def without_a_watchdog_there_are_no_signs_of_life(box):
    init = Init(box, 'init')
    box.server(env=init.environment())
    assert init.hears() == 'READY=1'
    assert init.silent_for(0.5)


@claim
def the_client_is_ready_though_its_server_is_not_there(box):
    init = Init(box, 'init')
    client = Client(box, None, {'app': 1}, wait=False, env=init.environment(watchdog=0.2))
    assert init.hears() == 'READY=1'
    for _ in range(3):
        assert init.hears() == 'WATCHDOG=1'
    client.signal(signal.SIGTERM)
    init.hears_until('STOPPING=1')


@claim
def a_server_that_was_root_keeps_the_capability_for_low_ports_and_no_other(box):
    if os.geteuid() != 0:
        raise Skip('needs root')
    os.chmod(os.path.dirname(box.dir), 0o711)
    os.chmod(box.dir, 0o711)
    for path in (box.tokens, box.cert, box.key):
        os.chown(path, 65534, 65534)  # nobody
    os.chmod(os.path.dirname(box.cert), 0o711)
    server = box.server({'user': 'nobody'})
    with open(f'/proc/{server.pid}/status') as file:
        status = dict(line.split(':\t', 1) for line in file.read().splitlines() if ':\t' in line)
    for path in (box.tokens, box.cert, box.key):
        os.chown(path, 0, 0)
    assert status['Uid'].split() == ['65534'] * 4, status['Uid']
    assert int(status['CapEff'], 16) in (0, 0x400) and int(status['CapAmb'], 16) == 0, status['CapEff']
    assert status['NoNewPrivs'] == '1'


@claim
def another_process_of_the_same_user_cannot_look_inside(box):
    server, client = box.pair(1)
    with open('/proc/sys/kernel/seccomp/actions_avail') as file:
        filtered = 'errno' in file.read() and not SANITIZED
    # What is root's in /proc though somebody else runs it may be neither traced nor dumped, proc(5).
    for process in (server, client):
        status = process.shown('status').decode()
        assert re.search(r'^NoNewPrivs:\t1$', status, re.M), process.name
        if os.geteuid() != 0:
            assert os.stat(f'/proc/{process.pid}/fd').st_uid == 0, process.name
    if filtered:
        assert re.search(r'^Seccomp:\t2$', server.shown('status').decode(), re.M)


@claim
def what_the_user_may_not_read_is_said_before_a_port_is_served(box):
    if os.geteuid() != 0:
        raise Skip('needs root')
    os.chmod(os.path.dirname(box.dir), 0o711)
    os.chmod(box.dir, 0o711)
    secret = box.write('root-tokens', '', 0o600)
    config = box.write('c.yaml', f'user: nobody\nauth: {{ token_file: "{secret}" }}\n'
                                 'control_addr: 127.0.0.1:0\nhttp_addr: 127.0.0.1:0\n')
    for arguments in (['-t'], []):
        code, _, said = box.run([program('tunneld'), '-c', config, *arguments])
        assert code == 78 and 'root-tokens: cannot be read by nobody; fix: chgrp' in said, (code, said)
        assert 'listening' not in said


if __name__ == '__main__':
    run(parallel=2)
