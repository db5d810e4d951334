// SPDX-License-Identifier: ISC
//
// What every session of this program is made with.

#pragma once

#include "client/options.h"
#include "net/tls.h"

#include <memory>
#include <tunnel/mux.h>

namespace tunnel {

using MuxPoolPtr = std::unique_ptr<tn_mux_pool, Releaser<tn_mux_pool_destroy>>;
MuxPoolPtr make_mux_pool();

// How the server is verified. Null: plain. Throws Failure for what no try could mend: a CA file
// that is none, a malformed pin.
std::shared_ptr<TlsContext> make_client_tls(const ClientSettings &settings);

} // namespace tunnel
