// SPDX-License-Identifier: ISC
//
// A certificate for those who have none yet. Clients pin it.

#include "net/tls.h"

#include "base/failure.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace tunnel {

namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, Releaser<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Releaser<X509_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Releaser<X509_EXTENSION_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Releaser<BN_free>>;
using MemoryPtr = std::unique_ptr<BIO, Releaser<BIO_free>>;

constexpr long validity = 10L * 365 * 24 * 3600; // seconds
constexpr long clock_slack = 24 * 3600;          // seconds that a client's clock may be behind

void check(bool ok)
{
    if (!ok)
        throw Failure(exit_cannot_create, "cannot make a self-signed certificate");
}

void add_extension(X509 *certificate, int kind, const std::string &value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    check(extension && X509_add_ext(certificate, extension.get(), -1));
}

// RFC 5280 4.1.2.2: positive, at most 20 octets, unguessable.
void set_serial(X509 *certificate)
{
    NumberPtr number(BN_new());
    check(number && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
          BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)));
}

// A name, and every name below it; or an address.
std::string alternative_names(const std::string &name)
{
    std::unique_ptr<ASN1_OCTET_STRING, Releaser<ASN1_OCTET_STRING_free>> address(
        a2i_IPADDRESS(name.c_str()));
    return address ? "IP:" + name : "DNS:" + name + ",DNS:*." + name;
}

CertificatePtr make_certificate(const std::string &name, EVP_PKEY *key)
{
    CertificatePtr certificate(X509_new());
    X509 *c = certificate.get();
    check(c && X509_set_version(c, X509_VERSION_3) && X509_set_pubkey(c, key));
    set_serial(c);
    check(X509_gmtime_adj(X509_getm_notBefore(c), -clock_slack) &&
          X509_gmtime_adj(X509_getm_notAfter(c), validity));
    X509_NAME *subject = X509_get_subject_name(c);
    auto *text = reinterpret_cast<const uint8_t *>("tunneld, self-signed");
    check(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, text, -1, -1, 0) &&
          X509_set_issuer_name(c, subject));
    add_extension(c, NID_subject_alt_name, alternative_names(name));
    add_extension(c, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(c, NID_ext_key_usage, "serverAuth");
    check(X509_sign(c, key, EVP_sha256()));
    return certificate;
}

[[noreturn]] void fail_to_write(const std::string &file)
{
    throw Failure(exit_cannot_create, "cannot write " + file + ": " + strerror(errno));
}

// Readers see the old file or the whole new one.
void write_file(const std::string &file, BIO *content)
{
    std::string temporary = file + ".new";
    unlink(temporary.c_str());
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    Descriptor out(open(temporary.c_str(), flags, 0600));
    char *bytes;
    long size = BIO_get_mem_data(content, &bytes);
    if (!out || write(out.get(), bytes, size_t(size)) != size || fsync(out.get()) != 0)
        fail_to_write(temporary);
    if (rename(temporary.c_str(), file.c_str()) != 0)
        fail_to_write(file);
}

} // namespace

void tls_make_self_signed(const std::string &name, const std::string &cert_file,
                          const std::string &key_file)
{
    KeyPtr key(EVP_EC_gen("P-256"));
    check(key != nullptr);
    CertificatePtr certificate = make_certificate(name, key.get());
    MemoryPtr key_text(BIO_new(BIO_s_secmem())), text(BIO_new(BIO_s_mem()));
    check(
        key_text && text && PEM_write_bio_X509(text.get(), certificate.get()) &&
        PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr));
    write_file(key_file, key_text.get());
    write_file(cert_file, text.get());
}

} // namespace tunnel
