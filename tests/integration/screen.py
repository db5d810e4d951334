# SPDX-License-Identifier: ISC
"""A program in a pseudo-terminal, with an emulation that tells what a person would see."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading

from harness import Process, Skip, merged, program, started, wait_until

try:
    import pyte
except ImportError:
    pyte = None


class Screen(Process):
    """Runs `argv` as the only program of a terminal; `typed` goes to it, text() is its screen."""

    def __init__(self, box, argv, columns=100, rows=24, env=None, name='terminal', **options):
        if not pyte:
            raise Skip('no python3-pyte here')
        self.name, self.argv, self.box, self.expected_signal = name, argv, box, None
        self.raw, self.lock, self.closed = b'', threading.Lock(), False
        self.emulation = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self.stream = pyte.ByteStream(self.emulation)
        self.master, slave = pty.openpty()
        self.set_size(columns, rows)
        self.popen = subprocess.Popen(
            argv, stdin=slave, stdout=slave, cwd=box.dir, start_new_session=True,
            env=merged(box.environment(), {'TERM': 'xterm-256color', **(env or {})}),
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            **{'stderr': slave, **options})
        os.close(slave)
        self.pid = self.popen.pid
        box.processes.append(self)
        started.append(self)
        self.stopped = threading.Event()  # while set nobody reads: a terminal after Ctrl-S
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            if self.stopped.is_set():
                threading.Event().wait(0.01)
                continue
            try:
                ready, _, _ = select.select([self.master], [], [], 0.05)
                piece = os.read(self.master, 65536) if ready else None
            except OSError:  # EIO: nobody has the other end open
                piece = b''
            if piece == b'':
                self.closed = True
                return
            if piece:
                with self.lock:
                    self.raw += piece
                    self.stream.feed(piece)

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def resize(self, columns, rows):
        """As a terminal that does not wrap anew; the kernel sends SIGWINCH."""
        with self.lock:
            self.emulation.resize(rows, columns)
        self.set_size(columns, rows)

    def type(self, text):
        os.write(self.master, text.encode())

    def rows(self):
        """What is on the screen now."""
        with self.lock:
            return [line.rstrip() for line in self.emulation.display]

    def scrolled(self):
        """What has left it at the top."""
        with self.lock:
            columns = self.emulation.columns
            return [''.join(line[x].data for x in range(columns)).rstrip()
                    for line in self.emulation.history.top]

    def all(self):
        return '\n'.join(self.scrolled() + self.rows())

    def text(self):
        return '\n'.join(self.rows())

    def err(self):
        with self.lock:
            return self.raw.decode(errors='backslashreplace')

    out = err

    def wait_text(self, *words, seconds=10):
        """The screen, once each of the words is on it."""
        try:
            wait_until(lambda: all(word in self.text() for word in words), seconds, f'{words} on the screen')
        except AssertionError as error:
            raise AssertionError(f'{error}; there is:\n{self.all()}') from None
        return self.text()

    def wait_end(self, seconds=10):
        code = self.wait(seconds)
        wait_until(lambda: self.closed, 5, 'all of the output is read')
        return code

    def stop(self):
        self.stopped.clear()
        if os.path.basename(self.argv[0]) == 'bash':
            self.signal(signal.SIGHUP)  # which it passes on to its jobs; it ignores SIGTERM
            self.popen.wait()
        code = super().stop()
        self.reader.join(5)
        if self.master >= 0:
            os.close(self.master)
        self.master = -1
        return code


def tunnel_on_screen(box, server, port, *flags, **options):
    config = box.write('terminal.yaml', f'''server_addr: "{server.control}"
token_file: "{box.token_file}"
tls:
  pin: "{box.pin}"
reconnect:
  initial_delay: 100ms
  max_delay: 1s
''')
    return Screen(box, [program('tunnel'), 'http', str(port), '-n', 'app', '-c', config, *flags], **options)
