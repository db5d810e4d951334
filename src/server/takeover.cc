// SPDX-License-Identifier: ISC

#include "server/takeover.h"

#include "server/session.h"
#include "server/worker.h"

namespace tunnel {

namespace {

// On the holder's worker. A session that is not there any more is as silent as can be.
void ask(Worker &worker, SessionRef holder, Micros timeout, std::function<void(bool)> answer)
{
    Session *session = worker.find_session(holder.id);
    if (!session)
        return answer(false);
    session->ask_for_life(timeout, std::move(answer));
}

} // namespace

Takeover::Takeover(Worker &asker, const std::vector<SessionRef> &holders, Micros timeout, Done done)
    : state_(std::make_shared<State>(State{holders.size(), {}, std::move(done)}))
{
    for (SessionRef holder : holders) {
        // On the asker's worker again.
        auto arrive = [weak = std::weak_ptr<State>(state_), holder](bool alive) {
            std::shared_ptr<State> state = weak.lock();
            if (!state)
                return;
            if (!alive)
                state->silent.push_back(holder);
            if (--state->awaited == 0)
                state->done(std::move(state->silent));
        };
        auto answer = [&asker, arrive](bool alive) {
            asker.loop().post([arrive, alive] { arrive(alive); });
        };
        Worker &there = asker.sibling(holder.worker);
        there.loop().post(
            [&there, holder, timeout, answer] { ask(there, holder, timeout, answer); });
    }
}

} // namespace tunnel
