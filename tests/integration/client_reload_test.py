# SPDX-License-Identifier: ISC
"""HUP at the client: only what has changed is touched, a bad file changes nothing, and no visitor notices."""

import contextlib
import fcntl
import hashlib
import json
import os
import pty
import re
import signal
import termios
import time

from harness import (DOMAIN, OTHER_TOKEN, Process, claim, free_port, merged, program, run, wait_until, yaml_of)
from locals import Scripted, answer
from visitor import HOST, Load, Visitor, get

NEW_TOKEN = 'canary-' + '7' * 32  # of the same user
GOOD = f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode()


def host(name):
    return f'{name}.{DOMAIN}'


def said(text):
    return answer(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(text), text))


def rewrite(client, settings=None, tunnels=None):
    client.settings = merged(client.settings, settings or {})
    if tunnels is not None:
        client.settings['tunnels'] = [{'subdomain': name, 'local_port': port} for name, port in tunnels.items()]
    with open(client.config, 'w') as file:
        file.write(yaml_of(client.settings) + '\n')


def reload(client, settings=None, tunnels=None, good=True):
    """One HUP after rewriting the file, and its line in the log."""
    if settings is not None or tunnels is not None:
        rewrite(client, settings, tunnels)
    pattern = r'.*msg=reloaded.*' if good else r'.*msg="reload refused.*'
    count = len(re.findall(pattern, client.err()))
    client.popen.send_signal(signal.SIGHUP)
    return client.wait_line(pattern, count=count + 1).group(0)


def sessions(server):
    return len(re.findall('msg="session open"', server.err()))


def served(server, name):
    return get(server, host=host(name)).status


@contextlib.contextmanager
def half_sent(server, local):
    """A visitor who is here all the time: his request ends after what happens meanwhile."""
    count = len(local.requests)
    with Visitor(server) as held:
        held.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\n'.encode())
        local.wait_requests(count + 1)
        yield
        held.send(b'hello')
        assert held.response().status == 200


def with_new_token(box):
    digest = hashlib.sha256(NEW_TOKEN.encode()).hexdigest()
    with open(box.tokens, 'a') as file:
        file.write(f'alice:sha256:{digest}\n')
    return box.write('new-token', NEW_TOKEN + '\n', 0o600)


@claim
def tunnels_come_go_and_move_within_the_session(box):
    local, other = Scripted(box, said(b'one')), Scripted(box, said(b'two'))
    server = box.server()
    client = box.client(server, {'app': local.port, 'old': local.port})
    with half_sent(server, local):
        line = reload(client, tunnels={'app': local.port, 'more': other.port})
        assert 'changed=tunnels' in line, line
        wait_until(lambda: served(server, 'more') == 200, 5, 'the new tunnel is served')
        wait_until(lambda: served(server, 'old') in (404, 503), 5, 'the old one is not')
        assert f'http://{host("more")}' in client.out()
        reload(client, tunnels={'app': other.port, 'more': other.port})
        wait_until(lambda: get(server).body == b'two', 5, 'the tunnel leads elsewhere')
    assert sessions(server) == 1


@claim
def a_random_name_stays_through_a_reload(box):
    local = Scripted(box)
    server = box.server()
    client = box.client(server, [{'name': 'mine', 'local_port': local.port}])
    url = client.urls()[0]
    client.settings['tunnels'].append({'subdomain': 'more', 'local_port': local.port})
    reload(client, {})
    wait_until(lambda: served(server, 'more') == 200, 5, 'the new tunnel is served')
    reload(client, {'limits': {'max_streams': 77}})
    server.wait_line('msg="session open"', count=2)
    assert get(server, host=url.split('//')[1].split(':')[0]).status == 200
    assert not [one for one in client.urls() if 'more' not in one and one != url], client.urls()


@claim
def a_bad_file_is_named_with_its_place_and_changes_nothing(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    good = open(client.config).read()
    lines = good.count('\n')
    for text, place in ((good + 'tunels: []\n', f'tunnel.yaml:{lines + 1}:1: unknown key'), (good + 'log: {level: loud}\n', r'tunnel.yaml:\d+:\d+: log.level'),
                        ('[' * 100000, 'tunnel.yaml'), ('', ':1:1: is empty'), (good.replace('"tunnels"', 'x').replace('tunnels:', 'subdomain: 3\nx:'), 'tunnel.yaml')):
        with open(client.config, 'w') as file:
            file.write(text)
        line = reload(client, good=False)
        assert 'level=error' in line and re.search(place, line), line
    os.unlink(client.config)
    assert 'tunnel.yaml' in reload(client, good=False)
    assert get(server).status == 200 and sessions(server) == 1


@claim
def another_session_takes_over_without_a_failed_request(box):
    local = Scripted(box)
    new_token = with_new_token(box)
    server, client = box.pair(local.port)
    changes = [{'limits': {'max_streams': 500}}, {'token_file': new_token}, {'connections': 3}, {'client_id': 'another'},
               {'timeouts': {'ping_interval': '9s'}}, {'token_file': box.token_file}, {'connections': 1}]
    load = Load(server)
    try:
        with half_sent(server, local):
            for i, change in enumerate(changes):
                reload(client, change)
                server.wait_line('msg="session open"', count=i + 2)
                time.sleep(0.1)
    finally:
        load.end()
    ended = r'msg="session closed" session=(\S+) .*its client goes on'
    wait_until(lambda: len(set(re.findall(ended, server.err()))) == len(changes), 10, 'the old sessions have ended')
    assert client.running() and not re.search('reconnecting', client.err())


@claim
def a_hundred_reloads_under_load_cost_no_request(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    reload(client)
    load = Load(server)
    try:
        with half_sent(server, local):
            descriptors = client.descriptors()
            for i in range(100):
                reload(client, {'pool': {'max_idle': 5 + i % 7}}, {'app': local.port, f'other{i % 5}': local.port})
    finally:
        load.end()
    assert sessions(server) == 1
    wait_until(lambda: client.descriptors() <= descriptors + 5, 5, 'the descriptors are those from before')
    wait_until(lambda: served(server, 'other4') == 200 and served(server, 'other3') != 200, 5, 'the last one counts')


@claim
def another_server_gets_the_tunnels_and_the_old_one_its_visitors(box):
    local = Scripted(box)
    server = box.server()
    other = box.server(name='tunneld2')
    client = box.client(server, {'app': local.port})
    with half_sent(server, local):
        reload(client, {'server_addr': other.control})
        other.wait_line('msg="session open"')
        wait_until(lambda: get(other).status == 200, 5, 'the other server serves it')
        server.wait_line('msg="client shuts down"')
    server.wait_line('msg="session closed"')


@claim
def a_server_that_is_not_there_costs_nothing(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    address = client.settings['server_addr']
    reload(client, {'server_addr': f'127.0.0.1:{free_port()}'})
    client.wait_line('reconnecting')
    assert get(server).status == 200
    reload(client, {'server_addr': address}, {'app': local.port, 'more': local.port})
    wait_until(lambda: served(server, 'more') == 200, 5, 'a later reload counts')
    assert get(server).status == 200 and sessions(server) == 1


@claim
def a_token_that_is_refused_costs_nothing(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    reload(client, {'token_file': box.write('bad', 'nobody\n', 0o600)})
    client.wait_line('msg="no new session.*E_AUTH')
    assert get(server).status == 200
    reload(client, {'token_file': box.write('other', OTHER_TOKEN + '\n', 0o600)})  # another user's
    server.wait_line('user=bob')
    wait_until(lambda: get(server).status == 200, 10, 'the other user serves it')


@claim
def the_log_is_what_the_file_says(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    path = box.path('client.log')
    line = reload(client, {'log': {'level': 'debug'}})
    assert 'changed=log.level' in line, line
    get(server)
    client.popen.send_signal(signal.SIGHUP)
    client.wait_line('changed=nothing')
    rewrite(client, {'log': {'output': path}})
    client.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: os.path.exists(path) and 'msg=reloaded' in open(path).read(), 5, 'the new log')
    os.rename(path, path + '.1')
    client.popen.send_signal(signal.SIGUSR1)
    wait_until(lambda: os.path.exists(path), 5, 'USR1 opens it anew')
    assert get(server).status == 200
    bad = dict(client.settings)
    rewrite(client, {'log': {'output': '/none/log'}})
    client.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: 'reload refused' in open(path).read(), 5, 'a log that cannot be opened is refused')
    client.settings = bad
    assert get(server).status == 200


@claim
def a_reload_asks_again_for_what_was_refused(box):
    local = Scripted(box)
    server = box.server()
    holder = box.client(server, {'wanted': local.port}, name='holder')
    client = box.client(server, {'app': local.port, 'wanted': local.port}, {'token_file': box.write('other', OTHER_TOKEN + '\n', 0o600)},
                        wait=False)
    client.wait_line('no tunnel wanted|tunnel=wanted')
    holder.stop()
    reload(client)
    wait_until(lambda: served(server, 'wanted') == 200, 10, 'it has the name')
    assert sessions(server) == 2


@claim
def a_second_signal_ends_it_at_once_and_hup_after_the_first_changes_nothing(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    with Visitor(server) as held:
        held.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\n'.encode())
        local.wait_requests(1)
        client.signal(signal.SIGTERM)
        client.wait_line('closing')
        client.popen.send_signal(signal.SIGHUP)
        client.popen.send_signal(signal.SIGTERM)
        assert client.wait(5) == 130
    assert 'reloaded' not in client.err()


@claim
def a_token_from_standard_input_outlasts_a_reload(box):
    local = Scripted(box)
    server = box.server()
    settings = merged(box.client_settings(server.control), {'token_file': None})
    config = box.write('tunnel.yaml', yaml_of(settings) + '\n')
    with open(box.token_file) as token:
        client = Process(box, 'tunnel', [program('tunnel'), 'http', str(local.port), '-n', 'app', '-c', config, '--token-stdin'],
                         stdin=token)
    client.wait_line('http://app')
    box.write('tunnel.yaml', yaml_of(merged(settings, {'limits': {'max_streams': 5}})) + '\n')
    assert 'changed=limits.max_streams' in reload(client)
    server.wait_line('msg="session open"', count=2)
    assert get(server).status == 200


@claim
def it_ends_with_its_terminal(box):
    local = Scripted(box)
    server = box.server()
    config = box.write('tunnel.yaml', json.dumps(merged(box.client_settings(server.control),
                                                        {'tunnels': [{'subdomain': 'app', 'local_port': local.port}]})))
    mine, theirs = pty.openpty()
    client = Process(box, 'tunnel', [program('tunnel'), 'start', '--all', '-c', config], stdin=theirs,
                     preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
    os.close(theirs)
    server.wait_line('msg="session open"')
    client.popen.send_signal(signal.SIGHUP)
    client.wait_line('reloaded')
    os.close(mine)
    assert client.wait(10) == 0


if __name__ == '__main__':
    run()
