// SPDX-License-Identifier: ISC
//
// Socket addresses: IPv4, IPv6. A value.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace tunnel {

class Address {
public:
    Address() = default; // empty: family() is AF_UNSPEC
    Address(const sockaddr *address, socklen_t size);

    // A numeric address and port: "127.0.0.1:80", "[::1]:80", ":80" (every address, both
    // families: family() AF_INET6 unspecified), port 0..65535. Empty if it is none.
    static std::optional<Address> parse(std::string_view text);
    // An address alone: "127.0.0.1", "::1". Empty if it is a name.
    static std::optional<Address> numeric(const std::string &host, uint16_t port);
    static Address any(int family, uint16_t port); // AF_INET or AF_INET6
    static Address peer_of(int fd);
    static Address local_of(int fd);

    int family() const;
    uint16_t port() const;
    void set_port(uint16_t port);
    std::string text() const;    // "203.0.113.5:4711", "[2001:db8::1]:80"; v4-mapped as v4
    std::string ip_text() const; // without port and brackets
    bool is_loopback() const;    // 127.0.0.0/8, ::1, and v4-mapped ones
    bool is_any() const;
    bool operator==(const Address &other) const; // address and port

    const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage_); }
    socklen_t size() const { return size_; }

private:
    sockaddr_storage storage_ = {};
    socklen_t size_ = 0;
};

// "host:port" for a server that is named, not numbered: "[::1]:9000", "example.org:9000",
// "9000" is refused. Empty if it is malformed.
struct HostPort {
    std::string host;
    uint16_t port = 0;
    static std::optional<HostPort> parse(std::string_view text);
};

// A set of networks in CIDR notation; a bare address is a network of one. v4-mapped IPv6
// addresses are treated as IPv4.
class NetworkSet {
public:
    bool add(std::string_view cidr); // false: malformed
    bool contains(const Address &address) const;
    bool empty() const { return networks_.empty(); }

private:
    struct Network {
        int family;
        uint8_t bytes[16];
        unsigned bits;
    };
    std::vector<Network> networks_;
};

} // namespace tunnel
