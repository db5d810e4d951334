// SPDX-License-Identifier: ISC

#include "server/gate.h"

#include "flow/error_page.h"
#include "server/worker.h"

#include <sys/socket.h>

namespace tunnel {

namespace {

// One attempt: a socket that was just accepted takes so little, and if not, the visitor sees
// the connection closed.
void turn_away(const Descriptor &socket, Reason reason)
{
    const ReasonRow &row = reason_row(reason);
    ErrorPage page = {row.status, row.name, row.sentence, row.retry_after};
    std::string answer = error_response(page, false, false, false);
    if (send(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        shutdown(socket.get(), SHUT_WR);
}

} // namespace

Gate::Gate(Worker &worker, Shared &shared, Descriptor listening)
    : worker_(worker), shared_(shared),
      listener_(worker.loop(), std::move(listening),
                [this](Descriptor socket, const Address &peer) { admit(std::move(socket), peer); })
{}

void Gate::admit(Descriptor socket, const Address &peer)
{
    using Verdict = Occupancy::Verdict;
    Verdict verdict =
        shared_.visitors.enter(worker_.visitor_source(peer), worker_.policy().max_visitors,
                               worker_.settings().max_visitors_per_ip);
    if (verdict == Verdict::entered)
        return worker_.adopt_visitor(std::move(socket), peer);
    Reason reason =
        verdict == Verdict::full ? Reason::too_many_visitors : Reason::too_many_visitors_per_ip;
    worker_.counters().reject(reason);
    turn_away(socket, reason);
}

} // namespace tunnel
