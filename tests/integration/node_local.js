// SPDX-License-Identifier: ISC
// A local service with all the ways of answering that Node.js has: node node_local.js PORT
// Prints its port. Numbers come in the query: ?n=3&ms=10&size=100
'use strict';
const crypto = require('crypto');
const http = require('http');

const wait = ms => new Promise(resolve => setTimeout(resolve, ms));
const routes = {
    // The request as it arrived here.
    '/reflect': (request, response) => {
        const hash = crypto.createHash('sha256');
        let size = 0;
        request.on('data', data => { hash.update(data); size += data.length; });
        request.on('end', () => response.end(JSON.stringify({
            method: request.method, url: request.url, version: request.httpVersion, fields: request.rawHeaders,
            trailers: request.rawTrailers, size, sha256: hash.digest('hex')})));
    },
    // The body back, chunk for chunk, then a trailer.
    '/echo': (request, response) => {
        response.writeHead(200, {'Trailer': 'X-Size', 'Content-Type': request.headers['content-type'] || 'text/plain'});
        let size = 0;
        request.on('data', data => { size += data.length; });
        request.on('end', () => { response.addTrailers({'X-Size': String(size)}); response.end(); });
        request.pipe(response, {end: false});
    },
    '/chunked': async (request, response, {n = 10, size = 100, ms = 0}) => {
        for (let i = 0; i < n; i++) {
            response.write(Buffer.alloc(+size, 97 + i % 26));
            if (+ms)
                await wait(+ms);
        }
        response.end();
    },
    '/events': async (request, response, {n = 10, ms = 50}) => {
        response.writeHead(200, {'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache'});
        for (let i = 0; i < n; i++) {
            response.write(`data: ${i} ${Date.now()}\n\n`);
            await wait(+ms);
        }
        response.end();
    },
    '/slow': async (request, response, {ms = 100}) => { await wait(+ms); response.end('slow'); },
    '/hang': () => {},
    '/status': (request, response, {code = 204}) => { response.writeHead(+code); response.end(); },
    '/hints': (request, response) => {
        response.writeEarlyHints({link: '</style.css>; rel=preload'}, () => response.end('hinted'));
    },
    '/processing': (request, response) => { response.writeProcessing(); response.end('processed'); },
    // Answers before the body has come.
    '/early': (request, response) => { response.writeHead(413); response.end('too much'); request.resume(); },
    // No length: the end of the connection is the end of the body.
    '/until-close': (request, response, {n = 10, size = 1000}) => {
        const socket = response.socket;
        socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
        for (let i = 0; i < n; i++)
            socket.write(Buffer.alloc(+size, 98));
        socket.end();
    },
    '/abort': (request, response, {size = 100000}) => {
        response.writeHead(200, {'Content-Length': +size * 2});
        response.write(Buffer.alloc(+size, 99), () => response.socket.resetAndDestroy());
    },
};

const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://local');
    const route = routes[url.pathname];
    if (route)
        return route(request, response, Object.fromEntries(url.searchParams));
    response.setHeader('X-Path', request.url.slice(0, 1000));
    response.end(`hello from node: ${request.method}\n`);
});
server.on('checkContinue', (request, response) => {
    if (request.headers['x-refuse']) {
        response.writeHead(417, {Connection: 'close'});
        return response.end('refused');
    }
    response.writeContinue();
    server.emit('request', request, response);
});
// Any protocol: every byte back; half-close is passed on.
server.on('upgrade', (request, socket, head) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`);
    socket.write(head);
    socket.pipe(socket);
    socket.on('error', () => {});
});
server.keepAliveTimeout = 60000;
server.listen({port: +process.argv[2] || 0, host: '127.0.0.1', allowHalfOpen: true},
    () => console.log(server.address().port));
