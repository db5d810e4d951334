# SPDX-License-Identifier: ISC
"""tunnel login and logout, typed by a person and written in a script, against real servers."""

import os
import signal
import stat

from harness import OTHER_TOKEN, TOKEN, claim, free_port, make_certificate, program, run, wait_until
from locals import Scripted
from peer import Recorder
from terminal import Terminal
from visitor import get

EXIT_USAGE, EXIT_NO_INPUT, EXIT_UNAVAILABLE, EXIT_NO_PERMISSION, EXIT_CONFIG = 64, 66, 69, 77, 78


def credentials(box):
    return box.path('tunnel/credentials')


def stored(box):
    if not os.path.exists(credentials(box)):
        return ''
    with open(credentials(box)) as file:
        return file.read()


def tunnel(box, *words, code=0, typed='', env=None):
    """Runs tunnel with `typed` on its standard input: what it wrote, both channels."""
    done, out, err = box.run([program('tunnel'), *words], input=typed.encode(),
                             env={**box.environment(), **(env or {})})
    assert done == code, (words, done, out, err)
    return out + err


@claim
def a_person_confirms_the_fingerprint_and_types_the_token(box):
    server = box.server()
    person = Terminal(box, [program('tunnel'), 'login', server.control])
    person.wait_for('Type yes')
    assert box.pin in person.text() and 'self-signed' in person.text(), person.text()
    person.type('yes\n')
    person.wait_for('input hidden')
    assert not person.echoes()
    person.type(TOKEN + '\n')
    assert person.wait() == 0, person.text()
    assert TOKEN not in person.text() and 'as alice; may use: every name' in person.text(), person.text()
    assert person.echoes()
    assert stat.S_IMODE(os.stat(credentials(box)).st_mode) == 0o600
    assert TOKEN in stored(box) and box.pin in stored(box)


@claim
def what_is_stored_is_all_that_a_tunnel_needs(box):
    server, local = box.server(), Scripted(box)
    tunnel(box, 'login', server.control, '--pin', box.pin, '--token-stdin', typed=TOKEN + '\n')
    client = box.start('tunnel', [program('tunnel'), str(local.port), '-n', 'app'])
    wait_until(lambda: 'http://app.' in client.out(), 10, 'the tunnel is online')
    assert get(server.port).status == 200


@claim
def who_does_not_confirm_stores_nothing(box):
    server = box.server()
    person = Terminal(box, [program('tunnel'), 'login', server.control])
    person.wait_for('Type yes')
    person.type('no\n')
    assert person.wait() == EXIT_NO_PERMISSION and 'E_TLS_UNTRUSTED' in person.text(), person.text()
    assert not stored(box) and 'login' not in server.err()


@claim
def ctrl_c_at_the_token_leaves_the_terminal_as_it_was(box):
    server = box.server()
    for number in (signal.SIGINT, signal.SIGTERM):
        person = Terminal(box, [program('tunnel'), 'login', server.control, '--pin', box.pin])
        person.wait_for('input hidden')
        wait_until(lambda: not person.echoes(), 5, 'the terminal is silent')
        if number == signal.SIGINT:
            person.type('half\x03')
        else:
            person.signal(number)
        wait_until(person.echoes, 5, 'the terminal echoes again')
        assert person.wait() == -number, person.text()
    assert not stored(box)


@claim
def a_script_gives_the_pin_and_the_token(box):
    server = box.server()
    text = tunnel(box, 'login', server.control, code=EXIT_NO_PERMISSION, typed=TOKEN + '\n')
    assert 'E_TLS_UNTRUSTED' in text and f'--pin {box.pin}' in text and not stored(box), text
    ways = [(['--token-file', box.token_file], '', {}), (['--token-stdin'], TOKEN + '\n', {}), ([], TOKEN + '\n', {}),
            ([], '', {'TUNNEL_TOKEN': TOKEN})]
    for words, typed, env in ways:
        text = tunnel(box, 'login', server.control, '--pin', box.pin, *words, typed=typed, env=env)
        assert text.startswith('ok  ') and TOKEN not in text, (words, text)
        assert TOKEN in stored(box)
        os.unlink(credentials(box))


@claim
def a_known_ca_needs_no_pin(box):
    server = box.server()
    tunnel(box, 'login', server.control, '--ca-file', box.cert, typed=TOKEN + '\n')
    assert box.cert in stored(box) and 'sha256:' not in stored(box), stored(box)
    tunnel(box, 'login', server.control, '--tls-verify', 'off', code=EXIT_USAGE, typed=TOKEN + '\n')


@claim
def a_wrong_token_is_not_stored(box):
    server = box.server()
    text = tunnel(box, 'login', server.control, '--pin', box.pin, code=EXIT_NO_PERMISSION, typed='wrong\n')
    assert 'E_AUTH' in text and 'why: auth: ' in text and not stored(box), text
    tunnel(box, 'login', server.control, '--pin', box.pin, code=EXIT_CONFIG, typed='two words\n')
    tunnel(box, 'login', server.control, '--pin', box.pin, code=EXIT_CONFIG)
    assert not stored(box)


@claim
def no_token_is_said_to_a_stranger(box):
    server, recorder = box.server(), Recorder(box, *make_certificate()[:2])
    tunnel(box, 'login', server.control, '--pin', 'sha256:' + '0' * 64, code=EXIT_NO_PERMISSION, typed=TOKEN + '\n')
    tunnel(box, 'login', recorder.address, code=EXIT_NO_PERMISSION, typed=TOKEN + '\n')
    assert TOKEN.encode() not in recorder.received
    text = tunnel(box, 'login', f'127.0.0.1:{free_port()}', code=EXIT_UNAVAILABLE, typed=TOKEN + '\n')
    assert 'why: tcp: ' in text and text.count('127.0.0.1') == 1, text
    assert not stored(box)


@claim
def another_certificate_than_last_time_is_told_with_a_warning(box):
    server = box.server()
    tunnel(box, 'login', server.control, '--pin', box.pin, typed=TOKEN + '\n')
    tunnel(box, 'login', server.control, typed=TOKEN + '\n')  # known by now
    server.stop()
    cert, key, pin = make_certificate()
    box.server({'control_addr': server.control, 'tls': {'cert_file': cert, 'key_file': key}})
    person = Terminal(box, [program('tunnel'), 'login', server.control])
    person.wait_for('Type yes')
    assert 'WARNING' in person.text() and box.pin in person.text() and pin in person.text(), person.text()


@claim
def each_server_has_its_own_token(box):
    one, other = box.server(), box.server(name='other')
    tunnel(box, 'login', one.control, '--pin', box.pin, typed=TOKEN + '\n')
    tunnel(box, 'login', other.control, '--pin', box.pin, typed=OTHER_TOKEN + '\n')
    assert 'nothing is stored' in tunnel(box, 'logout', '127.0.0.1:1', code=EXIT_NO_INPUT)
    tunnel(box, 'logout', one.control)
    assert TOKEN not in stored(box) and OTHER_TOKEN in stored(box)
    tunnel(box, 'logout')
    assert not stored(box)
    assert 'nothing is stored' in tunnel(box, 'logout')


@claim
def a_projects_file_gets_no_token_for_a_server_of_its_own(box):
    mine, foreign, local = box.server(), box.server(name='foreign'), Scripted(box)
    tunnel(box, 'login', mine.control, '--pin', box.pin, typed=TOKEN + '\n')
    box.write('tunnel.yaml', f'server_addr: {foreign.control}\ntls: {{pin: "{box.pin}"}}\n'
                             f'token_file: {box.token_file}\ntunnels: [{{subdomain: app, local_port: {local.port}}}]\n')
    text = tunnel(box, 'start', '--no-retry', code=EXIT_NO_PERMISSION, env={'TUNNEL_TOKEN': TOKEN})
    assert 'tunnel login SERVER' in tunnel(box, 'login', code=EXIT_USAGE, typed=TOKEN + '\n')
    assert '$TUNNEL_TOKEN is not sent' in text and 'token_file in ./tunnel.yaml is not used' in text, text
    assert 'user=alice' not in foreign.err() and 'UNAUTHORIZED' in foreign.err(), foreign.err()


@claim
def a_session_that_may_not_stand_proves_the_token_too(box):
    server, local = box.server({'limits': {'max_connections_per_user': 1}}), Scripted(box)
    box.client(server, {'app': local.port})
    text = tunnel(box, 'login', server.control, '--pin', box.pin, typed=TOKEN + '\n')
    assert text.startswith('ok  ') and TOKEN in stored(box), text


if __name__ == '__main__':
    run(parallel=4)
