# SPDX-License-Identifier: ISC
"""What the log says, how it is escaped, and what it never says; gauges that return to where they were."""

import json
import os
import re
import signal
import threading
import time

from harness import DOMAIN, OTHER_TOKEN, TOKEN, claim, program, run, wait_until, yaml_of
from locals import Node, Scripted
from peer import Peer
from visitor import HOST, Visitor, get, post


def access_line(server, path):
    return wait_until(lambda: next((line for line in server.access_lines() if f'path={path} ' in line + ' '), None), 3,
                      f'an access line for {path}')


def fields(line):
    return dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line))


@claim
def each_exchange_has_one_access_line_with_its_facts(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    assert post(server, '/echo', b'x' * 1000).status == 200
    seen = fields(access_line(server, '/echo'))
    assert seen['method'] == 'POST' and seen['status'] == '200' and seen['tunnel'] == 'app', seen
    assert seen['visitor'].startswith('127.0.0.1'), seen
    assert int(seen['in']) >= 1000 and int(seen['out']) >= 1000 and float(seen['ms']) >= 0 and seen['reason'] == 'ok', seen
    assert len(server.access_lines()) == 1


@claim
def failures_are_logged_with_their_reason(box):
    node = Node(box)
    server, client = box.pair(node.port, server={'timeouts': {'request_timeout': '300ms'}})
    get(server, '/hang')
    assert fields(access_line(server, '/hang'))['reason'] == 'request_timeout'
    get(server, '/nobody', host=f'none.{DOMAIN}')
    assert fields(access_line(server, '/nobody'))['reason'] == 'unknown_tunnel'
    client.kill()
    wait_until(lambda: get(server, '/offline').status == 503, 3, 'offline')
    assert fields(access_line(server, '/offline'))['reason'] == 'tunnel_offline'
    visitor = Visitor(server)
    visitor.send(b'BAD\r\n\r\n')
    assert visitor.response().status == 400
    wait_until(lambda: 'bad_request' in server.err(), 3, 'the bad request is logged')


@claim
def a_query_string_and_secrets_in_fields_are_not_logged(box):
    server, client = box.pair(Scripted(box).port)
    get(server, '/here?password=hunter2', headers='Authorization: Bearer hunter3\r\nCookie: session=hunter4\r\n')
    access_line(server, '/here')
    for process in (server, client):
        assert 'hunter' not in process.err() + process.out(), process.name


@claim
def nothing_raw_from_the_wire_reaches_the_log(box):
    server, _ = box.pair(Scripted(box).port, server={'log': {'level': 'debug'}})
    for path in ('/\x1b[31mred', '/a%0d%0aFAKE', '/' + 'p' * 4000, '/%n%s%x', '/quote"quote', '/caf\xe9'):
        get(server, path)
    get(server, host='evil\x1b[2J.tun.test')
    get(server, headers='User-Agent: \x1b]0;title\x07\r\n')
    with Peer(server.control) as peer:
        peer.login(['app\x1b[0m\r\nlevel=error msg=forged'], token=OTHER_TOKEN, client_id='\x1b[31m\nlevel=error\u202e')
    time.sleep(0.1)
    with open(server.err_path, 'rb') as file:
        raw = file.read()
    assert not re.search(rb'[^\n\x20-\x7e]', raw), re.findall(rb'.{20}[^\n\x20-\x7e].{20}', raw)[:3]
    assert not re.search(rb'^(level=error|FAKE)', raw, re.M)
    assert max(len(line) for line in raw.splitlines()) < 4096


@claim
def json_lines_are_json(box):
    server, _ = box.pair(Scripted(box).port, server={'log': {'format': 'logfmt'}})
    server.stop()
    config = box.write('json.yaml', open(server.config).read().replace('"logfmt"', '"json"'))
    process = box.start('tunneld-json', [program('tunneld'), '-c', config])
    port = int(process.wait_line(r'"kind":\s*"http".*"addr":\s*"[^"]*:(\d+)"').group(1))
    get(port, '/one', host=f'none.{DOMAIN}')
    wait_until(lambda: 'unknown_tunnel' in process.err(), 3, 'the access line')
    lines = [json.loads(line) for line in process.err().splitlines()]
    assert all(isinstance(line, dict) and 'level' in line and 'msg' in line for line in lines), lines[:2]


@claim
def under_an_init_system_lines_have_a_priority(box):
    server = box.server(env={'NOTIFY_SOCKET': box.path('no-socket')})
    lines = server.err().splitlines()
    assert lines and all(re.match(r'<[0-7]>', line) for line in lines), lines[:3]


@claim
def the_log_can_go_to_a_file_and_be_rotated(box):
    path = box.path('tunneld.log')
    config = box.server_settings()
    config['log'] = {'level': 'info', 'output': path}
    file = box.write('to-file.yaml', yaml_of(config) + '\n')
    process = box.start('tunneld', [program('tunneld'), '-c', file])
    wait_until(lambda: os.path.exists(path) and 'kind=http' in open(path).read(), 5, 'the log file is written')
    port = int(re.search(r'kind=http .*addr=\S+:(\d+)', open(path).read()).group(1))
    os.rename(path, path + '.1')
    process.signal(signal.SIGUSR1)
    wait_until(lambda: os.path.exists(path), 3, 'a new file')
    get(port)
    wait_until(lambda: 'unknown_tunnel' in open(path).read(), 3, 'the new file is written')


@claim
def the_access_log_can_be_off_or_a_file_of_its_own(box):
    server = box.server({'log': {'access_log': 'off'}})
    get(server, '/quiet')
    server.stop()
    assert not server.access_lines(), server.access_lines()
    path = box.path('access.log')
    server = box.server({'log': {'access_log': path}})
    get(server, '/own')
    wait_until(lambda: os.path.exists(path) and '/own' in open(path).read(), 3, 'the access log')
    assert not server.access_lines()


@claim
def sessions_come_and_go_in_the_log(box):
    server, client = box.pair(Scripted(box).port)
    assert re.search(r'session', server.err())
    client.kill()
    server.wait_line(r'(?i)msg="?session (closed|ended|end|close|lost|gone)')
    with Peer(server.control) as peer:
        peer.login(['app'], token='wrong-wrong-wrong')
    wait_until(lambda: re.search(r'(?i)unauthorized|token', server.err()), 3, 'the refused login is logged')
    assert 'wrong-wrong' not in server.err()


@claim
def the_canary_is_in_no_file_argv_or_environment(box):
    node = Node(box)
    server, client = box.pair(node.port, server={'log': {'level': 'debug'}}, client={'log': {'level': 'debug'}})
    get(server)
    with Peer(server.control) as peer:
        peer.login(['abc'], token=OTHER_TOKEN)
    time.sleep(0.1)
    for process in (server, client):
        for name in ('cmdline', 'environ'):
            assert TOKEN.encode() not in process.shown(name), (process.name, name)
    allowed = {box.token_file, box.tokens}
    for folder, _, names in os.walk(box.dir):
        for name in names:
            path = os.path.join(folder, name)
            if path in allowed or not os.path.isfile(path):
                continue
            with open(path, 'rb') as file:
                data = file.read()
            assert TOKEN.encode() not in data and OTHER_TOKEN.encode() not in data, path


@claim
def a_core_file_is_never_written(box):
    server = box.server()
    with open(f'/proc/{server.pid}/limits') as file:
        assert re.search(r'Max core file size\s+0\s+0', file.read())


@claim
def the_gauges_return_to_where_they_were(box):
    node = Node(box)
    server, client = box.pair(node.port)
    get(server)
    wait_until(lambda: server.gauges()['visitors'] == 0, 3, 'quiet')
    before = server.gauges()
    assert {'descriptors', 'visitors', 'sessions', 'streams', 'buffered_bytes'} <= set(before), before
    assert before['sessions'] == 1 and server.visits() == 0 and before['buffered_bytes'] == 0, before

    def noise(number):
        for path in ('/', '/chunked?n=20&size=5000', '/abort?size=30000', '/until-close', '/status?code=204', '/events?n=2&ms=10'):
            with Visitor(server) as visitor:
                visitor.send(f'GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
                if (number + len(path)) % 3:
                    visitor.response()
                elif number % 2:
                    visitor.reset()
        get(server, host=f'none.{DOMAIN}')
    threads = [threading.Thread(target=noise, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def back():
        now = server.gauges()
        return all(now[key] <= before[key] for key in ('visitors', 'sessions', 'streams', 'buffered_bytes', 'descriptors'))
    wait_until(back, 5, f'the gauges are back at {before}: {server.gauges()}')
    rejects = {key: value for key, value in server.gauges().items() if key.startswith('rejects_')}
    assert rejects.get('rejects_unknown_tunnel') == 20, rejects


@claim
def the_gauges_show_what_is_going_on(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    visitors = []
    for _ in range(5):
        visitor = Visitor(server)
        visitor.send(f'GET /hang HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
        visitors.append(visitor)
    wait_until(lambda: (lambda now: now['visitors'] == 5 and now['streams'] == 5)(server.gauges()), 3, 'five of each')
    for visitor in visitors:
        visitor.reset()
    wait_until(lambda: server.visits() == 0 and server.gauges()['visitors'] == 0, 3, 'none of each')


if __name__ == '__main__':
    run(parallel=3)
