# SPDX-License-Identifier: ISC
"""HTTP through the tunnel, judged by h11 on both sides, against Node.js, nginx and scripts."""

import concurrent.futures
import hashlib
import json
import socket
import threading
import time

from harness import DOMAIN, SLOW, Skip, claim, need, run
from locals import OK, Nginx, Node, Scripted, answer, pattern
from visitor import HOST, Visitor, get, post


def request(line, *fields, host=HOST, body=b''):
    head = '\r\n'.join([f'{line} HTTP/1.1', f'Host: {host}', *fields, '', ''])
    return head.encode('latin-1') + body


def chunked(*chunks, trailers=()):
    data = b''.join(b'%x\r\n%s\r\n' % (len(chunk), chunk) for chunk in chunks)
    return data + b'0\r\n' + b''.join(line.encode() + b'\r\n' for line in trailers) + b'\r\n'


def reflected(response):
    assert response.status == 200, response
    seen = json.loads(response.body)
    fields = seen['fields']
    seen['pairs'] = [(fields[i].lower(), fields[i + 1]) for i in range(0, len(fields), 2)]
    return seen


def values(pairs, name):
    return [value for key, value in pairs if key == name]


@claim
def a_page_of_nginx_is_served(box):
    nginx = Nginx(box)
    nginx.file('page.html', b'<h1>it works</h1>')
    server, _ = box.pair(nginx.port)
    response = get(server, '/page.html')
    assert response.status == 200 and response.body == b'<h1>it works</h1>', response
    assert response.value('content-type') == 'text/html' or response.value('content-type')
    assert get(server, '/none').status == 404


@claim
def curl_sees_the_page_too(box):
    nginx = Nginx(box)
    nginx.file('page', b'curled')
    server, _ = box.pair(nginx.port)
    code, out, err = box.run([need('curl'), '-sSf', '-H', f'Host: {HOST}', f'http://{server.http}/page'])
    assert (code, out) == (0, 'curled'), (code, out, err)


@claim
def head_has_the_length_and_no_body(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(request('HEAD /chunked'))
        response = visitor.response('HEAD')
        assert response.status == 200 and response.body == b'' and response.complete, response
        visitor.send(request('GET /'))
        assert visitor.response().body == b'hello from node: GET\n'
    nginx = Nginx(box)
    nginx.file('page', b'x' * 1234)
    box.client(server, {'pages': nginx.port}, name='second')
    response = get(server, '/page', method='HEAD', host=f'pages.{DOMAIN}')
    assert response.value('content-length') == '1234' and response.complete, response


@claim
def no_content_and_not_modified_have_no_body(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        for code in (204, 304, 200):
            visitor.send(request(f'GET /status?code={code}'))
            response = visitor.response()
            assert response.status == code and response.body == b'' and response.complete, response
            if code == 204:
                assert not response.values('content-length') and not response.values('transfer-encoding')


@claim
def early_hints_and_processing_arrive_before_the_answer(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    response = get(server, '/hints')
    assert [status for status, _ in response.informational] == [103], response.informational
    assert ('link', '</style.css>; rel=preload') in response.informational[0][1]
    assert response.body == b'hinted'
    response = get(server, '/processing')
    assert [status for status, _ in response.informational] == [102] and response.body == b'processed'


@claim
def an_old_visitor_gets_no_informational_response(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET /hints HTTP/1.0\r\nHost: {HOST}\r\n\r\n'.encode())
        data, end = visitor.read_to_end()
        assert data.startswith(b'HTTP/1.1 200') and data.endswith(b'hinted') and end == 'fin', data


@claim
def expect_continue_is_answered_by_the_local_service(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(request('POST /reflect', 'Content-Length: 5', 'Expect: 100-continue'))
        assert b' 100 ' in visitor.read_head()
        visitor.send(b'hello')
        assert reflected(visitor.response('POST'))['size'] == 5
        visitor.send(request('GET /'))
        assert visitor.response().status == 200


@claim
def a_refused_expectation_gives_no_continue(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(request('POST /reflect', 'Content-Length: 5', 'Expect: 100-continue', 'X-Refuse: 1'))
        response = visitor.response('POST')
        assert response.status == 417 and not response.informational and response.body == b'refused', response


@claim
def chunks_go_both_ways(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    chunks = [b'one', b'two' * 1000, b'x' * 100000]
    with Visitor(server) as visitor:
        visitor.send(request('POST /echo', 'Transfer-Encoding: chunked') + chunked(*chunks))
        response = visitor.response('POST')
        assert response.body == b''.join(chunks) and response.complete, response
        assert response.value('transfer-encoding') == 'chunked'
        assert response.trailers == [('x-size', str(len(b''.join(chunks))))], response.trailers


@claim
def trailers_reach_the_local_service_without_the_forbidden_ones(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(request('POST /reflect', 'Transfer-Encoding: chunked', 'Trailer: X-Sum') + chunked(
            b'body', trailers=('X-Sum: 42', 'Content-Length: 9', 'X-Forwarded-For: 6.6.6.6', 'Host: evil')))
        trailers = [item.lower() for item in reflected(visitor.response('POST'))['trailers']]
        assert trailers[:2] == ['x-sum', '42'], trailers
        assert not {'content-length', 'x-forwarded-for', 'host'} & set(trailers), trailers


@claim
def chunk_extensions_end_at_the_server(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(request('POST /', 'Transfer-Encoding: chunked') + b'4;secret=1;q="a;b"\r\nbody\r\n0;last\r\n\r\n')
        assert visitor.response('POST').status == 200
    assert local.requests[0].body == b'body' and not local.errors, local.errors
    assert b'secret' not in local.requests[0].raw and b'last' not in local.requests[0].raw


@claim
def a_close_delimited_body_arrives_whole(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(request('GET /until-close?n=50&size=10000'))
        response = visitor.response()
        assert response.complete and response.body == b'b' * 500000, (response.error, len(response.body))


@claim
def http_10_visitors_get_no_chunks_and_a_close(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET /chunked?n=3&size=5 HTTP/1.0\r\nHost: {HOST}\r\n\r\n'.encode())
        data, end = visitor.read_to_end()
        head, body = data.split(b'\r\n\r\n', 1)
        assert body == b'aaaaabbbbbccccc' and end == 'fin', data
        assert b'transfer-encoding' not in head.lower(), head


@claim
def trailers_are_announced_only_to_those_who_can_get_them(box):
    local = Scripted(box, answer(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n'
                                 b'4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n'))
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n'.encode())
        data, end = visitor.read_to_end()
        assert data.endswith(b'\r\n\r\nbody') and end == 'fin' and b'x-sum' not in data.lower(), data
    response = get(server)
    assert response.value('trailer') == 'X-Sum' and response.trailers == [('x-sum', '42')], response


@claim
def http_10_keep_alive_is_not_confused(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET / HTTP/1.0\r\nHost: {HOST}\r\nConnection: keep-alive\r\n\r\n'.encode())
        response = visitor.response()
        assert response.status == 200 and response.body == b'hello from node: GET\n' and response.complete


@claim
def an_early_answer_arrives_while_the_upload_goes_on(box):
    told = threading.Event()

    def script(channel, received):
        channel.send(b'HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nstop')
        told.wait(10 * SLOW)
        channel.body(received)
        return False
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(request('POST /', 'Content-Length: 2000000', body=b'x' * 1000))
        response = visitor.response('POST')
        assert response.status == 413 and response.body == b'stop', response
        told.set()
        try:
            visitor.send(b'x' * 1999000)
        except OSError:
            pass  # closing the rest of the upload is fine, too
    assert get(server).status == 413  # and the tunnel goes on


@claim
def an_early_answer_with_a_close_is_not_lost(box):
    local = Scripted(box, lambda channel, _: channel.send(
        b'HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno!') or False)
    server, _ = box.pair(local.port)
    for _ in range(10):
        with Visitor(server) as visitor:
            try:
                visitor.send(request('POST /', 'Content-Length: 300000', body=b'x' * 300000))
            except OSError:
                pass
            response = visitor.response('POST')
            assert response.status == 401 and response.body == b'no!', response


@claim
def kept_alive_connections_serve_many_requests(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        for number in range(50):
            visitor.send(request(f'POST /echo?{number}', 'Content-Length: 6', body=b'%06d' % number))
            response = visitor.response('POST')
            assert response.body == b'%06d' % number and response.complete, response


@claim
def local_connections_are_used_again(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        for _ in range(20):
            visitor.send(request('GET /'))
            assert visitor.response().status == 200
    assert local.connections <= 2, local.connections
    assert len(local.requests) == 20


@claim
def pipelined_requests_are_answered_in_order(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    with Visitor(server) as visitor:
        visitor.send(b''.join([request('GET /slow?ms=50'), request('POST /echo', 'Content-Length: 3', body=b'two'),
                               request('GET /chunked?n=2&size=3'), request('HEAD /'), request('GET /')]))
        bodies = [visitor.response(method).body for method in ('GET', 'POST', 'GET', 'HEAD', 'GET')]
        assert bodies == [b'slow', b'two', b'aaabbb', b'', b'hello from node: GET\n'], bodies


@claim
def the_next_request_may_name_another_tunnel(box):
    one = Scripted(box, answer(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none'))
    two = Scripted(box, answer(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo'))
    server = box.server({'workers': 4})
    box.client(server, {'app': one.port})
    box.client(server, {'bob': two.port}, name='second')
    with Visitor(server) as visitor:
        for _ in range(5):
            visitor.send(request('GET /'))
            assert visitor.response().body == b'one'
            visitor.send(request('GET /', host=f'bob.{DOMAIN}'))
            assert visitor.response().body == b'two'
        visitor.send(request('GET /1') + request('GET /2', host=f'bob.{DOMAIN}') + request('GET /3'))
        assert [visitor.response().body for _ in range(3)] == [b'one', b'two', b'one']
        visitor.send(request('GET /', host=f'none.{DOMAIN}'))
        assert visitor.response().status == 404
    assert [received.target for received in two.requests if received.target != '/'] == ['/2']


@claim
def the_host_may_have_a_port_capitals_and_a_dot(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    for host in ('APP.Tun.Test', f'{HOST}:8080', f'{HOST}.', f'{HOST}.:80'):
        assert get(server, host=host).status == 200, host
    for host in ('tun.test', 'app.other.test', 'app.tun.test.evil', 'xapp.tun.test', 'apptun.test', '127.0.0.1'):
        assert get(server, host=host).status == 404, host
    assert len(local.requests) == 4
    assert local.requests[0].value('host') == 'APP.Tun.Test'


@claim
def the_absolute_form_wins_over_the_host_field(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    with Visitor(server) as visitor:
        visitor.send(f'GET http://{HOST}/there?q=1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode())
        assert visitor.response().status == 200
    assert local.requests[0].target == '/there?q=1' and local.requests[0].value('host') == HOST


@claim
def a_big_download_is_exact(box):
    nginx = Nginx(box)
    digest = nginx.file('big', pattern(100 * 1024 * 1024))
    server, _ = box.pair(nginx.port)
    hash_, size = hashlib.sha256(), 0
    with Visitor(server) as visitor:
        visitor.send(request('GET /big', 'Connection: close'))
        head = visitor.read_head()
        assert b'Content-Length: 104857600' in head, head
        while True:
            data = visitor.recv(1 << 20)
            if not data:
                break
            hash_.update(data)
            size += len(data)
    assert (size, hash_.hexdigest()) == (104857600, digest)


@claim
def a_big_upload_is_exact(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    data = pattern(50 * 1024 * 1024, seed=2)
    seen = reflected(post(server, '/reflect', data))
    assert (seen['size'], seen['sha256']) == (len(data), hashlib.sha256(data).hexdigest())


@claim
def a_big_chunked_upload_is_exact(box):
    node = Node(box)
    server, _ = box.pair(node.port)
    data = pattern(10 * 1024 * 1024, seed=3)
    pieces = [data[i:i + 77777] for i in range(0, len(data), 77777)]
    with Visitor(server) as visitor:
        visitor.send(request('PUT /reflect', 'Transfer-Encoding: chunked'))
        visitor.send(chunked(*pieces))
        seen = reflected(visitor.response('PUT'))
    assert (seen['size'], seen['sha256']) == (len(data), hashlib.sha256(data).hexdigest())


@claim
def two_hundred_visitors_at_once_get_their_own_answers(box):
    node = Node(box)
    server, _ = box.pair(node.port)

    def one(number):
        body = pattern(1000 + 37 * number, seed=number)
        with Visitor(server, timeout=60) as visitor:
            for _ in range(3):
                visitor.send(request('POST /echo', f'Content-Length: {len(body)}', body=body))
                response = visitor.response('POST')
                assert response.status == 200 and response.body == body, (number, response)
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        list(pool.map(one, range(200)))


@claim
def heads_cut_at_every_byte_are_the_same_request(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    whole = request('POST /cut?a=1', 'X-One: 1', 'Transfer-Encoding: chunked') + chunked(b'abc', b'defg')

    def cut(at):
        with Visitor(server) as visitor:
            visitor.send(whole[:at])
            time.sleep(0.02)
            visitor.send(whole[at:])
            assert visitor.response('POST').status == 200, at
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(cut, range(1, len(whole))))
    assert len(local.requests) == len(whole) - 1 and not local.errors, local.errors
    assert all(received.body == b'abcdefg' and received.value('x-one') == '1' for received in local.requests)


@claim
def heads_above_the_limits_are_refused(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    cases = [(431, request('GET /', 'X-Big: ' + 'a' * 40000)),
             (431, request('GET /', 'X-Field: ' + 'a' * 16500)),
             (431, request('GET /', *[f'X-{i}: {i}' for i in range(150)])),
             (414, request('GET /' + 'a' * 9000)),
             (400, b'GET / HTTP/1.1\r\nHost : app.tun.test\r\n\r\n'),
             (400, b'GET / HTTP/1.1\r\n\r\n'),
             (400, request('GET /', 'Content-Length: 1', 'Content-Length: 2')),
             (400, request('POST /', 'Content-Length: 3', 'Transfer-Encoding: chunked', body=b'0\r\n\r\n'))]
    for status, raw in cases:
        with Visitor(server) as visitor:
            visitor.send(raw)
            response = visitor.response()
            assert response.status == status, (status, raw[:60], response)
            assert visitor.ended() is not None, ('stays open', raw[:60])
    assert not local.requests
    fits = [request('GET /', 'X-Field: ' + 'a' * 16000), request('GET /' + 'a' * 8000),
            request('GET /', *[f'X-{i}: {i}' for i in range(90)])]
    for raw in fits:
        with Visitor(server) as visitor:
            visitor.send(raw)
            assert visitor.response().status == 200, raw[:60]


@claim
def a_bad_chunk_ends_the_connection_and_reaches_nobody_as_a_request(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    for bad in (b'x\r\nabc\r\n0\r\n\r\n', b'3\r\nabcd\r\n0\r\n\r\n', b'ffffffffffffffffff\r\nabc', b'-1\r\n\r\n'):
        with Visitor(server) as visitor:
            visitor.send(request('POST /', 'Transfer-Encoding: chunked') + bad)
            response = visitor.response('POST')
            assert response.status in (400, None), (bad, response)
            assert visitor.ended() is not None, bad
    assert not any(received.complete for received in local.requests)
    assert get(server).status == 200


@claim
def forwarding_fields_of_strangers_are_replaced(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'trusted_proxies': []})
    get(server, headers='X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n'
                        'X-Forwarded-Port: 6\r\nX-Request-Id: mine\r\n')
    seen = local.requests[0]
    assert seen.values('x-forwarded-for') == ['127.0.0.1'], seen.headers
    assert seen.values('x-forwarded-proto') == ['http'], seen.headers
    assert seen.values('x-forwarded-host') == [HOST], seen.headers
    assert '6' not in seen.values('x-forwarded-port')
    assert len(seen.values('x-request-id')) == 1 and seen.value('x-request-id') != 'mine', seen.headers


@claim
def forwarding_fields_of_trusted_proxies_are_kept(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'trusted_proxies': ['127.0.0.0/8']})
    get(server, headers='X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n')
    seen = local.requests[0]
    assert seen.values('x-forwarded-for') == ['198.51.100.7, 127.0.0.1'], seen.headers
    assert seen.values('x-forwarded-proto') == ['https'], seen.headers
    assert seen.values('x-forwarded-port') == ['443'], seen.headers


@claim
def the_forwarded_port_is_the_one_the_visitor_asked_for(box):
    local = Scripted(box)
    server, _ = box.pair(local.port, server={'trusted_proxies': ['127.0.0.0/8']})
    for headers, port in (('', '80'), ('X-Forwarded-Host: a.example:8443\r\n', '8443'),
                          ('X-Forwarded-Host: [2001:db8::1]\r\nX-Forwarded-Proto: https\r\n', '443'),
                          ('X-Forwarded-Port: 6\r\n', '6')):
        get(server, headers=headers)
        assert local.requests[-1].values('x-forwarded-port') == [port], (headers, local.requests[-1].headers)


@claim
def fields_with_an_underscore_are_dropped(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    get(server, headers='X_Forwarded_For: 6.6.6.6\r\nContent_Length: 7\r\nX-Good: 1\r\n_: 2\r\n')
    names = [name for name, _ in local.requests[0].headers]
    assert 'x-good' in names and not [name for name in names if '_' in name], names


@claim
def hop_by_hop_fields_end_here(box):
    local = Scripted(box, answer(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Mine, keep-alive\r\n'
                                 b'X-Mine: 1\r\nKeep-Alive: timeout=5\r\nX-End: 1\r\n\r\nok'))
    server, _ = box.pair(local.port)
    response = get(server, headers='Connection: X-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n'
                                   'Proxy-Connection: keep-alive\r\nX-Through: 1\r\n')
    names = {name for name, _ in local.requests[0].headers}
    assert 'x-through' in names and not names & {'x-secret', 'keep-alive', 'te', 'proxy-connection'}, names
    names = {name for name, _ in response.headers}
    assert 'x-end' in names and not names & {'x-mine', 'keep-alive'}, names


@claim
def an_upgrade_to_http2_is_not_passed_on(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    response = get(server, headers='Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n')
    assert response.status == 200, response
    names = {name for name, _ in local.requests[0].headers}
    assert not names & {'upgrade', 'http2-settings'}, names


@claim
def odd_answers_of_the_local_service_become_502(box):
    bad = [b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
           b'HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 2\r\n\r\nok', b'SSH-2.0-OpenSSH_9.2\r\n',
           b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
           b'HTTP/1.1 000 Nothing\r\n\r\n', b'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 1\r\n\r\n',
           b'HTTP/1.1 200 OK\r\n' + b'X-Big: ' + b'a' * 70000 + b'\r\n\r\n']
    turn = iter(bad)

    def script(channel, received):
        channel.body(received)
        channel.send(next(turn))
        return False
    local = Scripted(box, script)
    server, _ = box.pair(local.port)
    for case in bad:
        response = get(server)
        assert response.status == 502, (case[:60], response)


@claim
def a_short_body_is_cut_visibly(box):
    cases = {b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n' + b'x' * 50: 'length',
             b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n' + b'x' * 50 + b'\r\n': 'chunked'}
    for data, kind in cases.items():
        def script(channel, received, data=data):
            channel.body(received)
            channel.send(data)
            time.sleep(0.1)
            return False
        local = Scripted(box, script)
        server, client = box.pair(local.port)
        response = get(server)
        assert response.status == 200 and not response.complete and response.body == b'x' * 50, (kind, response)
        client.stop()
        server.stop()


@claim
def a_local_on_ipv6_is_reached(box):
    try:
        listener = socket.create_server(('::1', 0), family=socket.AF_INET6)
    except OSError:
        raise Skip('no IPv6 here') from None

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(65536)
            connection.sendall(OK)
            connection.close()
    threading.Thread(target=serve, daemon=True).start()
    box.on_close(listener.close)
    server = box.server()
    port = listener.getsockname()[1]
    box.client(server, [{'subdomain': 'app', 'local_port': port, 'local_host': '::1'},
                        {'subdomain': 'name', 'local_port': port, 'local_host': 'localhost'}])
    assert get(server).body == b'ok'
    assert get(server, host=f'name.{DOMAIN}').body == b'ok'


@claim
def methods_and_targets_pass_unchanged(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    lines = ['DELETE /a%2Fb//c/../d?x=%20&y[]=1', 'OPTIONS *', 'PROPFIND /dav/', "GET /;p=1/~u/!$&'()*+,=:@", 'PATCH /?']
    for line in lines:
        with Visitor(server) as visitor:
            visitor.send(request(line))
            assert visitor.response().status == 200, line
    assert [f'{received.method} {received.target}' for received in local.requests] == lines


@claim
def fields_arrive_with_their_order_and_bytes(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    get(server, headers='Cookie: a=1\r\nX-A: 1\r\ncookie: b=2\r\nX-A: 2\r\nX-Bytes: caf\xe9\r\nX-Empty:\r\n')
    seen = local.requests[0]
    assert seen.values('cookie') == ['a=1', 'b=2'] and seen.values('x-a') == ['1', '2'], seen.headers
    assert seen.value('x-bytes') == 'caf\xe9' and seen.value('x-empty') == ''


if __name__ == '__main__':
    run(parallel=3)
