// SPDX-License-Identifier: ISC

#include "net/tls.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/text.h"
#include "net/tls_verify.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace tunnel {

namespace {

constexpr std::string_view alpn = "\x08tunnel/1"; // RFC 7301: a length in front of the name

constexpr char ciphers_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char aes_first[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char chacha_first[] =
    "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";

bool has_fast_aes()
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("aes");
#elif defined(__aarch64__)
    return getauxval(AT_HWCAP) & (1 << 3); // HWCAP_AES
#else
    return false;
#endif
}

// What both sides want. A server prefers ChaCha where the client puts it first (it has no AES
// instructions then), else its own order. No sessions are resumed: links last.
SslContextPtr make_context(const SSL_METHOD *method)
{
    SslContextPtr context(SSL_CTX_new(method));
    if (!context)
        throw std::bad_alloc();
    SSL_CTX *c = context.get();
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(c, ciphers_1_2);
    SSL_CTX_set_ciphersuites(c, has_fast_aes() ? aes_first : chacha_first);
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c, 0);
    return context;
}

// What OpenSSL says about a file, in words that help the one who named it.
std::string file_trouble()
{
    unsigned long code = ERR_peek_error(); // the first is the nearest to the cause
    ERR_clear_error();
    int library = ERR_GET_LIB(code), reason = ERR_GET_REASON(code);
    if (ERR_SYSTEM_ERROR(code))
        return strerror(reason);
    if (library == ERR_LIB_X509 && reason == X509_R_KEY_VALUES_MISMATCH)
        return "it does not match the certificate";
    if (library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE)
        return "there is no PEM of that kind in it";
    if (library == ERR_LIB_PEM && reason == PEM_R_BAD_PASSWORD_READ)
        return "it needs a passphrase";
    const char *text = code ? ERR_reason_error_string(code) : nullptr;
    return text ? text : "nothing usable in it";
}

[[noreturn]] void fail_with(const std::string &file, const std::string &what)
{
    throw Failure(exit_config, file + ": " + what + ": " + file_trouble());
}

int no_passphrase(char *, int, int, void *) noexcept
{
    return -1; // a daemon has nobody to ask
}

int select_alpn(SSL *, const uint8_t **chosen, uint8_t *chosen_size, const uint8_t *offered,
                unsigned size, void *) noexcept
{
    auto *ours = reinterpret_cast<const uint8_t *>(alpn.data());
    uint8_t *out;
    int result =
        SSL_select_next_proto(&out, chosen_size, ours, unsigned(alpn.size()), offered, size);
    if (result != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = out;
    return SSL_TLSEXT_ERR_OK;
}

bool is_number(const std::string &host)
{
    return std::unique_ptr<ASN1_OCTET_STRING, Releaser<ASN1_OCTET_STRING_free>>(
               a2i_IPADDRESS(host.c_str())) != nullptr;
}

Sha256 parse_pin(const std::string &pin)
{
    constexpr std::string_view prefix = "sha256:";
    auto bytes = pin.starts_with(prefix) ? from_hex(std::string_view(pin).substr(prefix.size()))
                                         : std::nullopt;
    Sha256 digest;
    if (!bytes || bytes->size() != digest.size())
        throw Failure(exit_config,
                      "certificate pin: expected sha256: and 64 hex digits, got \"" + pin + "\"");
    std::copy(bytes->begin(), bytes->end(), digest.begin());
    return digest;
}

} // namespace

std::shared_ptr<TlsContext> TlsContext::server(const std::string &cert_file,
                                               const std::string &key_file)
{
    auto result = std::make_shared<TlsContext>();
    result->context_ = make_context(TLS_server_method());
    SSL_CTX *c = result->context_.get();
    SSL_CTX_set_default_passwd_cb(c, no_passphrase);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(c, cert_file.c_str()) != 1)
        fail_with(cert_file, "cannot use the certificate");
    if (SSL_CTX_use_PrivateKey_file(c, key_file.c_str(), SSL_FILETYPE_PEM) != 1)
        fail_with(key_file, "cannot use the private key");
    SSL_CTX_set_alpn_select_cb(c, select_alpn, nullptr);
    result->fingerprint_ = certificate_fingerprint(SSL_CTX_get0_certificate(c));
    if (result->days_left() < 0)
        log_warn("certificate expired", {{"file", cert_file}, {"days", -result->days_left()}});
    return result;
}

std::shared_ptr<TlsContext> TlsContext::client(const Verify &verify)
{
    auto result = std::make_shared<TlsContext>();
    result->context_ = make_context(TLS_client_method());
    result->verify_ = verify;
    SSL_CTX *c = result->context_.get();
    ERR_clear_error();
    if (!verify.pin.empty())
        result->pin_ = parse_pin(verify.pin);
    else if (verify.by == Verify::By::system)
        SSL_CTX_set_default_verify_paths(c);
    else if (verify.by == Verify::By::ca_file &&
             SSL_CTX_load_verify_file(c, verify.ca_file.c_str()) != 1)
        fail_with(verify.ca_file, "cannot use the CA certificates");
    if (!verify.web)
        SSL_CTX_set_alpn_protos(c, reinterpret_cast<const uint8_t *>(alpn.data()),
                                unsigned(alpn.size()));
    verify_peer_in(c);
    return result;
}

SslPtr TlsContext::accept() const
{
    SslPtr ssl(SSL_new(context_.get()));
    if (!ssl)
        throw std::bad_alloc();
    SSL_set_accept_state(ssl.get());
    return ssl;
}

SslPtr TlsContext::connect(const std::string &host) const
{
    SslPtr ssl(SSL_new(context_.get()));
    if (!ssl)
        throw std::bad_alloc();
    SSL_set_connect_state(ssl.get());
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl.get());
    if (is_number(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl.get(), host.c_str());
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size());
    }
    auto by = !verify_.pin.empty()            ? PeerCheck::By::pin
              : verify_.by == Verify::By::off ? PeerCheck::By::nothing
                                              : PeerCheck::By::chain;
    remember_check(ssl.get(), {by, pin_, host, ""});
    return ssl;
}

long TlsContext::days_left() const
{
    return certificate_days_left(SSL_CTX_get0_certificate(context_.get()));
}

} // namespace tunnel
