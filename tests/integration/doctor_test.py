# SPDX-License-Identifier: ISC
"""tunnel doctor: each thing that can be wrong is found at its hop, and nothing else is blamed."""

import hashlib
import json
import os
import socket
import stat

from harness import TOKEN, claim, free_port, make_certificate, program, run
from locals import Scripted
from visitor import get

EXIT_UNAVAILABLE, EXIT_NO_PERMISSION, EXIT_CONFIG = 69, 77, 78
HOPS = ['config', 'dns', 'tcp', 'tls', 'protocol', 'clock', 'auth', 'local', 'public']
OUTSIDE = {'domain': 'tun.localhost'}  # which leads here, RFC 6761 section 6.3


class Doctor:
    """What it says about the tunnel `app`, with these settings of the client."""

    def __init__(self, box, address, port, settings=None, words=(), name='app'):
        base = {**box.client_settings(address), **(settings or {})}
        base['tunnels'] = [{'subdomain': name, 'local_port': port}]
        config = box.write('doctor.yaml', json.dumps(base))  # JSON is YAML
        self.code, self.out, self.err = box.run([program('tunnel'), 'doctor', '--json', '-c', config, *words], 30)
        lines = [json.loads(line) for line in self.out.splitlines()]
        self.checks, self.end = lines[:-1], lines[-1]
        assert self.end['type'] == 'doctor' and TOKEN not in self.out + self.err, self.out
        assert self.end['problems'] == len(self.of('fail')), self.out

    def of(self, state):
        return [check['hop'] for check in self.checks if check['state'] == state]

    def at(self, hop):
        return next(check for check in self.checks if check['hop'] == hop)


@claim
def a_healthy_way_is_ok_at_every_hop(box):
    server, local = box.server(OUTSIDE), Scripted(box)
    doctor = Doctor(box, server.control, local.port)
    assert doctor.code == 0 and doctor.of('ok') == HOPS, doctor.out
    assert 'alice' in doctor.at('auth')['text'] and 'reaches this client' in doctor.at('public')['text']
    code, out, err = box.run([program('tunnel'), 'doctor', str(local.port), '-n', 'app', '-s', server.control, '--pin', box.pin,
                              '--token-file', box.token_file])
    assert code == 0 and '0 problems, 0 warnings' in out, (code, out, err)


@claim
def a_service_that_is_not_started_is_local(box):
    doctor = Doctor(box, box.server(OUTSIDE).control, free_port())
    assert doctor.code == EXIT_UNAVAILABLE and doctor.of('fail') == ['local'], doctor.out
    assert 'start the service' in doctor.at('local')['fix']


@claim
def a_server_that_does_not_listen_is_tcp(box):
    doctor = Doctor(box, f'127.0.0.1:{free_port()}', Scripted(box).port)
    assert doctor.code == EXIT_UNAVAILABLE and doctor.of('fail') == ['tcp'], doctor.out
    assert doctor.of('ok') == ['config', 'dns', 'local']
    assert doctor.of('skip') == ['tls', 'protocol', 'clock', 'auth', 'public']


@claim
def one_address_of_two_that_does_not_listen_is_a_warning(box):
    server = box.server(OUTSIDE)
    doctor = Doctor(box, f'localhost:{server.control_port}', Scripted(box).port)
    assert doctor.code == 0 and doctor.of('warn') == ['tcp'] and '[::1]' in doctor.out, doctor.out


@claim
def a_name_that_nobody_knows_is_dns(box):
    doctor = Doctor(box, 'no-such-host.invalid:9000', Scripted(box).port)
    assert doctor.code == EXIT_UNAVAILABLE and doctor.of('fail') == ['dns'], doctor.out


@claim
def another_certificate_is_tls_and_hears_no_token(box):
    server = box.server(OUTSIDE)
    doctor = Doctor(box, server.control, Scripted(box).port, {'tls': {'pin': 'sha256:' + '0' * 64}})
    assert doctor.code == EXIT_NO_PERMISSION and doctor.of('fail') == ['tls'], doctor.out
    assert box.pin in doctor.at('tls')['text'] and 'login' not in server.err()


@claim
def what_does_not_speak_tls_is_tls(box):
    with socket.create_server(('127.0.0.1', 0)) as nobody:
        doctor = Doctor(box, f'127.0.0.1:{nobody.getsockname()[1]}', Scripted(box).port,
                        {'timeouts': {'handshake_timeout': '500ms'}})
    assert doctor.code == EXIT_UNAVAILABLE and doctor.of('fail') == ['tls'], doctor.out


@claim
def a_certificate_that_ends_soon_is_a_warning(box):
    cert, key, _ = make_certificate(days='5')
    server = box.server({**OUTSIDE, 'tls': {'cert_file': cert, 'key_file': key}})
    doctor = Doctor(box, server.control, Scripted(box).port, {'tls': {'verify': cert}})
    assert doctor.code == 0 and doctor.of('warn') == ['tls'], doctor.out
    assert '4 days' in doctor.at('tls')['text'] or '5 days' in doctor.at('tls')['text']


@claim
def a_token_that_is_not_known_is_auth(box):
    wrong = box.write('wrong', 'tn_wrong\n', 0o600)
    doctor = Doctor(box, box.server(OUTSIDE).control, Scripted(box).port, {'token_file': wrong})
    assert doctor.code == EXIT_NO_PERMISSION and doctor.of('fail') == ['auth'], doctor.out
    assert 'tn_wrong' not in doctor.out and 'tunnel login' in doctor.at('auth')['fix']


@claim
def a_name_that_the_token_may_not_have_is_auth(box):
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    box.write('tokens', f'alice:sha256:{digest}:subdomains=mine,mine-*;expires=2099-01-01\n', 0o600)
    doctor = Doctor(box, box.server(OUTSIDE).control, Scripted(box).port)
    assert doctor.code == EXIT_NO_PERMISSION and doctor.of('fail') == ['auth'], doctor.out
    assert 'mine, mine-*; until 2099' in doctor.at('auth')['text'] and doctor.at('public')['state'] == 'ok', doctor.out


@claim
def a_name_that_a_running_client_holds_stays_with_it(box):
    local = Scripted(box)
    server, client = box.pair(local.port, OUTSIDE)
    doctor = Doctor(box, server.control, local.port)
    assert doctor.code == 0 and 'in use, by a client that runs' in doctor.at('public')['text'], doctor.out
    assert get(server, host=f'app.{OUTSIDE["domain"]}').status == 200
    assert 'reconnecting' not in client.err()


@claim
def a_client_that_takes_all_that_the_token_may_have_is_no_problem(box):
    digest, local = hashlib.sha256(TOKEN.encode()).hexdigest(), Scripted(box)
    box.write('tokens', f'alice:sha256:{digest}:subdomains=app\n', 0o600)
    server, _ = box.pair(local.port, OUTSIDE)
    doctor = Doctor(box, server.control, local.port)
    assert doctor.code == 0 and doctor.of('skip') == ['public'] and 'no other name' in doctor.out, doctor.out
    server.stop()
    one = box.server({**OUTSIDE, 'limits': {'max_connections_per_user': 1}})
    box.client(one, {'app': local.port}, name='other')
    doctor = Doctor(box, one.control, local.port)
    assert doctor.code == 0 and doctor.of('warn') == ['auth'], doctor.out


@claim
def a_public_name_without_a_record_is_public(box):
    doctor = Doctor(box, box.server({'domain': 'no-record.invalid'}).control, Scripted(box).port)
    assert doctor.code == EXIT_UNAVAILABLE and doctor.of('fail') == ['public'], doctor.out
    assert ': dns: ' in doctor.at('public')['text'] and 'DNS record' in doctor.at('public')['fix']


@claim
def a_bad_configuration_is_named_with_its_place(box):
    config = box.write('bad.yaml', 'server_addr: 127.0.0.1:1\nlocal_prot: 1\n')
    code, out, _ = box.run([program('tunnel'), 'doctor', '-c', config])
    assert code == EXIT_CONFIG and f'{config}:2:1' in out and 'public    skip' in out, out
    code, out, _ = box.run([program('tunnel'), 'doctor'])
    assert code == EXIT_CONFIG and 'no server is given' in out and 'fix: tunnel login' in out, out


@claim
def a_report_can_be_shown_to_anybody(box):
    server, report = box.server(OUTSIDE), box.path('report.txt')
    words = ['--report', report]
    doctor = Doctor(box, server.control, Scripted(box).port, words=words)
    with open(report) as file:
        text = file.read()
    assert doctor.code == 0 and TOKEN not in text and 'OpenSSL' in text and 'subdomain: "app"' in text, text
    assert stat.S_IMODE(os.stat(report).st_mode) == 0o600
    token = ['--token', TOKEN]
    Doctor(box, server.control, Scripted(box).port, {'token_file': None}, words + token)
    with open(report) as file:
        assert TOKEN not in file.read()


if __name__ == '__main__':
    run(parallel=4)
