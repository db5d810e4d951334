// SPDX-License-Identifier: ISC
//
// IPv4 addresses as text, and sockets that listen at them. What fails here ends the program.

#pragma once

#include <netinet/in.h>
#include <string>

namespace relay {

sockaddr_in parse_address(const std::string &text); // "127.0.0.1:80"
std::string text_of(const sockaddr_in &address);
int listen_at(sockaddr_in &address); // non-blocking; port 0 becomes the one that it got

// Before a connection is made: its peer sends segments of Ethernet's size, not of loopback's,
// which are larger than many a window.
void use_ethernet_segments(int fd);

} // namespace relay
