# SPDX-License-Identifier: ISC
"""tunnel service, with a real systemd of the user's own where one can be started: in a mount namespace with a
/run of its own, which takes root."""

import os
import re
import shutil
import subprocess

from harness import ROOT, SANITIZED, TOKEN, Skip, claim, need, program, run, wait_until
from locals import Scripted
from visitor import get

EXIT_USAGE, EXIT_NO_INPUT, EXIT_UNAVAILABLE, EXIT_CONFIG, NOT_INSTALLED = 64, 66, 69, 78, 4


def configuration(box, server, port, more=''):
    os.makedirs(box.path('tunnel'), exist_ok=True)
    return box.write('tunnel/tunnel.yaml', f'server_addr: {server}\ntls: {{pin: "{box.pin}"}}\n{more}'
                                           f'tunnels: [{{subdomain: app, local_port: {port}}}]\n', 0o600)


def unit(box):
    return box.path('systemd/user/tunnel.service')


def service(box, *words, env=None):
    """tunnel service …: exit code, and what it wrote on both channels."""
    code, out, err = box.run([program('tunnel'), 'service', *words], env={**box.environment(), **(env or {})})
    return code, out + err


class Manager:
    """systemd --user, and what is run beside it."""

    def __init__(self, box):
        if SANITIZED or os.geteuid() != 0 or not os.path.exists('/usr/lib/systemd/systemd'):
            raise Skip('no systemd can be started here')
        self.box, self.env = box, {**box.environment(), 'XDG_RUNTIME_DIR': '/run/user/0'}
        for name in ('NOTIFY_SOCKET', 'STATE_DIRECTORY'):
            self.env.pop(name, None)
        world = 'mount -t tmpfs none /run && mkdir -p -m 700 /run/systemd/system /run/user/0 && ' \
                'exec /usr/lib/systemd/systemd --user --log-target=console'
        self.process = box.start('systemd', [need('unshare'), '-m', 'sh', '-c', world], env=self.env)
        try:
            wait_until(lambda: self.run('systemctl', '--user', 'is-system-running')[1].strip() in
                       ('running', 'degraded') or not self.process.running(), 20, 'systemd runs')
        except AssertionError as error:
            raise Skip(str(error)) from None
        if not self.process.running():
            raise Skip('systemd does not start here: ' + self.process.err()[-200:])
        box.on_close(lambda: self.process.kill())

    def run(self, *words):
        done = subprocess.run([need('nsenter'), '-t', str(self.process.pid), '-m', *words], cwd=self.box.dir,
                              env=self.env, capture_output=True, timeout=60, text=True)
        return done.returncode, done.stdout + done.stderr

    def service(self, *words):
        return self.run(program('tunnel'), 'service', *words)


@claim
def a_user_installs_looks_at_and_removes_his_service(box):
    manager, server, local = Manager(box), box.server(), Scripted(box)
    box.run([program('tunnel'), 'login', server.control, '--pin', box.pin, '--token-file', box.token_file])
    configuration(box, server.control, local.port)
    assert manager.service('status')[0] == NOT_INSTALLED
    code, text = manager.service('install')
    assert code == 0 and 'loginctl enable-linger' in text, (code, text)
    wait_until(lambda: 'tunnel open' in server.err(), 15, 'the service is online')
    assert get(server).status == 200
    code, text = manager.service('status')
    assert code == 0 and 'active (running)' in text, (code, text)
    assert manager.service('install')[0] == 0, 'again'
    code, text = manager.service('uninstall')
    assert code == 0 and not os.path.exists(unit(box)), (code, text)
    assert manager.run('systemctl', '--user', 'is-active', 'tunnel')[0] != 0
    assert manager.service('status')[0] == NOT_INSTALLED
    assert manager.service('uninstall') == (0, 'not installed\n')
    manager.run('systemctl', '--user', 'exit')


@claim
def without_systemd_there_is_another_way(box):
    server = box.server()
    configuration(box, server.control, 80, f'token_file: {box.token_file}\n')
    code, text = service(box, 'install')
    assert code == EXIT_UNAVAILABLE and re.search('fix: .*(crontab|enable-linger)', text), (code, text)
    assert not os.path.exists(unit(box))


@claim
def what_the_service_would_lack_is_said_before(box):
    where = {'XDG_RUNTIME_DIR': box.path('none')}
    code, text = service(box, 'install', env=where)
    assert code == EXIT_NO_INPUT and 'needs a configuration file' in text, (code, text)
    server = box.server()
    config = configuration(box, 'far.example:9000', 80)
    code, text = service(box, 'install', env={**where, 'TUNNEL_TOKEN': TOKEN})
    assert code == EXIT_CONFIG and 'tunnel login' in text, 'a token of this shell does not count'
    code, text = service(box, 'install', '--token', TOKEN, env=where)
    assert code == EXIT_USAGE, (code, text)
    os.rename(config, box.path('tunnel.yaml'))
    code, text = service(box, 'install', env=where)
    assert code == EXIT_CONFIG and '-c ./tunnel.yaml' in text, (code, text)
    box.write('tunnel.yaml', f'server_addr: {server.control}\n')
    code, text = service(box, 'install', '-c', 'tunnel.yaml', env=where)
    assert code == EXIT_CONFIG and 'there are none' in text, (code, text)


@claim
def the_unit_is_good_and_keeps_to_that_of_the_package(box):
    fake = box.path('bin')
    os.makedirs(fake)
    os.makedirs(box.path('systemd'))  # as if a manager ran: only the unit is looked at here
    box.write('bin/systemctl', '#!/bin/sh\n', 0o755)
    configuration(box, '127.0.0.1:1', 80)
    code, text = service(box, 'install', env={'PATH': fake + ':/usr/bin:/bin'})
    assert code == 0, text
    with open(unit(box)) as file:
        ours = {line for line in file.read().splitlines() if '=' in line and not line.startswith(('Exec', 'Desc'))}
    with open(os.path.join(ROOT, 'debian/tunnel-client.tunnel.user.service')) as file:
        packaged = {line for line in file.read().splitlines()
                    if '=' in line and not line.startswith(('#', 'Exec', 'Desc', 'Assert'))}
    assert ours == packaged, ours ^ packaged
    if shutil.which('systemd-analyze'):
        code, out, err = box.run(['systemd-analyze', 'verify', '--user', '--man=no', unit(box)])
        assert code == 0 and not re.search('tunnel.service:', err), err


if __name__ == '__main__':
    run()
