# SPDX-License-Identifier: ISC
"""Runs build/weather and tells it what weather to make (its head says what it knows)."""

import os
import re
import socket
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, os.environ.get('TUNNEL_BUILD') or 'build', 'weather')


class Weather:
    """A relay to each of `targets` ("127.0.0.1:80"), all through one link; `ports` says where they listen."""

    def __init__(self, *targets, weather=()):
        routes = [f'127.0.0.1:0={target}' for target in targets]
        self.process = subprocess.Popen([PROGRAM, *routes, *weather], stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        said = [self.process.stdout.readline() for _ in range(len(targets) + 1)]
        self.ports = {target: self.port_in(said, rf'listening \S+:(\d+) to {re.escape(target)}') for target in targets}
        self.controller = socket.create_connection(('127.0.0.1', self.port_in(said, r'control \S+:(\d+)')))
        self.answers = self.controller.makefile('r')

    @staticmethod
    def port_in(lines, pattern):
        return int(next(match for line in lines if (match := re.match(pattern, line))).group(1))

    def tell(self, command):
        self.controller.sendall(command.encode() + b'\n')
        answer = self.answers.readline().strip()
        if not answer or answer.startswith('error'):
            raise ValueError(f'{command}: {answer or "the relay is gone"}')
        return answer

    def stats(self):
        return {key: int(number) for key, number in re.findall(r'(\w+)=(\d+)', self.tell('stats'))}

    def stop(self):
        self.controller.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
