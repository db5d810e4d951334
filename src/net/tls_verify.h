// SPDX-License-Identifier: ISC
//
// How a client decides whether the server is who it should be, and what it says about it.
// Internal to net.

#pragma once

#include "net/digest.h"
#include "net/handles.h"

#include <string>

namespace tunnel {

// Kept with each SSL of a client.
struct PeerCheck {
    enum class By {
        chain, // signed by a trusted CA, and made out for `host`
        pin,   // exactly this certificate, whatever it says
        nothing,
    } by = By::chain;
    Sha256 pin = {};
    std::string host;
    std::string seen; // fingerprint of the certificate that was shown; OpenSSL drops a refused one
};

std::string certificate_fingerprint(X509 *certificate); // "sha256:<hex>" of its DER
long certificate_days_left(const X509 *certificate);    // negative: it has expired
void verify_peer_in(SSL_CTX *context);                  // each SSL then needs remember_check()
void remember_check(SSL *ssl, PeerCheck check);

} // namespace tunnel
