// SPDX-License-Identifier: ISC

#include "net/versions.h"

#include <event2/event.h>
#include <openssl/crypto.h>

namespace tunnel {

std::string library_versions()
{
    return std::string("libevent ") + event_get_version() + ", OpenSSL " +
           OpenSSL_version(OPENSSL_VERSION_STRING);
}

} // namespace tunnel
