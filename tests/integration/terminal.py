# SPDX-License-Identifier: ISC
"""A person at a pseudo-terminal: a program that has one as its standard input, output and error."""

import os
import pty
import select
import termios
import time

from harness import SLOW


class Terminal:
    """Runs `argv` in a terminal of its own. text() is all that it has shown so far."""

    def __init__(self, box, argv, env=None):
        self.shown, self.code = b'', None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(box.dir)
            os.execvpe(argv[0], argv, {**box.environment(), 'TERM': 'xterm', **(env or {})})
        box.on_close(self.close)

    def text(self):
        return self.shown.decode(errors='backslashreplace').replace('\r\n', '\n')

    def read(self, seconds):
        """Takes in what has been shown; False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # EIO: the program has left the terminal
            return False
        self.shown += piece
        return bool(piece)

    def wait_for(self, text, seconds=10):
        end = time.monotonic() + seconds * SLOW
        while text not in self.text():
            assert time.monotonic() < end, f'never shown: {text!r}, but {self.text()!r}'
            assert self.read(0.1) or text in self.text(), f'ended before {text!r}: {self.text()!r}'

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds=10):
        """The exit code, or the negated signal."""
        end = time.monotonic() + seconds * SLOW
        while self.code is None:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, f'does not end: {self.text()!r}'
        while select.select([self.fd], [], [], 0)[0] and self.read(0):
            pass
        return self.code

    def close(self):
        if self.code is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
