# SPDX-License-Identifier: ISC
"""A session on several links: visits are spread, a lost link takes only its own, and comes back by joining."""

import re
import signal
import threading
import time

from harness import SLOW, claim, run, wait_until
from locals import OK, Scripted
from peer import login
from proxy import Proxy
from visitor import HOST, Visitor, get

QUICK = {'reconnect': {'initial_delay': '100ms', 'max_delay': '300ms'}}


def spread(box, local, connections=3, server=None, client=None):
    """tunneld with two workers, and tunnel with that many links through a proxy that can cut them."""
    running = box.server({'workers': 2, **(server or {})})
    proxy = Proxy(box, running.control_port)
    settings = {'server_addr': f'127.0.0.1:{proxy.port}', 'connections': connections, **QUICK, **(client or {})}
    tunnel = box.client(running, {'app': local.port}, settings)
    return running, proxy, tunnel


def links(server, count, seconds=5):
    wait_until(lambda: server.gauges()['links'] == count, seconds, f'{count} links stand')


def slow_local(box, seconds):
    def script(channel, received):
        channel.body(received)
        if received.target == '/slow':
            time.sleep(seconds)
        channel.send(OK)
    return Scripted(box, script)


class Crowd:
    """Visitors who ask again and again, on kept connections, until `stop()`; what went wrong is in `wrong`."""

    def __init__(self, server, count):
        self.server, self.over, self.wrong, self.good = server, threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.visit) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def visit(self):
        visitor = Visitor(self.server)
        while not self.over.is_set():
            try:
                visitor.send(f'GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
                response = visitor.response()
            except (OSError, AssertionError) as error:
                response = error
            if getattr(response, 'status', None) == 200:
                self.good += 1
                continue
            self.wrong.append(response)
            visitor.close()
            visitor = Visitor(self.server)
        visitor.close()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


@claim
def three_links_stand_on_both_workers_and_are_one_session(box):
    local = Scripted(box)
    server, _, client = spread(box, local)
    links(server, 3)
    assert server.gauges()['sessions'] == 1
    workers = [int(worker) for worker in re.findall(r'msg="link joined".* worker=(\d)', server.err())]
    assert len(workers) == 2 and workers[0] != workers[1], workers
    client.wait_line(r'Links +3 of 3')
    assert get(server).status == 200
    client.signal(signal.SIGUSR2)
    client.wait_line(r'msg=gauges .*sessions=1 links=3 ')


@claim
def a_cut_link_loses_no_request_but_its_own_and_comes_back(box):
    local = slow_local(box, 0)
    server, proxy, client = spread(box, local)
    links(server, 3)
    crowd = Crowd(server, 12)
    try:
        for count in range(1, 4):
            time.sleep(0.3 * SLOW)
            wrong = len(crowd.wrong)
            proxy.cut_one()
            server.wait_line('msg="link closed"', count=count)
            links(server, 3)
            time.sleep(0.1)
            # Of twelve visitors about four are on a link; a kept visitor moves on with his next request.
            lost = len(crowd.wrong) - wrong
            assert lost <= 8, f'{lost} requests were lost: {crowd.wrong[-3:]}'
    finally:
        crowd.stop()
    assert crowd.good > 100, crowd.good
    for each in crowd.wrong:
        assert getattr(each, 'status', 502) in (502, 503), each
    assert len(re.findall('msg="link closed"', server.err())) == 3
    assert 'msg="session closed"' not in server.err()
    assert len(client.urls()) == 1, 'no new login'


@claim
def names_stay_while_links_fall_one_by_one_and_requests_go_on(box):
    local = Scripted(box)
    server, proxy, _ = spread(box, local, client={'reconnect': {'initial_delay': '2s', 'max_delay': '2s'}})
    links(server, 3)
    proxy.refuse(True)
    for left in (2, 1):
        proxy.cut_one()
        links(server, left)
        for _ in range(10):
            assert get(server).status == 200
    proxy.cut_one()
    wait_until(lambda: get(server).status == 503, 5, 'the session is over')
    proxy.refuse(False)
    links(server, 3, 15)
    assert get(server).status == 200


@claim
def all_links_lost_at_once_are_a_new_login(box):
    local = Scripted(box)
    server, proxy, client = spread(box, local)
    links(server, 3)
    proxy.cut_all()
    server.wait_line('msg="session open"', count=2)
    links(server, 3)
    assert server.gauges()['sessions'] == 1 and get(server).status == 200
    assert client.urls() == client.urls()[:1]


@claim
def a_client_whose_session_is_gone_logs_in_anew_though_a_link_still_seems_to_stand(box):
    local = Scripted(box)
    server, proxy, client = spread(box, local, connections=2)
    links(server, 2)
    proxy.stall_one()
    server.kill()
    again = server.restarted()
    client.wait_line(r'has lost the session')
    # The dead link is noticed after 20 s only, and joins then.
    wait_until(lambda: get(again).status == 200, 5, 'the tunnel is back')
    assert again.gauges()['sessions'] == 1


@claim
def a_long_visit_goes_on_while_another_link_is_cut(box):
    local = slow_local(box, 1)
    server, proxy, _ = spread(box, local, connections=2)
    links(server, 2)
    visitors = [Visitor(server) for _ in range(4)]
    for visitor in visitors:
        visitor.send(f'GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    local.wait_requests(4)
    proxy.cut_one()
    answers = [visitor.response().status for visitor in visitors]
    assert sorted(answers) == [200, 200, 502, 502], answers


@claim
def a_stopping_client_finishes_what_is_in_flight_on_all_links(box):
    local = slow_local(box, 0.7)
    server, _, client = spread(box, local)
    links(server, 3)
    visitors = [Visitor(server) for _ in range(9)]
    for visitor in visitors:
        visitor.send(f'GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    local.wait_requests(9)
    client.signal(signal.SIGTERM)
    client.wait_line(r'closing: 9 requests in flight')
    assert [visitor.response().status for visitor in visitors] == [200] * 9
    assert client.wait(3) == 0
    assert get(server).status == 503


@claim
def a_stopping_server_drains_all_links_and_a_new_one_is_logged_in_to(box):
    local = slow_local(box, 0.7)
    server, _, client = spread(box, local)
    links(server, 3)
    visitors = [Visitor(server) for _ in range(9)]
    for visitor in visitors:
        visitor.send(f'GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
    local.wait_requests(9)
    server.signal(signal.SIGTERM)
    assert [visitor.response().status for visitor in visitors] == [200] * 9
    assert server.wait(5) == 0
    again = server.restarted()
    wait_until(lambda: get(again).status == 200, 10, 'the tunnel is back')
    links(again, 3)
    assert client.running()


@claim
def another_login_of_the_client_fences_all_links_and_it_gives_up(box):
    local = Scripted(box)
    server, _, client = spread(box, local, client={'client_id': 'laptop'})
    links(server, 3)
    peer = login(server, 'app', client_id='laptop')
    box.on_close(peer.close)
    assert client.wait(5) == 77
    links(server, 1)


@claim
def a_server_that_allows_fewer_links_is_lived_with(box):
    local = Scripted(box)
    server, _, client = spread(box, local, server={'limits': {'max_links_per_session': 2}})
    links(server, 2)
    client.wait_line(r'[12] of 3 links, the next try in .*no more connections')
    assert get(server).status == 200


@claim
def a_server_that_knows_no_carriers_gets_one_link(box):
    local = Scripted(box)
    server, _, client = spread(box, local, server={'limits': {'max_links_per_session': 1}})
    client.wait_line(r'1 of 3 links, and it stays so')
    assert get(server).status == 200 and server.gauges()['links'] == 1


@claim
def links_do_not_count_as_sessions_of_the_user(box):
    local = Scripted(box)
    server, _, _ = spread(box, local, server={'limits': {'max_connections_per_user': 2}})
    links(server, 3)
    other = box.client(server, {'other': local.port}, {'connections': 2}, name='second')
    links(server, 5)
    assert server.gauges()['sessions'] == 2 and other.running()


if __name__ == '__main__':
    run(parallel=3)
