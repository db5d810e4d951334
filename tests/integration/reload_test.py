# SPDX-License-Identifier: ISC
"""HUP: a good configuration is in force at once, a bad one changes nothing, and nobody who is here notices."""

import os
import re
import shutil
import signal
import socket
import ssl
import time

from harness import DOMAIN, SLOW, Process, claim, free_port, make_certificate, merged, program, run, wait_until, yaml_of
from locals import Scripted
from peer import login, tls_connect
from visitor import HOST, Load, Visitor, get

GOOD = rb'HTTP/1.1 200'


def rewrite(box, server, settings):
    server.settings = merged(server.settings, settings)
    box.write('tunneld.yaml', yaml_of(server.settings) + '\n')


def reload(server, good=True):
    """One HUP, and its line in the log."""
    pattern = r'.*msg=reloaded.*' if good else r'.*msg="reload refused.*'
    count = len(re.findall(pattern, server.err()))
    server.popen.send_signal(signal.SIGHUP)
    return server.wait_line(pattern, count=count + 1).group(0)


@claim
def two_hundred_reloads_under_load_cost_no_request(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    good = open(server.config).read()
    broken = [good + '\tx: 1\n', good + 'a: &a [1]\nb: *a\n', '[' * 100000, good + 'limit: 1\n', good + 'workers: many\n',
              good + 'workers: 2\nworkers: 2\n', '', good.replace('http_addr', 'http_adr'), '\0\0\0', good + 'limits: []\n']
    reload(server)
    with Visitor(server) as held:  # one who is here all the time
        held.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\n'.encode())
        load = Load(server)
        time.sleep(0.2)
        descriptors, memory = server.descriptors(), None
        for i in range(200):
            if i == 50:
                memory = server.rss()
            if i % 5 == 4:
                box.write('tunneld.yaml', broken[i // 5 % len(broken)])
                line = reload(server, good=False)
                assert 'tunneld.yaml' in line, line
            else:
                box.write('tunneld.yaml', good + f'reserved_subdomains: [r{i}]\n')
                reload(server)
        load.end()
        grown = server.rss() - memory
        held.send(b'hello')
        assert held.response().status == 200
    assert client.running() and len(re.findall('session open', server.err())) == 1
    wait_until(lambda: server.descriptors() <= descriptors, 5, 'the descriptors are those from before')
    assert grown < 8 << 20 or SLOW > 1, grown


@claim
def a_broken_file_is_named_with_its_place_and_changes_nothing(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    good = open(server.config).read()
    lines = good.count('\n')
    for text, place in ((good.replace('workers: 2', 'workers: x'), ':10: workers: '), (good + 'wrkers: 1\n', f'{lines + 1}:1: unknown key'),
                        (good + 'domain: [a.test, b_c]\n', 'uplicate'), (good.replace(DOMAIN, 'no_name'), 'domain: ')):
        box.write('tunneld.yaml', text)
        line = reload(server, good=False)
        assert 'level=error' in line and re.search(r'tunneld\.yaml:\d+:\d+: ', line) and place in line, line
    os.unlink(server.config)
    assert 'tunneld.yaml' in reload(server, good=False)
    os.mkfifo(server.config)
    assert 'not a regular file' in reload(server, good=False)
    os.unlink(server.config)
    os.mkdir(server.config)
    assert 'directory' in reload(server, good=False)
    assert get(server).status == 200


@claim
def what_cannot_be_had_is_refused_and_the_old_one_stays(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    with socket.create_server(('127.0.0.1', 0)) as taken:
        address = '127.0.0.1:%d' % taken.getsockname()[1]
        before = dict(server.settings)
        other_cert = make_certificate()[0]
        for settings, word in (({'http_addr': address}, 'cannot listen'), ({'control_addr': address}, 'cannot listen'),
                               ({'tls': {'cert_file': other_cert}}, 'key'), ({'tls': {'cert_file': '/none'}}, '/none'),
                               ({'auth': {'token_file': '/none'}}, '/none'), ({'log': {'output': '/none/log'}}, '/none/log')):
            server.settings = dict(before)
            rewrite(box, server, settings)
            line = reload(server, good=False)
            assert word in line, (settings, line)
            assert get(server).status == 200
    with login(server, 'other'):
        pass


@claim
def limits_and_the_log_level_are_in_force_at_once(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    assert get(server, headers='X: ' + 'y' * 3000 + '\r\n').status == 200
    rewrite(box, server, {'limits': {'max_header_bytes': 2048}, 'log': {'level': 'warn'}})
    server.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: get(server, headers='X: ' + 'y' * 3000 + '\r\n').status == 431, 2, 'the new limit')
    seen = len(server.access_lines())
    assert get(server).status == 200 and len(server.access_lines()) == seen
    rewrite(box, server, {'limits': {'max_header_bytes': 8192}, 'log': {'level': 'info'}})
    line = reload(server)
    assert 'limits.max_header_bytes' in line and 'log.level' in line, line
    wait_until(lambda: get(server, headers='X: ' + 'y' * 3000 + '\r\n').status == 200, 2, 'the new limit')
    wait_until(lambda: len(server.access_lines()) > seen, 2, 'the line of a request')


@claim
def a_new_certificate_is_for_new_links_and_old_ones_stay(box):
    server = box.server()
    cert, key, pin = make_certificate()

    def shown():
        sock = tls_connect(server.control)
        try:
            return ssl.DER_cert_to_PEM_cert(sock.getpeercert(True))
        finally:
            sock.close()
    with login(server, 'app') as session:
        before = shown()
        rewrite(box, server, {'tls': {'cert_file': cert, 'key_file': key}})
        reload(server)
        assert shown() != before and pin in server.err()
        assert not session.ended(0.2)


@claim
def the_same_files_with_another_certificate_are_read_again(box):
    cert, key = box.path('c.pem'), box.path('k.pem')
    shutil.copy(box.cert, cert), shutil.copy(box.key, key)
    server = box.server({'tls': {'cert_file': cert, 'key_file': key}})
    other_cert, other_key, pin = make_certificate()
    shutil.copy(other_cert, cert), shutil.copy(other_key, key)
    reload(server)
    assert pin in server.err()


@claim
def ports_move_while_their_visitors_stay(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor, login(server, 'other') as session:
        def ask():
            visitor.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
            return visitor.response().status
        assert ask() == 200
        rewrite(box, server, {'http_addr': '127.0.0.2:0', 'control_addr': '127.0.0.2:0'})
        reload(server)
        http = server.wait_line(r'kind=http addr=(127\.0\.0\.2:\d+)').group(1)
        control = server.wait_line(r'kind=control addr=(127\.0\.0\.2:\d+)').group(1)
        assert ask() == 200 and not session.ended(0.2)

        def closed(port):
            try:
                socket.create_connection(('127.0.0.1', port), 2).close()
                return False
            except OSError:
                return True
        wait_until(lambda: closed(server.port) and closed(server.control_port), 2, 'the old ports are closed')
        with socket.create_connection(http.rsplit(':', 1)[0:1] + [int(http.rsplit(':', 1)[1])]) as fresh:
            fresh.sendall(f'GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n'.encode())
            assert fresh.recv(4096).startswith(GOOD)
        tls_connect(control).close()


@claim
def an_address_may_overlap_the_one_before(box):
    local = Scripted(box)
    for workers in (1, 2):
        server, client = box.pair(local.port, {'workers': workers, 'http_addr': f'127.0.0.1:{free_port()}',
                                               'control_addr': f'127.0.0.1:{free_port()}'})
        addresses = [(f'127.0.0.1:{server.port}', f'127.0.0.1:{server.control_port}'),
                     (f':{server.port}', f'0.0.0.0:{server.control_port}')]
        for i, (http, control) in enumerate((addresses[1], *addresses)):
            rewrite(box, server, {'http_addr': http, 'control_addr': control})
            reload(server)
            server.wait_line(r'kind=http', count=2 + i)
            assert get(server).status == 200
            tls_connect(f'127.0.0.1:{server.control_port}').close()
        assert client.running() and len(re.findall('session open', server.err())) == 1
        second = box.start('second', [program('tunneld'), '-c', server.config])  # is not one of ours
        assert second.wait() == 69 and 'Address already in use' in second.err(), second.err()


@claim
def what_needs_a_restart_is_said_and_stays(box):
    server = box.server()

    def threads():
        with open(f'/proc/{server.pid}/status') as file:
            return int(re.search(r'Threads:\s+(\d+)', file.read()).group(1))
    before = threads()
    rewrite(box, server, {'workers': 3, 'limits': {'window_memory': '64MiB'}})
    reload(server)
    line = server.wait_line(r'.*needs a restart.*').group(0)
    assert 'workers' in line and 'limits.window_memory' in line, line
    assert threads() == before


@claim
def a_token_file_elsewhere_is_watched_from_then_on(box):
    server = box.server()
    other = box.write('others', open(box.tokens).read(), 0o600)
    rewrite(box, server, {'auth': {'token_file': other}})
    reload(server)
    with login(server, 'app') as session:
        box.write('others', '# nobody\n', 0o600)
        assert session.ended(2)


@claim
def the_init_system_is_told(box):
    path = box.path('notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(5 * SLOW)
        config = box.write('n.yaml', yaml_of(box.server_settings()) + '\n')
        server = Process(box, 'tunneld', [program('tunneld'), '-c', config], env={'NOTIFY_SOCKET': path})
        assert notify.recv(200) == b'READY=1'
        for good in (True, False):
            if not good:
                box.write('n.yaml', 'x: 1\n')
            server.popen.send_signal(signal.SIGHUP)
            assert notify.recv(200).startswith(b'RELOADING=1\nMONOTONIC_USEC=')
            assert notify.recv(200) == b'READY=1'


@claim
def nothing_wakes_up_a_server_that_has_nothing_to_do(box):
    server = box.server({'workers': 1})
    reload(server)
    time.sleep(0.5)

    def switches():
        with open(f'/proc/{server.pid}/status') as file:
            return int(re.search(r'\nvoluntary_ctxt_switches:\s+(\d+)', file.read()).group(1))
    before = switches()
    time.sleep(3)
    assert switches() - before <= 6, switches() - before


if __name__ == '__main__':
    run()
