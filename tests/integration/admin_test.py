# SPDX-License-Identifier: ISC
"""tunnelctl against a running server: what it shows, what it orders, who may ask."""

import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import threading
import time

from harness import DOMAIN, OTHER_TOKEN, SLOW, TOKEN, Skip, claim, program, run, wait_until
from locals import OK, Scripted
from peer import Peer, login
from visitor import get


class Control:
    def __init__(self, box, server=None, client=None, local=None):
        self.box, self.path = box, box.path('control.sock')
        self.server = box.server({**(server or {}), 'admin': {'socket': self.path}})
        self.local = local or Scripted(box)
        self.client = box.client(self.server, {'app': self.local.port}, client)

    def run(self, *words, code=0):
        done, out, err = self.box.run([program('tunnelctl'), *words, '--socket', self.path])
        assert done == code, (words, done, out, err)
        return out if code == 0 else err

    def json(self, *words):
        return json.loads(self.run(*words, '--json'))

    def raw(self, request):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5 * SLOW)
            sock.connect(self.path)
            sock.sendall(request)
            answer = b''
            while piece := sock.recv(65536):
                answer += piece
            return answer


@claim
def the_status_counts_what_is_there(box):
    control = Control(box)
    for _ in range(3):
        assert get(control.server).status == 200
    get(control.server, host='none.' + DOMAIN)
    status = control.json('status')
    assert status['state'] == 'running' and status['clients'] == 1 and status['tunnels'] == 1
    assert status['requests'] == 4 and status['bytes_out'] > 3 * len(OK) / 2 and status['rejects'] == {'unknown_tunnel': 1}
    assert status['domain'] == DOMAIN and status['certificate']['days_left'] in (29, 30) and status['pid'] == control.server.pid
    assert {each['kind']: each['addr'] for each in status['listen']} == {'control': control.server.control, 'http': control.server.http}
    text = control.run('status')
    assert 'running' in text and 'clients 1' in text and 'unknown_tunnel 1' in text, text
    assert f'pin {control.server.box.pin}' in text, text


@claim
def clients_and_tunnels_are_listed(box):
    control = Control(box)
    get(control.server)
    with login(control.server, 'other', token=OTHER_TOKEN):
        clients = {each['user']: each for each in control.json('clients')['clients']}
        assert set(clients) == {'alice', 'bob'} and clients['bob']['tunnels'] == ['other']
        one = control.json('clients', clients['alice']['id'])['clients']
        assert len(one) == 1 and one[0]['token'].startswith('tok_') and one[0]['links'][0]['state'] == 'open'
        tunnels = {each['subdomain']: each for each in control.json('tunnels')['tunnels']}
        assert tunnels['app']['requests'] == 1 and tunnels['other']['requests'] == 0
        assert tunnels['app']['local'].endswith(str(control.local.port)) and tunnels['other']['user'] == 'bob'
        for name in ('app', f'app.{DOMAIN}', f'APP.{DOMAIN}'):
            assert [each['subdomain'] for each in control.json('tunnels', name)['tunnels']] == ['app']
        for words in (('clients',), ('clients', clients['bob']['id'])):
            assert 'bob' in control.run(*words) and 'other' in control.run(*words)
        assert 'http://other.' in control.run('tunnels')
        assert 'app' in control.run('top')
    assert 'no tunnel' in control.run('tunnels', 'none', code=65)
    assert 'no client' in control.run('clients', 'sess_none', code=65)


@claim
def what_is_under_way_is_counted_while_it_runs(box):
    release = threading.Event()

    def slow(channel, received):
        channel.body(received)
        channel.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n' + b'x' * 1000000)
        release.wait(30 * SLOW)
        channel.send(b'x' * 1000000)
    control = Control(box, local=Scripted(box, slow))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(get(control.server)))
    asking.start()

    def tunnel():
        return control.json('tunnels', 'app')['tunnels'][0]
    wait_until(lambda: tunnel()['bytes_out'] >= 1000000, 5, 'half of the answer is counted')
    assert tunnel()['requests'] == 0 and tunnel()['idle_seconds'] is not None
    assert 'tunneld_bytes_total{direction="out"} 100' in control.run('metrics')
    release.set()
    asking.join()
    wait_until(lambda: tunnel()['requests'] == 1, 5, 'the request has ended')
    assert len(answers[0].body) == 2000000 and 2000000 < tunnel()['bytes_out'] < 2001000, tunnel()


@claim
def a_kicked_client_comes_back_and_one_that_is_sent_away_does_not(box):
    control = Control(box)
    with Peer(control.server.control) as peer:
        name = peer.login(('one',), client_id='c1')['session_id']
        control.run('kick', name[:12], '--reason', 'rotate your token')
        assert peer.ended(2)
        said = b''.join(peer.streams.values())
        assert b'KICKED' in said and b'rotate your token' in said, said
    with Peer(control.server.control) as peer:
        answer = peer.login(('one',), client_id='c1')
        assert answer['success'], answer
        control.run('kick', answer['session_id'], '--for', '10m', '--reason', 'go away')
        assert peer.ended(2)
    with Peer(control.server.control) as peer:
        answer = peer.login(('one',), client_id='c1')
        assert answer['error_code'] == 'KICKED' and answer['error'] == 'go away', answer
        assert 590_000 < answer['retry_after_ms'] <= 600_000
    with Peer(control.server.control) as peer:  # another client of the same token
        assert peer.login(('one',), client_id='c2')['success']
    assert control.client.running() and get(control.server).status == 200
    assert 'no client' in control.run('kick', 'sess_none', code=65)
    with login(control.server, 'two'), login(control.server, 'three'):
        assert 'more than one' in control.run('kick', 'sess_', code=75)


@claim
def a_kicked_client_tells_its_user_why_and_comes_back(box):
    control = Control(box)
    control.run('kick', 'sess_', '--reason', 'rotate your token')
    control.client.wait_line(r'reconnecting in .*: the operator has ended the session: rotate your token')
    wait_until(lambda: get(control.server).status == 200, 10, 'the client is back')


@claim
def a_kicked_client_that_may_not_try_again_ends_with_its_own_code(box):
    control = Control(box, client={'reconnect': {'enabled': False}})
    control.run('kick', 'sess_', '--reason', 'rotate your token')
    assert control.client.wait(10) == 75
    assert re.search(r'E_KICKED: the operator has ended the session\n  why: \S+: rotate your token\n  fix: ',
                     control.client.err()), control.client.err()


@claim
def a_drain_finishes_what_is_in_flight(box):
    def slow(channel, received):
        time.sleep(0.7)
        channel.send(OK)
    control = Control(box, local=Scripted(box, slow))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(get(control.server).status))
    asking.start()
    control.local.wait_requests(1)
    control.run('drain', '--timeout', '10s')
    assert 'stopping already' in control.run('drain', code=75)
    asking.join()
    assert answers == [200] and control.server.wait(5) == 0
    assert not os.path.exists(control.path)
    assert 'cannot connect' in control.run('status', code=69)


@claim
def a_reload_says_what_is_wrong(box):
    control = Control(box)
    assert 'reloaded' in control.run('reload')
    good = open(control.server.config).read()
    box.write('tunneld.yaml', good + 'workrs: 1\n')
    error = control.run('reload', code=78)
    assert re.search(r'tunneld\.yaml:\d+:1: unknown key', error), error
    box.write('tunneld.yaml', good)
    control.run('reload')


@claim
def the_log_level_changes_and_the_log_is_followed(box):
    control = Control(box)
    assert control.run('log').strip() == 'info'
    control.run('log', 'debug')
    assert control.json('log')['level'] == 'debug'
    assert 'expected error' in control.run('log', 'loud', code=64)
    control.run('log', 'info')
    with subprocess.Popen([program('tunnelctl'), 'log', '--follow', '--socket', control.path], stdout=subprocess.PIPE,
                          env=box.environment()) as follower:
        try:
            def line():
                assert get(control.server).status == 200
                ready = select.select([follower.stdout], [], [], 0.2)[0]
                return ready and b'msg=access' in os.read(follower.stdout.fileno(), 65536)
            wait_until(line, 5, 'a line')
        finally:
            follower.kill()
    wait_until(lambda: get(control.server).status == 200, 2, 'the server goes on')


@claim
def a_reader_of_the_log_who_stands_still_holds_up_nobody(box):
    control = Control(box, {'log': {'level': 'info'}})
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(control.path)
        sock.sendall(b'GET /v1/log/follow HTTP/1.1\r\nHost: x\r\n\r\n')
        for _ in range(200):
            assert get(control.server).status == 200
    assert control.json('status')['requests'] == 200


@claim
def a_dump_shows_no_secret(box):
    control = Control(box)
    get(control.server, '/path?secret=canary-in-a-query')
    dump = control.run('debug', 'dump')
    parsed = json.loads(dump)
    assert parsed['clients'] and parsed['tunnels'] and 'control_addr' in parsed['settings'] and parsed['status']['pid']
    with open(box.key) as key:
        secret = key.read().splitlines()[1]
    assert not any(word in dump for word in (TOKEN, OTHER_TOKEN, 'canary', secret))


@claim
def the_socket_is_for_its_group_and_nobody_else(box):
    control = Control(box)
    assert stat.S_IMODE(os.stat(control.path).st_mode) == 0o660
    if os.geteuid() != 0:
        raise Skip('only root can become others')
    for parent in (box.dir, os.path.dirname(box.dir)):
        os.chmod(parent, 0o755)
    os.chmod(control.path, 0o666)  # the mode alone must not be what protects it

    def as_user(uid, gid, groups=()):
        code = ('import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);'
                's.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n");print(s.recv(99)[9:12].decode())')
        done = subprocess.run(['/usr/bin/python3', '-c', code, control.path], user=uid, group=gid, extra_groups=list(groups),
                              capture_output=True, timeout=10 * SLOW, check=True)
        return done.stdout.decode().strip()
    own = os.getegid()
    assert as_user(65534, 65534) == '403'
    assert as_user(65534, own) == '200' and as_user(65534, 65534, [own]) == '200' and as_user(0, 0) == '200'


@claim
def a_wrong_line_is_told_what_is_wrong_with_it(box):
    control = Control(box)
    for words, said in ((('stauts',), 'did you mean "status"'), (('status', 'x'), 'unexpected argument "x"'), (('kick',), 'expected ID'),
                        (('debug',), 'expected one of: dump'), (('token',), 'expected one of: add, list, revoke, rotate'),
                        (('status', '--for', '3s'), '--for: means nothing to status'), (('kick', 'x', '--follow'), '--follow: means nothing'),
                        (('kick', 'x', '--for', '3 parsecs'), '--for: expected a span'), (('log', 'loud'), 'expected error, warn'),
                        (('drain', '--timeout', 'x'), '--timeout: expected a span'), (('status', '--nix'), 'unknown option "--nix"')):
        assert said in control.run(*words, code=64), words
    assert get(control.server).status == 200


@claim
def a_server_that_is_not_there_or_stands_still_is_told(box):
    control = Control(box)
    control.server.popen.send_signal(signal.SIGSTOP)
    for words in (('status',), ('log', '--follow'), ('reload',)):
        assert 'not answered within 300ms' in control.run(*words, '--wait', '300ms', code=75), words
    control.server.popen.send_signal(signal.SIGCONT)
    control.run('status')
    with subprocess.Popen([program('tunnelctl'), 'log', '--follow', '--wait', '300ms', '--socket', control.path], stdout=subprocess.PIPE) as follower:
        wait_until(lambda: get(control.server) and select.select([follower.stdout], [], [], 0)[0], 5, 'a line is followed')
        time.sleep(0.7)  # silence is what a quiet log is made of
        assert follower.poll() is None
        control.run('drain')
        assert follower.wait(10 * SLOW) in (0, 69)
    assert control.server.wait() == 0
    for path in (control.path, box.path('none')):
        control.path = path
        assert 'fix: start tunneld' in control.run('status', code=69)


@claim
def what_is_no_question_is_refused(box):
    control = Control(box)
    for request, status in ((b'GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b' 404 '),
                            (b'GET /v1/../metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b' 404 '),
                            (b'DELETE /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b' 405 '),
                            (b'POST /v1/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\n[1]', b' 400 '),
                            (b'POST /v1/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n' + b'x' * 70000, b' 413 '),
                            (b'POST /v1/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', b' 400 '),
                            (b'\x16\x03\x01\x02\x00\r\n\r\n', b' 400 ')):
        answer = control.raw(request)
        assert status in answer.split(b'\r\n')[0], (request[:60], answer[:200])
    assert control.json('status')['state'] == 'running'
    for path in ('/v1/status', '/metrics'):  # the public port knows nothing of it
        assert get(control.server, path, host='admin.' + DOMAIN).status == 404


@claim
def a_server_whose_socket_cannot_be_made_runs_and_warns(box):
    path = box.path('none/control.sock')
    local = Scripted(box)
    server, _ = box.pair(local.port, {'admin': {'socket': path}})
    server.wait_line(r'level=warn msg="no control socket.*none/control\.sock')
    assert get(server).status == 200
    code, _, err = box.run([program('tunnelctl'), 'status', '--socket', path])
    assert code == 69 and path in err


@claim
def a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not(box):
    control = Control(box)
    second = box.server({'admin': {'socket': control.path}}, name='second')
    second.wait_line(r'level=warn msg="no control socket.*another process listens')
    control.server.kill()
    assert os.path.exists(control.path)
    third = box.server({'admin': {'socket': control.path}}, name='third')

    def answers():
        code, out, _ = box.run([program('tunnelctl'), 'status', '--json', '--socket', control.path])
        return code == 0 and json.loads(out)['pid'] == third.pid
    wait_until(answers, 5, 'the third one has the socket')


@claim
def the_configuration_says_where_the_socket_is(box):
    control = Control(box)
    code, out, err = box.run([program('tunnelctl'), 'status', '--json', '-c', control.server.config])
    assert code == 0 and json.loads(out)['pid'] == control.server.pid, err
    moved = box.path('moved.sock')
    text = open(control.server.config).read().replace(control.path, moved)
    box.write('tunneld.yaml', text)
    os.kill(control.server.pid, 1)
    wait_until(lambda: os.path.exists(moved), 3, 'the socket has moved')
    assert not os.path.exists(control.path)
    code, out, err = box.run([program('tunnelctl'), 'status', '--json', '-c', control.server.config])
    assert code == 0 and json.loads(out)['pid'] == control.server.pid, err


if __name__ == '__main__':
    run(parallel=3)
