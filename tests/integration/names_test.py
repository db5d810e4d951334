# SPDX-License-Identifier: ISC
"""Who owns a name: asked for, random, reserved, taken, taken over, and free again."""

import re
import signal
import threading
import time

from harness import DOMAIN, OTHER_TOKEN, SLOW, claim, run, wait_until
from locals import Scripted, answer
from peer import Peer, envelope, login
from visitor import get


def named(box, text):
    return Scripted(box, answer(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(text) + text.encode()))


def refusal(server, name, **more):
    with Peer(server.control) as peer:
        answer_ = peer.login([name], **more)
        status = answer_['tunnels'][0] if answer_.get('tunnels') else answer_
        assert not answer_['success'] and status.get('status', 'error') == 'error', answer_
        return status['error_code']


@claim
def a_requested_name_is_given(box):
    server, client = box.pair(Scripted(box).port)
    assert len(client.urls()) == 1 and f'://app.{DOMAIN}' in client.urls()[0], client.urls()
    assert get(server).status == 200


@claim
def without_a_name_a_random_one_is_given(box):
    local = Scripted(box)
    server = box.server()
    client = box.client(server, [{'local_port': local.port}, {'local_port': local.port, 'name': 'two'}])
    hosts = {re.match(r'https?://([^/:]+)', url).group(1) for url in client.urls()}
    assert len(hosts) == 2, hosts
    for host in hosts:
        name = host.removesuffix('.' + DOMAIN)
        assert re.fullmatch(r'[a-z][a-z0-9-]{2,62}', name) and not name.endswith('-'), name
        assert get(server, host=host).status == 200


@claim
def a_random_name_is_asked_for_again_after_a_reconnect(box):
    local = Scripted(box)
    server = box.server()
    client = box.client(server, [{'local_port': local.port}])
    host = re.match(r'https?://([^/:]+)', client.urls()[0]).group(1)
    server.kill()
    server = server.restarted()
    wait_until(lambda: get(server, host=host).status == 200, 10, 'the same random name is back')


@claim
def several_tunnels_of_one_client_reach_their_own_locals(box):
    locals_ = {name: named(box, name) for name in ('one', 'two', 'three')}
    server = box.server()
    client = box.client(server, {name: local.port for name, local in locals_.items()})
    assert len(client.urls()) == 3
    for name in locals_:
        assert get(server, host=f'{name}.{DOMAIN}').body == name.encode()


@claim
def bad_names_are_refused(box):
    server = box.server()
    for name in ('a', 'ab', '1abc', 'a_b', 'abc-', '-abc', 'a.b.c', 'a' * 64, 'caf\xe9', 'a b'):
        assert refusal(server, name) == 'SUBDOMAIN_INVALID', name


@claim
def reserved_names_are_refused(box):
    server = box.server({'reserved_subdomains': ['www', 'secret']})
    assert refusal(server, 'www') == 'SUBDOMAIN_RESERVED'
    assert refusal(server, 'Secret') == 'SUBDOMAIN_RESERVED'


@claim
def names_are_compared_in_lower_case(box):
    server = box.server()
    with login(server, 'MyApp', client_id='one'):
        assert refusal(server, 'myAPP', token=OTHER_TOKEN) == 'SUBDOMAIN_TAKEN'


@claim
def anothers_name_is_refused(box):
    local = named(box, 'mine')
    server, _ = box.pair(local.port)
    started = time.monotonic()
    assert refusal(server, 'app', token=OTHER_TOKEN, client_id='thief') == 'SUBDOMAIN_TAKEN'
    assert time.monotonic() - started < 1 * SLOW, 'a stranger must not be able to make us ask'
    assert get(server).body == b'mine'


@claim
def one_bad_name_does_not_spoil_the_others(box):
    server = box.server()
    with Peer(server.control) as peer:
        answer_ = peer.login(['good', 'www'], client_id='x')
        assert answer_['success'], answer_
        assert [status['status'] for status in answer_['tunnels']] == ['active', 'error'], answer_
        assert answer_['tunnels'][1]['error_code'] == 'SUBDOMAIN_RESERVED'
        assert answer_['tunnels'][0]['url'].startswith(f'http://good.{DOMAIN}'), answer_


@claim
def the_same_client_takes_its_name_over_at_once(box):
    server = box.server()
    old = login(server, 'app', client_id='laptop')
    started = time.monotonic()
    new = login(server, 'app', client_id='laptop')
    assert time.monotonic() - started < 1 * SLOW
    assert old.ended(3), 'the old session lives on'
    assert b'REPLACED' in b''.join(old.streams.values()), old.streams
    new.close()


@claim
def a_replaced_client_does_not_come_back(box):
    local = named(box, 'old')
    server = box.server()
    old = box.client(server, {'app': local.port}, {'client_id': 'same'})
    new = box.client(server, {'app': named(box, 'new').port}, {'client_id': 'same'}, name='newer')
    assert old.wait(5) not in (0, None)
    assert 'REPLACED' in old.err() or 'replaced' in old.err(), old.err()
    assert get(server).body == b'new' and new.running()


@claim
def many_takeovers_leak_nothing(box):
    server = box.server()
    peers = [login(server, 'app', client_id='laptop') for _ in range(5)]
    before, rss = server.gauges(), server.rss()
    for _ in range(150):
        peers.append(login(server, 'app', client_id='laptop'))
        peers.pop(0).close()
    for peer in peers[:-1]:
        peer.close()
    wait_until(lambda: server.gauges()['sessions'] <= 1, 5, 'the old sessions are gone')
    assert server.gauges()['descriptors'] <= before['descriptors'] + 2, (before, server.gauges())
    if SLOW == 1:
        assert server.rss() - rss < 4 << 20, server.rss() - rss


@claim
def a_client_started_again_with_the_same_file_is_the_same_client(box):
    server, client = box.pair(named(box, 'mine').port)
    for killed in range(2):
        client.kill()
        started = time.monotonic()
        client = box.start('tunnel', client.argv)
        wait_until(lambda: client.out(), 5, 'online')
        assert time.monotonic() - started < 1.5 * SLOW
        assert get(server).body == b'mine'
    assert len(set(re.findall(r' client=(\w+)', server.err()))) == 1, server.err()


@claim
def a_client_without_an_identity_replaces_nobody(box):
    server = box.server()
    with login(server, 'app', client_id='') as first:
        started = time.monotonic()

        # The holder answers the ping in between, so it keeps its name.
        stop = threading.Event()

        def keep_reading():
            while not stop.is_set():
                try:
                    first.read_frame(0.2)
                except OSError:
                    pass
        reader = threading.Thread(target=keep_reading)
        reader.start()
        assert refusal(server, 'app', client_id='') == 'SUBDOMAIN_TAKEN'
        assert time.monotonic() - started < 2.5 * SLOW
        stop.set()
        reader.join()


@claim
def a_silent_holder_of_the_same_token_loses_its_name(box):
    server, client = box.pair(named(box, 'old').port)
    client.signal(signal.SIGSTOP)
    started = time.monotonic()
    new = box.client(server, {'app': named(box, 'new').port}, name='newer')
    assert time.monotonic() - started < 4 * SLOW
    assert get(server).body == b'new'
    client.signal(signal.SIGCONT)
    time.sleep(0.5)
    assert get(server).body == b'new' and new.running()


@claim
def a_living_holder_of_the_same_token_keeps_its_name(box):
    server, _ = box.pair(named(box, 'old').port)
    assert refusal(server, 'app', client_id='other-machine') == 'SUBDOMAIN_TAKEN'
    assert get(server).body == b'old'


@claim
def a_name_without_its_client_is_503_for_a_while_and_then_404(box):
    server, client = box.pair(Scripted(box).port, server={'timeouts': {'name_grace': '1s'}})
    assert get(server).status == 200
    client.kill()
    response = wait_until(lambda: (lambda r: r if r.status == 503 else None)(get(server)), 2, 'status 503')
    assert int(response.value('retry-after')) >= 1, response
    wait_until(lambda: get(server).status == 404, 4, 'status 404')
    assert get(server, host=f'never.{DOMAIN}').status == 404


@claim
def a_name_whose_session_ended_is_free_for_others_at_once(box):
    server, client = box.pair(Scripted(box).port)
    client.kill()
    wait_until(lambda: get(server).status == 503, 2, 'the session is gone')
    with login(server, 'app', token=OTHER_TOKEN, client_id='bob'):
        pass


@claim
def tunnels_come_and_go_while_a_session_lives(box):
    server = box.server()
    with Peer(server.control) as peer:
        answer_ = peer.login(['app'], client_id='x', capabilities=['control'])
        assert answer_['success'] and answer_['capabilities'] == ['control'], answer_
        peer.data(1, envelope('add_tunnel', {'tunnel': {'subdomain': 'more', 'local_port': 81}}))
        message = peer.message()
        assert message['type'] == 'tunnel_update' and message['payload']['success'], message
        assert message['payload']['tunnel']['url'].startswith('http://more.')
        assert refusal(server, 'more', token=OTHER_TOKEN) == 'SUBDOMAIN_TAKEN'
        peer.data(1, envelope('remove_tunnel', {'subdomain': 'more'}))
        message = peer.message()
        assert message['payload']['success'], message
        with login(server, 'more', token=OTHER_TOKEN, client_id='bob'):
            pass


if __name__ == '__main__':
    run(parallel=4)
