# SPDX-License-Identifier: ISC
"""What the client shows: a block and request lines in a pseudo-terminal, lines, URLs and JSON elsewhere."""

import json
import os
import re
import signal
import subprocess
import threading

from harness import SLOW, Skip, claim, program, run, wait_until
from locals import OK, Scripted
from screen import Screen, tunnel_on_screen
from visitor import Visitor, get

BLOCK = ('Status     online', 'Forwarding http', 'Requests ')


def pair(box, *flags, script=None, **options):
    """(server, local, the client in a terminal, online)"""
    server, local = box.server(), Scripted(box, script)
    terminal = tunnel_on_screen(box, server, local.port, *flags, **options)
    terminal.wait_text(*BLOCK[:2])
    return server, local, terminal


def holding():
    """A local that answers when it is let go: (script, event)."""
    go = threading.Event()

    def script(channel, _):
        go.wait(20 * SLOW)
        channel.send(OK)
    return script, go


def visit_in_background(server, path='/slow'):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get(server, path).status))
    thread.start()
    return thread, answers


def block_count(terminal):
    return terminal.text().count('Status  ')


@claim
def a_block_stands_below_a_line_for_each_request(box):
    server, _, terminal = pair(box)
    for number in range(40):
        assert get(server, f'/page/{number}').status == 200
        if number % 13 == 12:
            terminal.wait_text(f'Requests   {number + 1} total')
    text = terminal.wait_text('Requests   40 total   0 open', '/page/39', *BLOCK)
    lines = terminal.all().splitlines()
    seen = [int(found.group(1)) for line in lines if (found := re.search(r'GET +200 .* /page/(\d+)$', line))]
    shown = re.search(r'and (\d+) requests? more', terminal.all())
    assert seen == sorted(set(seen)) and (len(seen) == 40 or shown), terminal.all()  # each once, none torn
    assert text.rstrip().splitlines()[-1].startswith('  Requests'), text
    assert terminal.all().count('Status  ') == 1, terminal.all()  # none was left in the scrollback


@claim
def it_follows_the_size_of_the_terminal(box):
    server, _, terminal = pair(box, columns=100)
    for columns, rows in ((50, 12), (30, 8), (120, 30), (80, 4), (100, 24)):
        terminal.resize(columns, rows)
        drawn = len(terminal.raw)
        get(server, f'/at/{columns}')
        terminal.wait_text(f'/at/{columns}', 'Status     online')
        wait_until(lambda: len(terminal.raw) > drawn, 5, 'a frame')
        assert all(len(row) < columns for row in terminal.rows() if 'at/' in row or row.startswith(BLOCK))
        assert block_count(terminal) == 1, terminal.text()
    terminal.resize(15, 24)
    wait_until(lambda: block_count(terminal) == 0, 10, 'no block where there is no room')
    terminal.resize(100, 24)
    terminal.wait_text(*BLOCK)


@claim
def one_that_cannot_begin_says_why(box):
    screen = Screen(box, [program('tunnel'), '3000', '-s', 'localhost', '--ca-file', '/nonexistent', '--token', 'x'])
    assert screen.wait_end() in (66, 78)
    assert 'tunnel: E_' in screen.text() and '/nonexistent' in screen.text() and 'Status' not in screen.text()


@claim
def it_follows_a_reload(box):
    server, local = box.server(), Scripted(box)
    client = box.client(server, {'one': local.port, 'two': local.port})
    client.stop()
    screen = Screen(box, [program('tunnel'), 'start', '-c', client.config])
    screen.wait_text('http://one.tun.test', 'http://two.tun.test')
    with open(client.config) as file:
        text = file.read()
    box.write('tunnel.yaml', text.replace('"one"', '"three"'))
    screen.popen.send_signal(signal.SIGHUP)
    screen.wait_text('Forwarding http://three.tun.test', 'Forwarding http://two.tun.test')
    wait_until(lambda: 'one.tun.test' not in screen.text(), 10, 'what is not any more is not shown')


@claim
def what_was_on_the_terminal_before_stays(box):
    server, local = box.server(), Scripted(box)
    config = tunnel_on_screen(box, server, local.port)
    config.wait_text(*BLOCK)
    config.stop()
    line = ' '.join(config.argv)
    terminal = Screen(box, ['/bin/sh', '-c', f'trap : INT; seq 1 30; echo before; {line}; echo after $?'], rows=12)
    terminal.wait_text('before', *BLOCK)
    for number in range(15):
        get(server, f'/n/{number}')
    terminal.wait_text('Requests   15 total', '/n/14')
    terminal.type('\x03')
    terminal.wait_text('after 0')
    lines = [line.strip() for line in terminal.all().splitlines()]
    numbers = [line for line in lines if line.isdigit()]
    assert numbers == [str(n) for n in range(1, 31)] and 'before' in lines, terminal.all()
    assert not [line for line in lines if line.startswith(('Status', 'Forwarding'))], terminal.all()
    assert re.search(r'15 requests in 00:00:\d\d, .* in, .* out', terminal.all()), terminal.all()
    assert '\x1b[?1049h' not in terminal.err() and '\x1b[2J' not in terminal.err()


@claim
def nothing_of_a_visitor_steers_the_terminal(box):
    server, _, terminal = pair(box)
    for path in (b'/%1b[2J', b'/a\xc2\x9b2Jb', b'/\xe2\x80\xaegnp'):
        with Visitor(server) as visitor:
            visitor.send(b'GET ' + path + b' HTTP/1.1\r\nHost: app.tun.test\r\nConnection: close\r\n\r\n')
            visitor.response()
    terminal.wait_text(r'/%1b[2J')
    raw = terminal.raw
    assert b'\xc2\x9b' not in raw and b'\xe2\x80\xae' not in raw
    assert not re.search(rb'[\x00-\x06\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]', raw.replace(b'\x03', b''))


@claim
def without_a_session_it_says_which_try_comes_when_and_since_when(box):
    server, _, terminal = pair(box)
    server.kill()
    text = terminal.wait_text('reconnecting', 'attempt', 'offline since', 'Reason', 'refused')
    assert re.search(r'reconnecting (now|in \d+ s)   attempt \d+   offline since \d\d:\d\d:\d\d \(00:00:\d\d\)', text)
    server.restarted()
    text = terminal.wait_text('online again after 00:00', 'Status     online', seconds=20)
    assert 'Reason' not in text


@claim
def the_first_interrupt_waits_and_says_for_what_the_second_does_not(box):
    script, go = holding()
    server, local, terminal = pair(box, script=script)
    thread, answers = visit_in_background(server)
    local.wait_requests(1)
    terminal.wait_text('1 open')
    terminal.type('\x03')
    terminal.wait_text('closing', 'waits for 1 request, at most', 'Ctrl-C again drops')
    go.set()
    assert terminal.wait_end() == 0
    thread.join()
    assert answers == [200] and '1 request in' in terminal.text()

    script, _ = holding()
    server, local, terminal = pair(box, script=script)
    thread, _ = visit_in_background(server)
    local.wait_requests(1)
    terminal.type('\x03')
    terminal.wait_text('waits for 1 request')
    terminal.type('\x03')
    assert terminal.wait_end() == 130
    thread.join()


@claim
def a_terminal_that_stands_still_holds_nobody_up(box):
    server, _, terminal = pair(box)
    terminal.type('\x13')  # Ctrl-S
    wait_until(lambda: get(server, '/while').status == 200, 5, 'the way is open')
    quiet = len(terminal.raw)
    for number in range(600):
        assert get(server, f'/{number:0200}').status == 200
    assert len(terminal.raw) - quiet < 100_000
    terminal.type('\x11')  # Ctrl-Q
    terminal.wait_text('Requests   60', '0 open')
    assert re.search(r'and \d+ requests more', terminal.all()), terminal.all()


@claim
def a_stopped_client_leaves_the_terminal_to_the_shell(box):
    server, local = box.server(), Scripted(box)
    first = tunnel_on_screen(box, server, local.port)
    first.wait_text(*BLOCK)
    first.stop()
    shell = Screen(box, ['bash', '--norc', '--noprofile', '-i'], env={'PS1': '$ ', 'HISTFILE': ''})
    shell.wait_text('$')
    shell.type(' '.join(first.argv) + '\n')
    shell.wait_text(*BLOCK)
    shell.type('\x1a')  # Ctrl-Z
    shell.wait_text('Stopped')
    wait_until(lambda: block_count(shell) == 0, 5, 'the block is gone')
    shell.type('fg\n')
    shell.wait_text(*BLOCK)
    assert get(server).status == 200
    shell.type('\x1a')
    wait_until(lambda: block_count(shell) == 0, 5, 'the block is gone')
    shell.type('bg\n')
    wait_until(lambda: get(server, '/behind', timeout=5).status == 200, 10, 'it runs on')
    shell.wait_text('/behind')
    assert block_count(shell) == 0, shell.text()
    shell.type('kill %1; wait\n')
    shell.wait_text('requests in 00:')


@claim
def colours_are_wanted_or_not(box):
    green = '\x1b[32m'
    for flags, env, wanted in (((), {}, True), ((), {'NO_COLOR': '1'}, False), (('--color', 'never'), {}, False),
                               (('--color', 'always'), {'NO_COLOR': '1'}, True)):
        server, local, terminal = pair(box, *flags, env=env)
        assert (green in terminal.err()) == wanted, (flags, env)
        terminal.stop()


@claim
def a_dumb_terminal_and_a_plain_one_get_lines(box):
    for flags, env in (((), {'TERM': 'dumb'}), (('--ui', 'plain', '--color', 'never'), {})):
        server, local = box.server(), Scripted(box)
        terminal = tunnel_on_screen(box, server, local.port, *flags, env=env)
        terminal.wait_text('Online ', 'Forwarding http://app.tun.test')
        get(server, '/plain')
        text = terminal.wait_text('/plain')
        assert 'Status' not in text and '\x1b' not in terminal.err()
        terminal.type('\x03')
        assert terminal.wait_end() == 0


@claim
def a_warning_of_the_log_stands_above_the_block(box):
    server, local = box.server(), Scripted(box)
    terminal = tunnel_on_screen(box, server, local.port, '-v')
    terminal.wait_text(*BLOCK)
    get(server, '/one')
    terminal.wait_text('/one', 'Requests   1 total')
    wait_until(lambda: 'session state' in terminal.all(), 5, 'the log is on the terminal')
    assert terminal.all().count('Status  ') == 1, terminal.all()


@claim
def one_that_was_replaced_or_kicked_is_told_so(box):
    path = box.path('control.sock')
    server, local = box.server({'admin': {'socket': path}}), Scripted(box)
    terminal = tunnel_on_screen(box, server, local.port, '--set', 'client_id=one')
    terminal.wait_text(*BLOCK)
    code, _, err = box.run([program('tunnelctl'), 'kick', 'sess_', '--reason', 'rotate your token', '--socket', path])
    assert code == 0, err
    terminal.wait_text('the operator has ended the session: rotate your token')
    terminal.wait_text('online again')
    second = tunnel_on_screen(box, server, local.port, '--set', 'client_id=one')
    second.wait_text(*BLOCK)
    assert terminal.wait_end() == 77
    assert 'E_REPLACED' in terminal.text() and '  fix: ' in terminal.text(), terminal.text()
    assert 'Status' not in terminal.text()


def picture(screen):
    """The screen as (grey pixels, width, height): what a camera sees, two pixels for half a letter."""
    shades = {'black': 0, 'white': 255}
    with screen.lock:
        columns, rows = screen.emulation.columns, screen.emulation.lines
        pixels = bytearray()
        for y in range(rows):
            halves = bytearray(), bytearray()
            for x in range(columns):
                cell = screen.emulation.buffer[y][x]
                ink, ground = shades.get(cell.fg, 255), shades.get(cell.bg, 0)
                halves[0].extend([ink if cell.data in '\u2580\u2588#' else ground] * 4)
                halves[1].extend([ink if cell.data in '\u2584\u2588#' else ground] * 4)
            for half in halves:
                pixels += half * 4
        return bytes(pixels), columns * 4, rows * 8


@claim
def a_camera_reads_the_url(box):
    if 'built without' in box.run([program('tunnel'), '3000', '-s', 'tcp://127.0.0.1:1', '--no-retry', '--qr'])[2]:
        raise Skip('built without libqrencode')
    try:
        from pyzbar import pyzbar
    except ImportError:
        raise Skip('no python3-pyzbar here') from None
    for flags, locale in ((('--color', 'always'), 'C.UTF-8'), (('--color', 'never'), 'C.UTF-8'), (('--color', 'always'), 'C'),
                          (('--color', 'never'), 'C'), (('--color', 'never', '--ui', 'plain'), 'C.UTF-8')):
        server, local = box.server(), Scripted(box)
        screen = tunnel_on_screen(box, server, local.port, '--qr', *flags, columns=100, rows=60, env={'LC_ALL': locale})
        screen.wait_text('Forwarding')
        url = f'http://app.tun.test:{server.port}'
        wait_until(lambda: [url.encode()] == [found.data for found in pyzbar.decode(picture(screen))], 10,
                   f'{url} is read, {flags} {locale}')
        screen.stop()
    narrow = tunnel_on_screen(box, server, local.port, '--qr', columns=28)
    narrow.wait_text('too narrow for')


def json_lines(process):
    return [json.loads(line) for line in process.out().splitlines()]


def wait_json(process, **fields):
    """The first line with these fields."""
    def found():
        return next((line for line in json_lines(process)
                     if all(line.get(key) == value for key, value in fields.items())), None)
    return wait_until(found, 10, f'a line with {fields}')


@claim
def json_tells_every_event_as_a_line(box):
    script, go = holding()
    server, local = box.server(), Scripted(box, script)
    go.set()
    client = box.client(server, {'app': local.port}, wait=False)
    client.stop()
    argv = [*client.argv, '--json', '-q', '--set', 'client_id=one']
    client = box.start('tunnel', argv)
    assert wait_json(client, type='session', state='online')['session_id'].startswith('sess_')
    tunnel = wait_json(client, type='tunnel')
    assert tunnel['public_url'].startswith('http://app.') and tunnel['target'].endswith(str(local.port))
    assert get(server, '/"quoted"').status == 200
    request = wait_json(client, type='request')
    assert request['path'] == '/"quoted"' and request['status'] == 200 and request['reason'] == 'ok', request
    assert request['bytes_in'] > 0 and request['bytes_out'] == len(OK) and request['ms'] >= 0
    server.kill()
    lost = wait_json(client, type='session', state='reconnecting')
    assert lost['attempt'] == 1 and lost['reason'] and lost['delay_ms'] > 0
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', lost['since'])
    server = server.restarted()
    wait_until(lambda: len([x for x in json_lines(client) if x.get('state') == 'online']) == 2, 20, 'online again')
    go.clear()
    thread, answers = visit_in_background(server)
    local.wait_requests(2)
    client.popen.send_signal(signal.SIGINT)
    assert wait_json(client, type='session', state='closing')['in_flight'] == 1
    go.set()
    assert client.wait() == 0
    thread.join()
    lines = json_lines(client)
    assert answers == [200] and lines[-1]['type'] == 'end' and lines[-1]['exit'] == 0 and lines[-1]['requests'] == 2
    assert all(re.fullmatch(r'[\d-]+T[\d:.]+Z', line['ts']) for line in lines)


@claim
def json_tells_why_it_ends(box):
    server = box.server()
    code, out, err = box.run([program('tunnel'), '3000', '-s', server.control, '--pin', box.pin, '--json',
                              '--token', 'wrong'])
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 77 and [line['type'] for line in lines][-2:] == ['error', 'end'], lines
    assert lines[-2]['code'] == 'E_AUTH' and lines[-1]['exit'] == 77 and 'E_AUTH' in err
    code, out, err = box.run([program('tunnel'), 'http', 'nonsense::', '--json'])
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 64 and lines[0]['code'] == 'E_USAGE' and lines[1]['exit'] == 64, lines


@claim
def a_reader_of_json_that_stands_still_holds_nobody_up(box):
    server, local = box.server(), Scripted(box)
    box.client(server, {'app': local.port}).stop()
    argv = [program('tunnel'), 'start', '-c', box.path('tunnel.yaml'), '--json']
    reading, writing = os.pipe()
    client = subprocess.Popen(argv, stdout=writing, stderr=subprocess.DEVNULL, env=box.environment(), cwd=box.dir)
    box.on_close(lambda: (client.kill(), client.wait()))
    os.close(writing)
    wait_until(lambda: get(server).status == 200, 10, 'it is online')
    paths = f'/{"x" * 8000}'
    for _ in range(60):
        assert get(server, paths).status == 200
    client.send_signal(signal.SIGINT)
    with os.fdopen(reading) as file:
        lines = [json.loads(line) for line in file]
    types = {line['type'] for line in lines}
    shown = sum(line['type'] == 'request' for line in lines)
    left = sum(line['requests'] for line in lines if line['type'] == 'dropped')
    assert client.wait() == 0 and 'request' in types and shown >= 30, types
    assert lines[-1]['type'] == 'end' and shown + left <= lines[-1]['requests']


@claim
def a_script_gets_the_url_alone(box):
    server, local = box.server(), Scripted(box)
    client = box.client(server, {'app': local.port})
    get(server, '/x')
    client.stop()
    assert client.out() == f'http://app.tun.test:{server.port}\n', client.out()


if __name__ == '__main__':
    run()
