// SPDX-License-Identifier: ISC

#include "net/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>

namespace tunnel {

namespace {

constexpr uint8_t v4_mapped_prefix[12] = {0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff}; // RFC 4291 2.5.5.2

bool is_v4_mapped(const in6_addr &ip)
{
    return memcmp(ip.s6_addr, v4_mapped_prefix, sizeof v4_mapped_prefix) == 0;
}

// An address without its port, IPv4 where it is mapped.
struct Ip {
    int family = AF_UNSPEC;
    uint8_t bytes[16] = {};

    size_t size() const { return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0; }
};

Ip make_ip(const in6_addr &ip)
{
    Ip result;
    bool mapped = is_v4_mapped(ip);
    result.family = mapped ? AF_INET : AF_INET6;
    memcpy(result.bytes, ip.s6_addr + (mapped ? 12 : 0), result.size());
    return result;
}

Ip ip_of(const sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return make_ip(reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr);
    Ip result;
    if (address->sa_family != AF_INET)
        return result;
    result.family = AF_INET;
    memcpy(result.bytes, &reinterpret_cast<const sockaddr_in *>(address)->sin_addr, 4);
    return result;
}

template <class Number> std::optional<Number> parse_number(std::string_view text)
{
    Number value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return {};
    return value;
}

// "host:port" and "[v6]:port" in two; a host with colons must stand in brackets.
struct Split {
    std::string host;
    std::string_view port;
    bool bracketed = false;
};

std::optional<Split> split(std::string_view text)
{
    Split parts;
    parts.bracketed = text.starts_with('[');
    size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return {};
    parts.port = text.substr(colon + 1);
    std::string_view host = text.substr(0, colon);
    if (parts.bracketed) {
        if (host.size() < 3 || !host.ends_with(']'))
            return {};
        host = host.substr(1, host.size() - 2);
    }
    if (!parts.bracketed && host.find(':') != std::string_view::npos)
        return {};
    parts.host = host;
    return parts;
}

bool is_host_character(char c) { return c > ' ' && c < 0x7f && !strchr("[]/@\\\"'<>", c); }

sockaddr_in make_v4(uint16_t port)
{
    sockaddr_in v4 = {};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return v4;
}

sockaddr_in6 make_v6(uint16_t port)
{
    sockaddr_in6 v6 = {};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return v6;
}

} // namespace

Address::Address(const sockaddr *address, socklen_t size)
    : size_(std::min<socklen_t>(size, sizeof storage_))
{
    memcpy(&storage_, address, size_);
}

std::optional<Address> Address::parse(std::string_view text)
{
    auto parts = split(text);
    auto port = parts ? parse_number<uint16_t>(parts->port) : std::nullopt;
    if (!port)
        return {};
    if (parts->host.empty())
        return any(AF_INET6, *port);
    auto address = numeric(parts->host, *port);
    if (!address || (address->family() == AF_INET6) != parts->bracketed)
        return {};
    return address;
}

std::optional<Address> Address::numeric(const std::string &host, uint16_t port)
{
    sockaddr_in v4 = make_v4(port);
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1)
        return Address(reinterpret_cast<sockaddr *>(&v4), sizeof v4);
    sockaddr_in6 v6 = make_v6(port);
    if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1)
        return Address(reinterpret_cast<sockaddr *>(&v6), sizeof v6);
    return {};
}

Address Address::any(int family, uint16_t port)
{
    if (family == AF_INET) {
        sockaddr_in v4 = make_v4(port);
        return Address(reinterpret_cast<sockaddr *>(&v4), sizeof v4);
    }
    sockaddr_in6 v6 = make_v6(port);
    return Address(reinterpret_cast<sockaddr *>(&v6), sizeof v6);
}

Address Address::peer_of(int fd)
{
    Address address;
    socklen_t size = sizeof address.storage_;
    if (getpeername(fd, reinterpret_cast<sockaddr *>(&address.storage_), &size) == 0)
        address.size_ = size;
    return address;
}

Address Address::local_of(int fd)
{
    Address address;
    socklen_t size = sizeof address.storage_;
    if (getsockname(fd, reinterpret_cast<sockaddr *>(&address.storage_), &size) == 0)
        address.size_ = size;
    return address;
}

int Address::family() const { return storage_.ss_family; }

uint16_t Address::port() const
{
    if (family() == AF_INET)
        return ntohs(reinterpret_cast<const sockaddr_in *>(&storage_)->sin_port);
    if (family() == AF_INET6)
        return ntohs(reinterpret_cast<const sockaddr_in6 *>(&storage_)->sin6_port);
    return 0;
}

void Address::set_port(uint16_t port)
{
    if (family() == AF_INET)
        reinterpret_cast<sockaddr_in *>(&storage_)->sin_port = htons(port);
    if (family() == AF_INET6)
        reinterpret_cast<sockaddr_in6 *>(&storage_)->sin6_port = htons(port);
}

std::string Address::ip_text() const
{
    Ip ip = ip_of(get());
    char text[INET6_ADDRSTRLEN] = "";
    if (ip.family == AF_UNSPEC)
        return family() == AF_UNIX ? "unix" : "none";
    inet_ntop(ip.family, ip.bytes, text, sizeof text);
    return text;
}

std::string Address::text() const
{
    Ip ip = ip_of(get());
    if (ip.family == AF_UNSPEC)
        return ip_text();
    std::string host = ip.family == AF_INET6 ? "[" + ip_text() + "]" : ip_text();
    return host + ":" + std::to_string(port());
}

bool Address::is_loopback() const
{
    Ip ip = ip_of(get());
    if (ip.family == AF_INET)
        return ip.bytes[0] == 127;
    return ip.family == AF_INET6 && memcmp(ip.bytes, &in6addr_loopback, 16) == 0;
}

bool Address::is_any() const
{
    Ip ip = ip_of(get());
    return ip.size() > 0 &&
           std::all_of(ip.bytes, ip.bytes + ip.size(), [](uint8_t b) { return b == 0; });
}

bool Address::operator==(const Address &other) const
{
    Ip a = ip_of(get()), b = ip_of(other.get());
    return a.family == b.family && port() == other.port() &&
           memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

std::optional<HostPort> HostPort::parse(std::string_view text)
{
    auto parts = split(text);
    auto port = parts ? parse_number<uint16_t>(parts->port) : std::nullopt;
    if (!port || *port == 0 || parts->host.empty() || parts->host.size() > 253)
        return {};
    if (!std::all_of(parts->host.begin(), parts->host.end(), is_host_character))
        return {};
    if (parts->bracketed && !Address::numeric(parts->host, *port))
        return {};
    return HostPort{parts->host, *port};
}

bool NetworkSet::add(std::string_view cidr)
{
    size_t slash = cidr.find('/');
    auto address = Address::numeric(std::string(cidr.substr(0, slash)), 0);
    if (!address)
        return false;
    unsigned whole = address->family() == AF_INET ? 32 : 128;
    unsigned bits = whole;
    if (slash != std::string_view::npos) {
        auto number = parse_number<unsigned>(cidr.substr(slash + 1));
        if (!number || *number > whole)
            return false;
        bits = *number;
    }

    Network network = {address->family(), {}, bits};
    Ip ip = ip_of(address->get());
    bool mapped = network.family == AF_INET6 && ip.family == AF_INET;
    if (mapped && bits < 96)
        return false; // would be a network of both kinds
    if (mapped)
        network.bits -= 96;
    network.family = ip.family;
    memcpy(network.bytes, ip.bytes, sizeof network.bytes);
    networks_.push_back(network);
    return true;
}

bool NetworkSet::contains(const Address &address) const
{
    Ip ip = ip_of(address.get());
    return std::any_of(networks_.begin(), networks_.end(), [&ip](const Network &network) {
        unsigned whole = network.bits / 8, rest = network.bits % 8;
        if (network.family != ip.family || memcmp(network.bytes, ip.bytes, whole) != 0)
            return false;
        return rest == 0 || (network.bytes[whole] ^ ip.bytes[whole]) >> (8 - rest) == 0;
    });
}

} // namespace tunnel
