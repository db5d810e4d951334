// SPDX-License-Identifier: ISC

#include "client/session_parts.h"

#include "base/log.h"

#include <new>

namespace tunnel {

MuxPoolPtr make_mux_pool()
{
    tn_mux_pool_config config;
    tn_mux_pool_config_init(&config);
    tn_mux_pool *pool = nullptr;
    if (tn_mux_pool_create(&config, &pool) != TN_OK)
        throw std::bad_alloc();
    return MuxPoolPtr(pool);
}

std::shared_ptr<TlsContext> make_client_tls(const ClientSettings &settings)
{
    if (!settings.server().tls)
        return nullptr;
    TlsContext::Verify verify;
    verify.pin = settings.tls_pin;
    if (settings.tls_verify == "off")
        verify.by = TlsContext::Verify::By::off;
    else if (settings.tls_verify != "system") {
        verify.by = TlsContext::Verify::By::ca_file;
        verify.ca_file = settings.tls_verify;
    }
    if (verify.by == TlsContext::Verify::By::off && verify.pin.empty())
        log_warn("the server's certificate is not verified: anybody in between can read the token");
    return TlsContext::client(verify);
}

} // namespace tunnel
