// SPDX-License-Identifier: ISC
//
// TLS contexts: 1.2 or later, no compression, no renegotiation, no early data, ALPN
// "tunnel/1". A context may be used by every loop; a reload makes a new one.

#pragma once

#include "net/digest.h"
#include "net/handles.h"

#include <memory>
#include <string>

namespace tunnel {

class TlsContext {
public:
    // A server's. Both files PEM. Throws Failure (exit_config) naming the file and the reason:
    // unreadable, not PEM, key does not match, expired certificates only warn in the log.
    static std::shared_ptr<TlsContext> server(const std::string &cert_file,
                                              const std::string &key_file);

    struct Verify {
        enum class By { system, ca_file, off } by = By::system;
        std::string ca_file;
        std::string pin;  // "sha256:<64 hex>" of the certificate's DER; if given, decides alone
        bool web = false; // it is a web server: our ALPN would tell it nothing
    };
    // A client's. Throws Failure if the CA file cannot be used or the pin is malformed.
    static std::shared_ptr<TlsContext> client(const Verify &verify);

    SslPtr accept() const; // a new server side
    SslPtr
    connect(const std::string &host) const; // a new client side; SNI (not for numbers), name check

    const std::string &fingerprint() const { return fingerprint_; } // server: "sha256:<hex>"
    long days_left() const; // server: until the certificate expires; negative if it has

private:
    SslContextPtr context_;
    Verify verify_;
    Sha256 pin_ = {}; // if verify_.pin is given
    std::string fingerprint_;
};

// "sha256:<hex>" of the peer's certificate; empty if there is none.
std::string tls_peer_fingerprint(SSL *ssl);
// Until it expires; negative if it has.
long tls_peer_days_left(SSL *ssl);
// Whether a failed handshake failed because the peer is not who it should be (final at the
// first connection), as opposed to the network.
bool tls_verification_failed(SSL *ssl);
// One sentence: "certificate is self-signed (fingerprint sha256:…)", "name does not match …".
std::string tls_error_text(SSL *ssl);
std::string tls_version_text(SSL *ssl); // "TLS 1.3"

// Makes a self-signed P-256 certificate, valid ten years, for `name` (DNS, and "*.name"),
// written 0600 and atomically. Throws Failure (exit_cannot_create).
void tls_make_self_signed(const std::string &name, const std::string &cert_file,
                          const std::string &key_file);

} // namespace tunnel
