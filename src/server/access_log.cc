// SPDX-License-Identifier: ISC

#include "server/access_log.h"

#include "base/log.h"

namespace tunnel {

bool AccessLog::wanted() const { return log_wants_access(); }

void AccessLog::write(const AccessEntry &entry) const
{
    if (!wanted())
        return;
    log_access("access", {{"visitor", entry.visitor},
                          {"tunnel", entry.tunnel.empty() ? "-" : entry.tunnel},
                          {"host", entry.host},
                          {"method", entry.method},
                          {"path", entry.path.substr(0, entry.path.find('?'))},
                          {"status", entry.status},
                          {"in", entry.bytes_in},
                          {"out", entry.bytes_out},
                          {"ms", double(entry.duration / 100) / 10},
                          {"reason", reason_name(entry.reason)},
                          {"request_id", entry.request_id}});
}

} // namespace tunnel
