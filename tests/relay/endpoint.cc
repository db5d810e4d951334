// SPDX-License-Identifier: ISC

#include "endpoint.h"

#include "lane.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace relay {
namespace {

[[noreturn]] void die(const std::string &what)
{
    fprintf(stderr, "weather: %s: %s\n", what.c_str(), strerror(errno));
    exit(1);
}

} // namespace

sockaddr_in parse_address(const std::string &text)
{
    size_t colon = text.rfind(':');
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    if (colon == std::string::npos ||
        inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
        errno = EINVAL;
        die(text);
    }
    address.sin_port = htons(uint16_t(atoi(text.c_str() + colon + 1)));
    return address;
}

std::string text_of(const sockaddr_in &address)
{
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(address.sin_port));
}

int listen_at(sockaddr_in &address)
{
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    socklen_t size = sizeof address;
    auto *at = reinterpret_cast<sockaddr *>(&address);
    use_ethernet_segments(fd);
    if (bind(fd, at, size) != 0 || listen(fd, 1024) != 0 || getsockname(fd, at, &size) != 0)
        die(text_of(address));
    return fd;
}

void use_ethernet_segments(int fd)
{
    int size = segment_size;
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &size, sizeof size);
}

} // namespace relay
