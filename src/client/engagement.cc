// SPDX-License-Identifier: ISC

#include "client/engagement.h"

namespace tunnel {

Engagement::Engagement(const Common &common, const ClientSettings &wanted, const Router &before,
                       std::shared_ptr<const ClientId> who, const std::shared_ptr<TlsContext> &tls)
    : settings(wanted), router(before),
      id(std::move(who)), visits{common.loop, common.pool, router, settings, {}, &common.counts},
      context{visits, router, common.mux_pool, id->text(), {}},
      supervisor(context, tls, common.status, common.owner)
{
    router.update(settings.tunnels);
}

} // namespace tunnel
