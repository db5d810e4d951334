# SPDX-License-Identifier: ISC
"""The metrics port: what Prometheus reads, and whether the server is well."""

import http.client
import json
import os
import re
import subprocess
import time

from harness import DOMAIN, ROOT, SLOW, claim, free_port, need, run, wait_until, yaml_of
from locals import OK, Scripted
from visitor import get, post


def ask(server, path, method='GET'):
    connection = http.client.HTTPConnection(server.metrics, timeout=5 * SLOW)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers, body


def metered(box, settings=None, local=None):
    """A server with a metrics port and its tunnel."""
    local = local or Scripted(box)
    server, client = box.pair(local.port, {'metrics': {'addr': '127.0.0.1:0', **(settings or {})}})
    server.metrics = server.wait_line(r'kind=metrics addr=(\S+)').group(1)
    return server, client


def samples(server):
    status, headers, text = ask(server, '/metrics')
    assert status == 200 and headers['Content-Type'].startswith('text/plain; version=0.0.4'), headers
    return {key: float(value) for key, value in re.findall(r'^(\w+(?:\{[^}]*\})?) (\S+)$', text, re.M)}


@claim
def requests_bytes_and_durations_are_counted(box):
    server, _ = metered(box)
    for _ in range(5):
        assert get(server).status == 200
    post(server, '/', b'x' * 1000)
    assert get(server, host='none.' + DOMAIN).status == 404
    found = samples(server)
    assert found['tunneld_requests_total{code="2xx"}'] == 6 and found['tunneld_requests_total{code="4xx"}'] == 1
    assert found['tunneld_rejects_total{reason="unknown_tunnel"}'] == 1
    assert found['tunneld_bytes_total{direction="in"}'] == 1000 and found['tunneld_bytes_total{direction="out"}'] >= 6 * len(OK) / 2
    assert found['tunneld_request_duration_seconds_count'] == 7
    assert found['tunneld_sessions'] == 1 and found['tunneld_links'] == 1 and found['tunneld_tunnels'] == 1
    assert 0 < found['tunneld_descriptors'] < found['tunneld_descriptors_max']
    assert 28 * 86400 < found['tunneld_certificate_expiry_seconds'] <= 30 * 86400
    assert all(found[f'tunneld_loop_delay_seconds{{worker="{i}"}}'] < 1 for i in (0, 1))
    assert not any('tunnel="' in key for key in found)


@claim
def each_tunnel_has_its_series_if_that_is_wished(box):
    server, _ = metered(box, {'per_subdomain': True})
    get(server)
    found = samples(server)
    assert found['tunneld_tunnel_requests_total{tunnel="app"}'] == 1
    assert found['tunneld_tunnel_bytes_total{tunnel="app",direction="out"}'] > 0


@claim
def health_and_readiness_are_told(box):
    def slow(channel, received):
        time.sleep(1)
        channel.send(OK)
    local = Scripted(box, slow)
    server, _ = metered(box, local=local)
    status, _, text = ask(server, '/health')
    assert status == 200 and json.loads(text) == {'status': 'ok', 'sessions': 1, 'tunnels': 1}
    assert ask(server, '/ready')[0] == 200 and ask(server, '/ready', 'HEAD')[2] == ''
    asking = subprocess.Popen(['/usr/bin/python3', '-c',
                               f'import socket;s=socket.create_connection(("127.0.0.1",{server.port}));'
                               f's.sendall(b"GET / HTTP/1.1\\r\\nHost: app.{DOMAIN}\\r\\n\\r\\n");s.recv(9)'])
    local.wait_requests(1)
    server.signal(15)
    wait_until(lambda: ask(server, '/ready')[0] == 503, 1, 'not ready any more')
    assert json.loads(ask(server, '/health')[2])['status'] == 'draining'
    asking.wait()


@claim
def the_port_gives_nothing_but_what_it_is_for(box):
    server, _ = metered(box)
    for path, method, status in (('/v1/status', 'GET', 404), ('/v1/drain', 'POST', 404), ('/', 'GET', 404), ('/metrics', 'POST', 405)):
        assert ask(server, path, method)[0] == status, path
    assert get(server).status == 200


@claim
def there_is_no_port_unless_it_is_asked_for(box):
    local = Scripted(box)
    server, _ = box.pair(local.port)
    assert 'kind=metrics' not in server.err()
    server.settings['metrics'] = {'addr': f'127.0.0.1:{free_port()}'}
    box.write('tunneld.yaml', yaml_of(server.settings) + '\n')
    os.kill(server.pid, 1)
    server.metrics = server.wait_line(r'kind=metrics addr=(\S+)').group(1)
    assert ask(server, '/ready')[0] == 200
    del server.settings['metrics']
    box.write('tunneld.yaml', yaml_of(server.settings) + '\n')
    os.kill(server.pid, 1)

    def closed():
        try:
            ask(server, '/ready')
            return False
        except OSError:
            return True
    wait_until(closed, 3, 'the port is closed')


@claim
def promtool_finds_no_fault(box):
    promtool = need('promtool')
    server, _ = metered(box, {'per_subdomain': True})
    get(server)
    text = ask(server, '/metrics')[2]
    done = subprocess.run([promtool, 'check', 'metrics'], input=text.encode(), capture_output=True, timeout=30 * SLOW)
    assert done.returncode == 0 and not done.stderr, done.stderr


@claim
def the_dashboard_asks_for_metrics_that_there_are(box):
    server, _ = metered(box, {'per_subdomain': True})
    get(server)
    families = set(re.findall(r'^# TYPE (\w+)', ask(server, '/metrics')[2], re.M))
    with open(os.path.join(ROOT, 'etc', 'grafana-tunneld.json')) as file:
        dashboard = json.load(file)
    asked = set()
    for panel in dashboard['panels']:
        for target in panel.get('targets', ()):
            asked |= set(re.findall(r'\btunneld_\w+', target['expr']))
    assert len(asked) > 10
    missing = {name for name in asked if re.sub('_(bucket|sum|count)$', '', name) not in families and name not in families}
    assert not missing, missing


if __name__ == '__main__':
    run(parallel=3)
