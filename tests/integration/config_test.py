# SPDX-License-Identifier: ISC
"""Configuration: errors that name the place, -t, -T, flags over environment over file, the seeds' forms."""

import os
import re
import signal

from harness import DOMAIN, Process, claim, program, run, wait_until
from locals import Scripted
from visitor import get

GOOD = ['control_addr: "127.0.0.1:0"', 'http_addr: "127.0.0.1:0"', f'domain: "{DOMAIN}"', 'auth:', '  mode: none']


def check(box, lines, *flags):
    config = box.write('checked.yaml', '\n'.join(lines) + '\n')
    code, out, err = box.run([program('tunneld'), '-t', '-c', config, *flags], seconds=5)
    return code, out + err


@claim
def a_good_file_passes_the_check(box):
    code, said = check(box, GOOD)
    assert code == 0, said


@claim
def every_bad_value_is_named_with_its_place(box):
    cases = [(['contol_addr: ":1"'], 6, r'contol_addr.*control_addr'), (['workers: many'], 6, 'workers'),
             (['workers: 1', 'workers: 2'], 7, 'workers'), (['timeouts:', '  idle_timeout: 5 parsecs'], 7, 'idle_timeout'),
             (['timeouts:', '  idel_timeout: 5s'], 7, 'idel_timeout.*idle_timeout'), (['log:', '  level: loud'], 7, 'level'),
             (['limits:', '  max_request_body_size: -1'], 7, 'max_request_body_size'), (['limits: 7'], 6, 'limits'),
             (['trusted_proxies: [300.1.2.3]'], 6, 'trusted_proxies'), (['control_tls: perhaps'], 6, 'control_tls'),
             (['timeouts:', '\tidle_timeout: 5s'], 7, ''), (['log: {level: info'], 0, '')]
    for lines, line, words in cases:
        code, said = check(box, GOOD + lines)
        assert code == 78, (lines, code, said)
        place = re.search(r'checked\.yaml:(\d+):(\d+)', said)
        assert place, (lines, said)
        assert not line or int(place.group(1)) == line, (lines, line, said)
        assert re.search(words, said, re.S), (lines, said)


@claim
def a_broken_file_costs_nothing(box):
    for text in ('[' * 50000, '{a: ' * 20000, '&a [' + '*a,' * 1000 + ']', 'x: ' + 'y' * 3000000, '\0\0\0', '- a\n- b\n', ''):
        config = box.write('broken.yaml', text)
        code, _, err = box.run([program('tunneld'), '-t', '-c', config], seconds=3)
        assert code == 78, (text[:20], code, err)
    os.mkfifo(box.path('fifo'))
    code, _, err = box.run([program('tunneld'), '-t', '-c', box.path('fifo')], seconds=3)
    assert code in (66, 78), (code, err)


@claim
def a_missing_file_is_named(box):
    code, _, err = box.run([program('tunneld'), '-t', '-c', '/nowhere/tunneld.yaml'], seconds=3)
    assert code == 66 and '/nowhere/tunneld.yaml' in err, (code, err)


@claim
def unknown_flags_are_a_usage_error(box):
    for name in ('tunneld', 'tunnel'):
        code, _, err = box.run([program(name), '--frobnicate'], seconds=3)
        assert code == 64 and 'frobnicate' in err, (name, code, err)


@claim
def what_is_dumped_reads_back_the_same(box):
    config = box.write('one.yaml', '\n'.join(GOOD + ['workers: 3', 'timeouts: {idle_timeout: 1h30m, dial_timeout: 500ms}',
                                                     'limits: {max_request_body_size: 50MiB}']) + '\n')
    code, dump, err = box.run([program('tunneld'), '-T', '-c', config], seconds=3)
    assert code == 0 and 'idle_timeout' in dump, (code, err)
    again = box.write('two.yaml', dump)
    code, second, err = box.run([program('tunneld'), '-T', '-c', again], seconds=3)
    assert code == 0 and second == dump, (code, err, second)


@claim
def the_default_configuration_is_a_good_one(box):
    code, text, err = box.run([program('tunneld'), '--print-default-config'], seconds=3)
    assert code == 0, err
    assert 'timeouts:' in text and 'limits:' in text


@claim
def flags_win_over_the_environment_which_wins_over_the_file(box):
    config = box.write('tunneld.yaml', '\n'.join(GOOD + ['log: {level: error}']) + '\n')

    def level(flags=(), env=None):
        code, dump, err = box.run([program('tunneld'), '-T', '-c', config, *flags], seconds=3,
                                  env={**box.environment(), **(env or {})})
        assert code == 0, err
        return re.search(r'level:\s*"?(\w+)', dump).group(1)
    assert level() == 'error'
    assert level(['--log-level', 'debug']) == 'debug'
    assert level(['--set', 'log.level=warn']) == 'warn'
    help_text = box.run([program('tunneld'), '--help'], seconds=3)[1]
    variable = re.search(r'\$?(TUNNELD_LOG_LEVEL)', help_text)
    if variable:
        assert level(env={'TUNNELD_LOG_LEVEL': 'info'}) == 'info'
        assert level(['--log-level', 'debug'], env={'TUNNELD_LOG_LEVEL': 'info'}) == 'debug'


@claim
def the_clients_name_comes_from_flag_environment_or_file_in_that_order(box):
    local, server = Scripted(box), box.server()
    config = box.write('tunnel.yaml', f'server_addr: "{server.control}"\ntoken_file: "{box.token_file}"\n'
                                      f'tls: {{pin: "{box.pin}"}}\n')
    for env, flags, name in (({'TUNNEL_SUBDOMAIN': 'fromenv'}, [], 'fromenv'),
                             ({'TUNNEL_SUBDOMAIN': 'fromenv'}, ['--subdomain', 'fromflag'], 'fromflag')):
        client = box.start('tunnel', [program('tunnel'), 'http', str(local.port), '-c', config, *flags], env=env)
        wait_until(lambda: client.out() or not client.running(), 5, 'a URL')
        assert f'://{name}.{DOMAIN}' in client.out(), (client.out(), client.err())
        assert get(server, host=f'{name}.{DOMAIN}').status == 200
        client.stop()


@claim
def the_url_alone_is_on_stdout(box):
    local, server = Scripted(box), box.server()
    for command in (['http', str(local.port)], [str(local.port)]):
        client = box.start('tunnel', [program('tunnel'), *command, '--server', server.control, '--subdomain', 'app', '--set',
                                      f'tls.pin={box.pin}', '--set', f'token_file={box.token_file}'])
        wait_until(lambda: client.out() or not client.running(), 5, 'a URL')
        assert re.fullmatch(rf'http://app\.{DOMAIN}(:\d+)?/?\n', client.out()), (client.out(), client.err())
        client.stop()


@claim
def the_seeds_flag_forms_work(box):
    tokens = box.write('seed-tokens', 'dev-token\n', 0o600)
    local = Scripted(box)
    server = Process(box, 'tunneld', [program('tunneld'), '--domain', 'localhost', '--control-addr', '127.0.0.1:0',
                                      '--http-addr', '127.0.0.1:0', '--set', f'auth.token_file={tokens}', '--set',
                                      f'tls.cert_file={box.cert}', '--set', f'tls.key_file={box.key}'])
    control = server.wait_line(r'kind=control .*addr=(\S+)', 10).group(1)
    port = int(server.wait_line(r'kind=http .*addr=\S+:(\d+)', 10).group(1))
    client = box.start('tunnel', [program('tunnel'), '--server', control, '--token', 'dev-token', '--subdomain', 'myapp',
                                  '--port', str(local.port), '--set', f'tls.pin={box.pin}'])
    wait_until(lambda: client.out() or not client.running(), 5, 'a URL')
    assert 'myapp.localhost' in client.out(), (client.out(), client.err())
    assert get(port, host='myapp.localhost').status == 200


@claim
def a_private_key_that_everybody_may_read_is_refused(box):
    with open(box.key) as file:
        key = box.write('open.key', file.read(), 0o644)
    config = box.write('open.yaml', 'control_addr: 127.0.0.1:0\nhttp_addr: 127.0.0.1:0\n'
                                    f'tls: {{ cert_file: "{box.cert}", key_file: "{key}" }}\n'
                                    f'auth: {{ token_file: "{box.tokens}" }}\n')
    for arguments in (['-t'], []):
        code, _, said = box.run([program('tunneld'), '-c', config, *arguments])
        assert code == 78 and f'too wide for secrets; fix: chmod 640 {key}' in said, (code, said)


@claim
def a_bad_client_file_ends_with_78_and_the_place(box):
    for lines, words in ((['server_addr: "a:1"', 'local_prot: 1'], 'local_prot'),
                         (['server_addr: "a:1"', 'tunnels:', '  - subdomain: "x y"', '    local_port: 1'], 'subdomain'),
                         (['tunnels:', '  - {subdomain: abc, local_prot: 1}'], 'local_prot.*local_port'),
                         (['tunnels:', '  - {subdomain: abc, local_port: 99999}'], 'local_port')):
        config = box.write('tunnel.yaml', '\n'.join(lines) + '\n')
        code, _, err = box.run([program('tunnel'), 'start', '--all', '-c', config], seconds=5)
        assert code == 78 and re.search(r'tunnel\.yaml:\d+:\d+', err) and re.search(words, err), (lines, code, err)


@claim
def a_busy_port_is_named_and_ends_the_server(box):
    server = box.server()
    config = box.write('second.yaml', '\n'.join([f'control_addr: "{server.control}"', *GOOD[1:]]) + '\n')
    code, _, err = box.run([program('tunneld'), '-c', config], seconds=5)
    assert code != 0 and server.control in err, (code, err)


@claim
def help_and_version_go_to_stdout_with_0(box):
    for name in ('tunneld', 'tunnel'):
        for flag in ('--help', '--version'):
            code, out, err = box.run([program(name), flag], seconds=3)
            assert code == 0 and out and not err, (name, flag, code, err)


@claim
def signals_that_mean_nothing_end_nothing(box):
    local = Scripted(box)
    server, client = box.pair(local.port)
    for process in (server, client):
        for number in (signal.SIGPIPE, signal.SIGWINCH, signal.SIGUSR1, signal.SIGCHLD):
            process.popen.send_signal(number)
    assert get(server).status == 200 and server.running() and client.running()


@claim
def an_empty_file_is_told_from_one_of_comments(box):
    for text, code in (('', 78), ('\n\n', 78), ('# every default\n', 0)):
        config = box.write('empty.yaml', text)
        done, _, err = box.run([program('tunneld'), '-T', '-c', config])
        assert done == code and (code == 0 or 'is empty' in err and 'a comment is enough' in err), (text, done, err)


@claim
def few_descriptors_are_complained_about(box):
    server = box.server(prefix=('sh', '-c', 'ulimit -n 2000 && exec "$@"', 'sh'))
    assert 'limit=2000' in server.wait_line('.*few descriptors.*').group(0)
    server = box.server(name='other', prefix=('sh', '-c', 'ulimit -Sn 1000; exec "$@"', 'sh'))
    assert 'few descriptors' not in server.err()


@claim
def closed_standard_descriptors_are_not_given_to_a_socket(box):
    log = box.path('log')
    config = box.write('closed.yaml', '\n'.join(GOOD + ['log:', f'  output: {log}']) + '\n')
    server = box.start('tunneld', ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', program('tunneld'), '-c', config])
    wait_until(lambda: os.path.exists(log) and 'kind=http' in open(log).read(), 5, 'the server is up')
    assert [os.readlink(f'/proc/{server.pid}/fd/{i}') for i in range(3)] == ['/dev/null'] * 3


if __name__ == '__main__':
    run(parallel=3)
