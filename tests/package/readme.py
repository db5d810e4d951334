# SPDX-License-Identifier: ISC
"""Follows the steps of the README as a reader would, and looks at the page at the end: run by readme.sh."""

import os
import pty
import re
import select
import subprocess
import sys
import time

STEPS_MAX = 5
PATIENCE = 60  # seconds for a page or a question


def steps(readme):
    """[[command, …], …]: the indented lines of each numbered item."""
    section = re.search(r'^## The first tunnel on a real server$(.*?)^## ', readme, re.M | re.S).group(1)
    items = re.split(r'^\d+\. ', section, flags=re.M)[1:]
    return [re.findall(r'^ {7}(\S.*)$', item, re.M) for item in items]


def run(command):
    # Somebody who says yes when apt asks.
    done = subprocess.run(['bash', '-c', command], input='y\n', capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f'{command}: {done.returncode}\n{done.stdout}{done.stderr}'
    return done.stdout


class Dialogue:
    """A command at a terminal of its own."""

    def __init__(self, command):
        self.text = ''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp('bash', ['bash', '-c', command])

    def wait_for(self, pattern):
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end, f'no {pattern!r} in {self.text!r}'
            if select.select([self.fd], [], [], 1)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode(errors='replace')
                except OSError:  # EIO: it has ended
                    assert re.search(pattern, self.text), f'ended without {pattern!r}: {self.text!r}'
        return found

    def answer(self, line):
        os.write(self.fd, f'{line}\n'.encode())


def follow(readme):
    todo = steps(readme)
    assert 1 <= len(todo) <= STEPS_MAX, f'{len(todo)} steps'
    os.chdir(os.environ['HOME'])
    subprocess.Popen([sys.executable, '-m', 'http.server', '--bind', '127.0.0.1', '3000'],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    token = pin = None
    for command in (each for step in todo for each in step):
        if command.startswith('tunnel login'):
            login = Dialogue(command)
            assert pin in login.wait_for(r'fingerprint (sha256:\w+)').group(0)
            login.wait_for('Type yes')
            login.answer('yes')
            login.wait_for('input hidden')
            login.answer(token)
            login.wait_for('ok  logged in')
            assert token not in login.text
        elif command.startswith('tunnel '):
            Dialogue(command).wait_for('http://myapp.tunnel.example.com')
        else:
            out = run(command)
            if 'token add' in command:
                token = out.strip()
            if 'tunnelctl status' in command:
                pin = re.search(r'pin (sha256:\w+)', out).group(1)
        print('ok', command, flush=True)
    assert 'a page of the laptop' in run('curl -sS --max-time 20 http://myapp.tunnel.example.com/')
    print('ok a_page_is_shown_at_the_end')


follow(open(sys.argv[1], encoding='utf-8').read())
