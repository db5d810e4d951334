# SPDX-License-Identifier: ISC
"""tunnel list, status and stop: what the running clients of a user do, for people and for programs."""

import json
import os
import signal
import socket
import stat
import subprocess
import time

from harness import DOMAIN, TOKEN, Skip, claim, program, run, wait_until
from locals import Scripted
from visitor import get


def tunnel(box, *words, code=0, **options):
    """Its standard output, or what it said instead if `code` is not 0."""
    found, out, err = box.run([program('tunnel'), *words], **options)
    assert found == code, (words, found, out, err)
    assert TOKEN not in out + err
    return err if code else out


def socket_of(box, client):
    return box.path(f'tunnel/{client.pid}.sock')


def serves(server, name):
    return get(server, host=f'{name}.{DOMAIN}').status == 200


@claim
def several_clients_are_listed_in_one_table(box):
    local = Scripted(box)
    server = box.server()
    first = box.client(server, {'app': local.port, 'shop': local.port}, name='first')
    second = box.client(server, [{'name': 'dash', 'subdomain': 'dashboard', 'local_port': local.port}], name='second')
    assert get(server).status == 200
    wait_until(lambda: any(one['requests'] for one in json.loads(tunnel(box, 'list', '--json'))['tunnels']), 5, 'the request is counted')
    lines = tunnel(box, 'list').splitlines()
    assert lines[0].split() == ['NAME', 'URL', 'LOCAL', 'STATE', 'REQUESTS', 'FAILED', 'IN', 'OUT', 'PID'], lines
    rows = {line.split()[0]: line.split() for line in lines[1:]}
    assert sorted(rows) == ['app', 'dash', 'shop'], lines
    assert rows['app'][1:6] == [f'http://app.{DOMAIN}:{server.port}', f'127.0.0.1:{local.port}', 'active', '1', '0'], rows
    assert rows['dash'][-1] == str(second.pid) and rows['shop'][-1] == str(first.pid)
    listed = json.loads(tunnel(box, 'list', '--json'))['tunnels']
    assert {one['name']: one['pid'] for one in listed} == {'app': first.pid, 'shop': first.pid, 'dash': second.pid}
    assert [one['name'] for one in json.loads(tunnel(box, 'list', '--json', '--pid', str(second.pid)))['tunnels']] == ['dash']


@claim
def status_says_how_a_client_is(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    answer = json.loads(tunnel(box, 'status', '--json'))['clients'][0]
    assert answer['pid'] == client.pid and answer['state'] == 'online' and answer['links'] == 1, answer
    assert answer['server'] == server.control and answer['config'] == client.config and answer['online_seconds'] >= 0, answer
    assert answer['tunnels'][0]['subdomain'] == 'app' and answer['session'] in server.err(), answer
    text = tunnel(box, 'status')
    assert f'client {client.pid}' in text and 'online' in text and f'http://app.{DOMAIN}' in text, text
    server.stop()
    wait_until(lambda: json.loads(tunnel(box, 'status', '--json'))['clients'][0]['state'] == 'connecting', 5, 'it is connecting')
    assert 'connecting' in tunnel(box, 'list')


@claim
def status_watches_until_the_client_has_gone(box):
    local = Scripted(box)
    _, client = box.pair(local.port)
    watch = box.start('watch', [program('tunnel'), 'status', '--watch', '--json'])
    wait_until(lambda: watch.out().count('\n') >= 2, 15, 'it prints again')
    client.stop()
    assert watch.wait(15) == 69
    assert all(json.loads(line)['clients'] for line in watch.out().splitlines())


@claim
def a_tunnel_is_stopped_and_with_the_last_one_its_client(box):
    local = Scripted(box)
    server = box.server()
    client = box.client(server, {'app': local.port, 'shop': local.port})
    assert tunnel(box, 'stop', 'shop') == 'stopped shop\n'
    wait_until(lambda: not serves(server, 'shop'), 5, 'it is gone')
    assert serves(server, 'app') and 'shop' not in tunnel(box, 'list')
    client.popen.send_signal(signal.SIGHUP)  # what the file says
    wait_until(lambda: serves(server, 'shop'), 5, 'a reload brings it back')
    assert json.loads(tunnel(box, 'stop', f'http://shop.{DOMAIN}:{server.port}', '--json')) == {'name': 'shop', 'client': 'goes on'}
    assert 'ends' in tunnel(box, 'stop', 'app')
    assert client.wait(10) == 0 and not os.path.exists(socket_of(box, client))


@claim
def what_is_not_there_and_what_is_there_twice_is_refused(box):
    assert 'no client of yours' in tunnel(box, 'list', code=69)
    assert 'no client of yours' in tunnel(box, 'stop', 'app', code=69)
    local = Scripted(box)
    server, other = box.server(), box.server(name='tunneld2')
    first = box.client(server, {'app': local.port}, name='first')
    second = box.client(other, {'app': local.port}, name='second')
    assert '"nobody"' in tunnel(box, 'stop', 'nobody', code=65)
    assert '--pid' in tunnel(box, 'stop', 'app', code=64)
    assert tunnel(box, 'stop', code=64) and tunnel(box, 'list', 'x', code=64) and tunnel(box, 'list', '--pid', 'x', code=64)
    tunnel(box, 'stop', 'app', '--pid', str(second.pid))
    assert second.wait(10) == 0 and first.running()


@claim
def a_socket_that_was_left_behind_is_cleared_away(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    left = socket_of(box, client)
    assert stat.S_IMODE(os.stat(left).st_mode) == 0o600 and stat.S_IMODE(os.stat(os.path.dirname(left)).st_mode) == 0o700
    client.kill()
    assert os.path.exists(left)
    tunnel(box, 'list', code=69)
    assert not os.path.exists(left)
    box.write('tunnel/nonsense.sock', '')
    box.write('tunnel/1.sock', '')  # no socket at all
    box.client(server, {'app': local.port}, name='again')
    assert 'app' in tunnel(box, 'list')


@claim
def a_client_that_stands_still_does_not_hold_up_the_others(box):
    local = Scripted(box)
    server = box.server()
    still = box.client(server, {'app': local.port}, name='still')
    box.client(server, {'shop': local.port}, name='awake')
    still.popen.send_signal(signal.SIGSTOP)
    try:
        assert [one['name'] for one in json.loads(tunnel(box, 'list', '--json', seconds=30))['tunnels']] == ['shop']
    finally:
        still.popen.send_signal(signal.SIGCONT)
    assert os.path.exists(socket_of(box, still))


@claim
def without_a_place_for_the_socket_the_client_runs(box):
    local = Scripted(box)
    server = box.server()
    client = box.client(server, {'app': local.port}, {'client_id': 'mine'},
                        env={'STATE_DIRECTORY': '/proc/nowhere', 'XDG_RUNTIME_DIR': '/proc/nowhere'})
    client.wait_line('no control socket')
    assert get(server).status == 200


@claim
def nobody_else_gets_an_answer(box):
    if os.geteuid() != 0:
        raise Skip('needs root, to be somebody else')
    local = Scripted(box)
    _, client = box.pair(local.port)
    path = socket_of(box, client)
    os.chmod(path, 0o666)
    for directory in (os.path.dirname(path), box.dir, os.path.dirname(box.dir)):
        os.chmod(directory, 0o755)
    script = ('import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n'
              's.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")\nprint(s.recv(4096).split(b"\\r\\n")[0].decode())')
    done = subprocess.run(['/usr/bin/python3', '-c', script, path], user=65534, group=65534, extra_groups=[], capture_output=True, text=True)
    assert '403' in done.stdout, (done.stdout, done.stderr)


@claim
def the_socket_is_a_strict_server(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    for request, status in ((b'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n', b' 404 '), (b'POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n', b' 405 '),
                            (b'nonsense\r\n\r\n', b' 400 '), (b'POST /v1/tunnels/nobody/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n', b' 404 ')):
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(socket_of(box, client))
            asker.sendall(request)
            assert status in asker.recv(4096), request
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(socket_of(box, client))
        time.sleep(0.1)
        assert get(server).status == 200 and 'app' in tunnel(box, 'list')


if __name__ == '__main__':
    run()
