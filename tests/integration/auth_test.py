# SPDX-License-Identifier: ISC
"""Who may log in, and to whom the client says its token."""

import hashlib
import re
import time

from harness import DOMAIN, OTHER_TOKEN, SLOW, TOKEN, claim, make_certificate, program, run, wait_until
from locals import Scripted
from peer import Peer, Recorder, envelope, frame, login
from visitor import get

EXIT_NO_PERMISSION, EXIT_CONFIG, EXIT_UNAVAILABLE = 77, 78, 69


def refused(server, token):
    with Peer(server.control) as peer:
        answer = peer.login(['app'], token=token)
        assert not answer['success'], answer
        return answer


@claim
def a_good_token_is_let_in_and_a_bad_one_is_not(box):
    server = box.server()
    with login(server, 'app'):
        pass
    assert refused(server, 'wrong')['error_code'] == 'UNAUTHORIZED'


@claim
def a_refusal_says_nothing_about_why(box):
    server = box.server({'limits': {'max_connections_per_user': 1}})
    answers = [refused(server, token) for token in ('', 'wrong', TOKEN[:-1], TOKEN + 'x', TOKEN.upper())]
    for answer in answers:
        answer.pop('session_id', None)
    assert all(answer == answers[0] for answer in answers), answers


@claim
def guessing_tokens_makes_an_address_wait(box):
    server = box.server()
    codes = []
    for number in range(12):
        codes.append(refused(server, f'guess-{number}')['error_code'])
        time.sleep(0.02 * SLOW)  # of more than ten connections that have not logged in some are dropped at random
    assert codes[0] == 'UNAUTHORIZED' and codes[-1] == 'RATE_LIMITED', codes
    assert refused(server, TOKEN)['retry_after_ms'] > 0, 'the right token must not be told from a wrong one now'


@claim
def the_hash_of_a_token_is_no_token(box):
    server = box.server()
    assert refused(server, hashlib.sha256(TOKEN.encode()).hexdigest())['error_code'] == 'UNAUTHORIZED'


@claim
def a_client_with_a_bad_token_ends_with_77_and_does_not_try_again(box):
    local, server = Scripted(box), box.server()
    bad = box.write('bad', 'not-the-token\n', 0o600)
    client = box.client(server, {'app': local.port}, {'token_file': bad}, wait=False)
    assert client.wait() == EXIT_NO_PERMISSION
    assert 'not-the-token' not in client.err() and client.out() == '', client.err()
    assert re.search('token', client.err()), client.err()


@claim
def gotunnels_token_lines_are_read_with_a_warning(box):
    tokens = box.write('old-tokens', f'# a comment\n\n{TOKEN}\n{OTHER_TOKEN}:bob\n', 0o600)
    server = box.server({'auth': {'token_file': tokens}})
    with login(server, 'app'), login(server, 'bob', token=OTHER_TOKEN):
        pass
    assert 'warn' in server.err(), server.err()


@claim
def a_token_file_that_others_can_read_is_refused(box):
    tokens = box.write('open-tokens', 'alice:sha256:' + 'a' * 64 + '\n', 0o644)
    config = box.write('bad.yaml', f'control_addr: "127.0.0.1:0"\nhttp_addr: "127.0.0.1:0"\ndomain: {DOMAIN}\n'
                                   f'auth: {{mode: token, token_file: {tokens}}}\n')
    code, _, err = box.run([program('tunneld'), '-c', config], seconds=5)
    assert code != 0 and tokens in err, (code, err)


@claim
def no_authentication_is_for_loopback_only(box):
    settings = {'auth': {'mode': 'none', 'token_file': None}}
    server = box.server(settings)
    assert 'warn' in server.err()
    with login(server, 'app', token=''):
        pass
    config = box.write('open.yaml', f'control_addr: "0.0.0.0:0"\nhttp_addr: "127.0.0.1:0"\ndomain: {DOMAIN}\nauth: {{mode: none}}\n')
    for flags in ([], ['-t']):
        code, _, err = box.run([program('tunneld'), '-c', config, *flags], seconds=5)
        assert code == EXIT_CONFIG and 'loopback' in err, (flags, code, err)


@claim
def a_link_without_tls_is_for_loopback_only(box):
    config = box.write('open.yaml', f'control_addr: "0.0.0.0:0"\ncontrol_tls: false\nhttp_addr: "127.0.0.1:0"\ndomain: {DOMAIN}\n'
                                    f'auth: {{mode: token, token_file: {box.tokens}}}\n')
    code, _, err = box.run([program('tunneld'), '-c', config], seconds=5)
    assert code == EXIT_CONFIG and 'loopback' in err, (code, err)
    code, _, err = box.run([program('tunnel'), 'http', '1', '--server', 'tcp://192.0.2.1:9000', '--set',
                            f'token_file={box.token_file}'], seconds=5)
    assert code in (64, EXIT_CONFIG) and 'loopback' in err, (code, err)


@claim
def a_link_without_tls_works_on_loopback(box):
    local = Scripted(box)
    server = box.server({'control_tls': False})
    box.client(server, {'app': local.port}, {'server_addr': f'tcp://{server.control}', 'tls': None})
    assert get(server).status == 200


@claim
def a_wrong_pin_ends_the_client_before_a_byte_of_the_token(box):
    other_cert, other_key, _ = make_certificate()
    recorder = Recorder(box, other_cert, other_key)
    client = box.client(None, {'app': 1}, {'server_addr': recorder.address}, wait=False)
    assert client.wait() == EXIT_NO_PERMISSION, client.err()
    assert recorder.connections == 1 and recorder.received == b'', recorder.received
    assert re.search('certificate|fingerprint|pin', client.err()), client.err()


@claim
def an_unknown_authority_ends_the_client_before_a_byte_of_the_token(box):
    recorder = Recorder(box, box.cert, box.key)
    for verify in ('system', make_certificate()[0]):
        client = box.client(None, {'app': 1}, {'server_addr': recorder.address, 'tls': {'pin': None, 'verify': verify}},
                            wait=False)
        assert client.wait() == EXIT_NO_PERMISSION, client.err()
    assert recorder.received == b'', recorder.received


@claim
def a_certificate_for_another_name_is_refused(box):
    cert, key, _ = make_certificate(names='DNS:elsewhere.test')
    recorder = Recorder(box, cert, key)
    client = box.client(None, {'app': 1}, {'server_addr': recorder.address, 'tls': {'pin': None, 'verify': cert}}, wait=False)
    assert client.wait() == EXIT_NO_PERMISSION, client.err()
    assert recorder.received == b'', recorder.received


@claim
def an_authority_file_is_enough(box):
    local, server = Scripted(box), box.server()
    box.client(server, {'app': local.port}, {'tls': {'pin': None, 'verify': box.cert}})
    assert get(server).status == 200


@claim
def a_server_without_a_certificate_makes_one_and_logs_its_fingerprint(box):
    server = box.server({'tls': {'cert_file': None, 'key_file': None}})
    pin = re.search(r'sha256:[0-9a-f]{64}', server.err()).group(0)
    local = Scripted(box)
    box.client(server, {'app': local.port}, {'tls': {'pin': pin}})
    assert get(server).status == 200
    server.stop()
    again = box.server({'tls': {'cert_file': None, 'key_file': None}})
    assert pin in again.err(), 'the certificate must survive a restart'


@claim
def a_server_that_turns_false_later_is_retried_not_believed(box):
    local, server = Scripted(box), box.server()
    client = box.client(server, {'app': local.port})
    server.kill()
    cert, key, _ = make_certificate()
    false = box.server({'control_addr': server.control, 'http_addr': server.http, 'tls': {'cert_file': cert, 'key_file': key}})
    client.wait_line(r'(?i)certificate|fingerprint|pin', 10)
    time.sleep(0.5)
    assert client.running(), 'a captive portal must not end a tunnel'
    assert false.gauges()['sessions'] == 0
    false.stop()
    true = box.server({'control_addr': server.control, 'http_addr': server.http})
    wait_until(lambda: get(true).status == 200, 10, 'the tunnel is back')


@claim
def only_a_login_is_accepted_first(box):
    server = box.server()
    for kind in ('ping', 'add_tunnel', 'shutdown', 'nonsense'):
        with Peer(server.control) as peer:
            peer.send(frame(1, 1, 1, 0))
            peer.data(1, envelope(kind, {'tunnel': {'subdomain': 'app', 'local_port': 1}, 'timestamp': 'x'}))
            assert peer.ended(3), f'{kind} before the login is let through'
    assert get(server).status == 404


@claim
def a_version_of_tomorrow_is_refused_by_name(box):
    server = box.server()
    with Peer(server.control) as peer:
        answer = peer.login(['app'], version=2)
        assert answer['error_code'] == 'VERSION_UNSUPPORTED', answer


@claim
def too_many_sessions_of_one_user_are_refused(box):
    server = box.server({'limits': {'max_connections_per_user': 2}})
    with login(server, 'one', client_id='1'), login(server, 'two', client_id='2'):
        with Peer(server.control) as peer:
            assert peer.login(['three'], client_id='3')['error_code'] == 'CONNECTION_LIMIT'
        with login(server, 'bob', token=OTHER_TOKEN):
            pass


@claim
def too_many_tunnels_of_one_session_are_refused(box):
    server = box.server({'limits': {'max_tunnels_per_connection': 2}})
    with Peer(server.control) as peer:
        answer = peer.login(['one', 'two', 'three'])
        codes = [status.get('error_code') for status in answer.get('tunnels', [])] + [answer.get('error_code')]
        assert 'TUNNEL_LIMIT_REACHED' in codes, answer


@claim
def the_token_is_seen_neither_in_argv_nor_in_the_environment_nor_in_a_log(box):
    local, server = Scripted(box), box.server({'log': {'level': 'debug'}})
    argv = [program('tunnel'), 'http', str(local.port), '--server', server.control, '--subdomain', 'app', '--set',
            f'tls.pin={box.pin}', '--set', 'log.level=debug']
    by_flag = box.start('tunnel', [*argv, '--token', TOKEN])
    wait_until(lambda: by_flag.out(), 5, 'online by flag')
    assert TOKEN.encode() not in by_flag.shown('cmdline')
    by_flag.stop()
    by_environment = box.start('tunnel', argv, env={'TUNNEL_TOKEN': TOKEN})
    wait_until(lambda: by_environment.out(), 5, 'online by environment')
    assert TOKEN.encode() not in by_environment.shown('environ')
    assert get(server).status == 200
    for process in box.processes:
        assert TOKEN not in process.err() + process.out(), process.name


if __name__ == '__main__':
    run(parallel=3)
