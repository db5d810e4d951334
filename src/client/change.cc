// SPDX-License-Identifier: ISC

#include "client/change.h"

#include "base/option_change.h"

namespace tunnel {

ClientChange compare(const ClientSettings &before, const ClientSettings &after)
{
    ClientChange change;
    for (const Option *option : changed_options(client_options(), &before, &after)) {
        if (option->field.kind == OptionKind::secret)
            continue;
        append_key(change.keys, option->key);
        change.session = change.session || option->extras.session;
    }
    if (before.token != after.token) { // wherever it is from
        append_key(change.keys, "token");
        change.session = true;
    }
    if (before.tunnels != after.tunnels)
        append_key(change.keys, "tunnels");
    return change;
}

} // namespace tunnel
