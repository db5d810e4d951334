// SPDX-License-Identifier: ISC

#include "net/tls_verify.h"

#include "base/text.h"
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <utility>

namespace tunnel {

namespace {

void free_check(void *, void *check, CRYPTO_EX_DATA *, int, long, void *) noexcept
{
    delete static_cast<PeerCheck *>(check);
}

int check_index()
{
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_check);
    return index;
}

PeerCheck *check_of(const SSL *ssl)
{
    return static_cast<PeerCheck *>(SSL_get_ex_data(ssl, check_index()));
}

Sha256 digest_of(X509 *certificate)
{
    Sha256 digest = {};
    unsigned size = 0;
    X509_digest(certificate, EVP_sha256(), digest.data(), &size);
    return digest;
}

// Runs inside the handshake, before anything of ours is sent. Returns 1: go on.
int on_verify(X509_STORE_CTX *store, void *) noexcept
{
    auto *ssl =
        static_cast<SSL *>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    PeerCheck *check = check_of(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (!check || !leaf) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    check->seen = certificate_fingerprint(leaf);
    if (check->by == PeerCheck::By::chain)
        return X509_verify_cert(store) == 1;
    if (check->by == PeerCheck::By::nothing || equal_in_constant_time(check->pin, digest_of(leaf)))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

struct Refusal {
    long result;
    const char *text;
};

constexpr Refusal refusals[] = {
    {X509_V_ERR_CERT_REJECTED, "certificate is not the pinned one"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "certificate is self-signed"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "certificate is signed by an unknown CA"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "certificate is signed by an unknown CA"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "certificate is signed by an unknown CA"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "certificate is signed by an unknown CA"},
    {X509_V_ERR_CERT_HAS_EXPIRED, "certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "certificate is not valid yet"},
};

std::string refusal_text(const SSL *ssl)
{
    PeerCheck *check = check_of(ssl);
    long result = SSL_get_verify_result(ssl);
    std::string text = X509_verify_cert_error_string(result);
    for (const Refusal &refusal : refusals)
        if (refusal.result == result)
            text = refusal.text;
    if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH)
        text = "certificate is not for the name " + check->host;
    return text + " (fingerprint " + check->seen + ")";
}

} // namespace

std::string certificate_fingerprint(X509 *certificate)
{
    return "sha256:" + to_hex(digest_of(certificate));
}

long certificate_days_left(const X509 *certificate)
{
    int days = 0, seconds = 0;
    if (!certificate || !ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)))
        return 0;
    return seconds < 0 && days == 0 ? -1 : days;
}

void verify_peer_in(SSL_CTX *context)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, on_verify, nullptr);
}

void remember_check(SSL *ssl, PeerCheck check)
{
    SSL_set_ex_data(ssl, check_index(), new PeerCheck(std::move(check)));
}

std::string tls_peer_fingerprint(SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (certificate)
        return certificate_fingerprint(certificate);
    PeerCheck *check = check_of(ssl);
    return check ? check->seen : "";
}

long tls_peer_days_left(SSL *ssl) { return certificate_days_left(SSL_get0_peer_certificate(ssl)); }

bool tls_verification_failed(SSL *ssl)
{
    return ssl && check_of(ssl) && SSL_get_verify_result(ssl) != X509_V_OK;
}

std::string tls_error_text(SSL *ssl)
{
    if (tls_verification_failed(ssl))
        return refusal_text(ssl);
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    const char *text = ERR_reason_error_string(code);
    if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
        return "the peer does not speak TLS";
    return text ? std::string("TLS: ") + text : "TLS failed";
}

std::string tls_version_text(SSL *ssl)
{
    std::string name = SSL_get_version(ssl); // "TLSv1.3"
    return name.starts_with("TLSv") ? "TLS " + name.substr(4) : name;
}

} // namespace tunnel
