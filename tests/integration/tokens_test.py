# SPDX-License-Identifier: ISC
"""Tokens that come, change and go while the server runs: tunnelctl token, and what live sessions notice."""

import hashlib
import json
import os
import stat
import time

from harness import DOMAIN, OTHER_TOKEN, SLOW, TOKEN, claim, program, run, wait_until
from locals import Scripted
from peer import Peer, login
from visitor import get

AT_ONCE = 1.0  # seconds within which a change counts


def control(box, *words, code=0):
    """tunnelctl token … on the box's token file; its JSON."""
    done, out, err = box.run([program('tunnelctl'), 'token', *words, '--json', '--token-file', box.tokens])
    assert done == code, (done, err)
    return json.loads(out) if done == 0 else err


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def id_of(box, user):
    return next(each['id'] for each in control(box, 'list')['tokens'] if each['user'] == user)


def refused(server, token, name='app'):
    with Peer(server.control) as peer:
        answer = peer.login((name,), token=token)
        return None if answer['success'] else answer['error_code']


def counts_at_once(server, token, name='app'):
    """Waits for the server to say so: to try out a token that is not known yet would be punished as guessing."""
    wait_until(lambda: 'tokens read' in server.err(), AT_ONCE, 'the new token is read')
    assert refused(server, token, name) is None


def ends_soon(session):
    started = time.monotonic()
    assert session.ended(AT_ONCE * SLOW + 3), 'the session goes on'
    assert time.monotonic() - started < AT_ONCE * SLOW, time.monotonic() - started


@claim
def who_asks_is_told_whose_token_it_is(box):
    expiring = 'tn_' + 'e' * 52
    box.write('tokens', f'alice:sha256:{digest(TOKEN)}\n'
                        f'carol:sha256:{digest(expiring)}:subdomains=carol,carol-*;expires=2099-12-31T00:00:00Z\n', 0o600)
    server = box.server()
    with Peer(server.control) as peer:
        answer = peer.login([], token=expiring, capabilities=['account'])
        assert (answer['user'], answer['subdomains']) == ('carol', ['carol', 'carol-*']), answer
        assert answer['expires'] == '2099-12-31T00:00:00Z' and answer['capabilities'] == ['account'], answer
    with Peer(server.control) as peer:
        answer = peer.login([], capabilities=['account'])
        assert answer['user'] == 'alice' and 'subdomains' not in answer and 'expires' not in answer, answer
    with Peer(server.control) as peer:
        assert 'user' not in peer.login([]), 'nobody asked'


@claim
def a_new_token_logs_in_at_once(box):
    server = box.server()
    made = control(box, 'add', 'carol')
    counts_at_once(server, made['token'])
    assert made['token'] not in server.err() and made['token'].startswith('tn_')
    with open(box.tokens) as file:
        text = file.read()
    assert made['token'] not in text and 'carol:sha256:' in text and text.startswith('alice:')


@claim
def a_revoked_token_ends_its_sessions_at_once(box):
    server = box.server()
    with login(server, 'app') as session, login(server, 'one', token=OTHER_TOKEN) as other:
        control(box, 'revoke', id_of(box, 'alice'))
        ends_soon(session)
        assert refused(server, TOKEN) == 'UNAUTHORIZED'
        assert not other.ended(0.2), 'a session of another token has ended'
    assert refused(server, OTHER_TOKEN, 'two') is None


@claim
def a_client_whose_token_is_revoked_says_so_and_ends(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    assert get(server).status == 200
    control(box, 'revoke', id_of(box, 'alice'))
    assert client.wait(10) == 77, client.err()
    assert 'E_AUTH' in client.err() or 'token' in client.err(), client.err()
    assert get(server).status in (404, 503)


@claim
def a_rotated_token_is_another_one(box):
    server = box.server()
    with login(server, 'app') as session:
        made = control(box, 'rotate', id_of(box, 'alice'))
        ends_soon(session)
    assert refused(server, TOKEN) == 'UNAUTHORIZED'
    assert refused(server, made['token']) is None and made['user'] == 'alice'


@claim
def a_token_ends_at_its_time(box):
    server = box.server()
    made = control(box, 'add', 'dora', '--expires', '3s')
    counts_at_once(server, made['token'], 'dora')
    with login(server, 'app', token=made['token']) as session:
        started = time.monotonic()
        assert session.ended(8), 'the session goes on'
        assert 0.5 < time.monotonic() - started < 4.5
    assert refused(server, made['token']) == 'UNAUTHORIZED'


@claim
def a_name_that_a_token_does_not_allow_is_refused(box):
    server = box.server()
    made = control(box, 'add', 'erin', '--subdomains', 'erin,erin-*')
    counts_at_once(server, made['token'], 'erin')
    for name in ('app', 'erin2', 'www', 'the-erin'):
        assert refused(server, made['token'], name) == 'NOT_ALLOWED', name
    for name in ('erin', 'erin-1', 'ERIN-x'):
        assert refused(server, made['token'], name) is None, name


@claim
def a_name_that_the_server_picks_is_an_allowed_one(box):
    server = box.server()
    made = control(box, 'add', 'erin', '--subdomains', 'erin-*')
    counts_at_once(server, made['token'], 'erin-1')
    with Peer(server.control) as peer:
        answer = peer.login(('',), token=made['token'])
        assert answer['success'] and answer['tunnels'][0]['subdomain'].startswith('erin-'), answer


@claim
def rights_are_checked_at_every_use(box):
    """chisel checked them at the handshake alone (GHSA-24fp-5v3p-rvpw)."""
    local = Scripted(box)
    server, client = box.pair(local.port)
    assert get(server).status == 200
    with open(box.tokens) as file:
        lines = file.read().replace('\n', ':subdomains=other-*\n', 1)
    box.write('tokens', lines, 0o600)  # written in place, as an editor may
    wait_until(lambda: get(server).status in (404, 503), AT_ONCE, 'the name is lost')
    assert 'NOT_ALLOWED' in server.err()
    assert client.running()


@claim
def a_broken_token_file_changes_nothing(box):
    server = box.server()
    with login(server, 'app') as session:
        box.write('tokens', 'alice:sha256:123\n', 0o600)
        server.wait_line(r'level=error msg="the tokens stay.*tokens:1:1: ')
        assert not session.ended(0.3)
        assert refused(server, TOKEN, 'two') is None
        os.unlink(box.tokens)
        server.wait_line(r'level=error msg="the tokens stay', count=2)
        assert not session.ended(0.3)
        box.write('tokens', '# nobody\n', 0o600)
        ends_soon(session)


@claim
def the_file_keeps_its_mode_and_what_else_is_in_it(box):
    box.write('tokens', '# people\n\n' + open(box.tokens).read(), 0o640)
    made = control(box, 'add', 'frida', '--expires', '2031-01-01')
    assert made['expires'] == '2031-01-01T00:00:00Z'
    assert stat.S_IMODE(os.stat(box.tokens).st_mode) == 0o640
    assert open(box.tokens).read().startswith('# people\n\nalice:')
    control(box, 'revoke', made['id'][4:])
    assert 'frida' not in open(box.tokens).read()


@claim
def what_is_wrong_with_a_command_is_said(box):
    for words, code, what in ((('revoke', 'tok_00000000'), 65, 'no token'), (('add',), 64, 'USER'),
                              (('add', 'a b'), 64, 'user'), (('add', 'a', 'b'), 64, 'unexpected'),
                              (('add', 'a', '--expires', 'soon'), 64, '--expires'),
                              (('add', 'a', '--subdomains', 'A_b'), 64, '--subdomains'),
                              (('lst',), 64, 'did you mean "token list"')):
        assert what in control(box, *words, code=code), words
    box.write('tokens', 'x:sha256:1\n', 0o600)
    assert 'tokens:1:1: ' in control(box, 'list', code=78)


if __name__ == '__main__':
    run(parallel=4)
