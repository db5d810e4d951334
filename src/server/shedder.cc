// SPDX-License-Identifier: ISC

#include "server/shedder.h"

#include <algorithm>

namespace tunnel {

namespace {

constexpr size_t most_holders = 256; // that a worker names at a time

} // namespace

Shedder::Shedder(Shared &shared, uint64_t budget)
    : shared_(shared), guard_(shared.workers.front()->loop(), budget, *this)
{
    shared_.memory.budget = budget;
}

void Shedder::set_budget(uint64_t budget)
{
    shared_.memory.budget = budget;
    guard_.set_budget(budget);
}

void Shedder::on_memory_step(MemoryStep step) noexcept
{
    shared_.memory.step = step;
    if (step < MemoryStep::close_idle)
        return;
    for (Worker *worker : shared_.workers)
        worker->loop().post([worker] { worker->close_idle_visitors(); });
}

// ---------------------------------------------------------------- the largest holders

void Shedder::on_memory_surplus(uint64_t bytes) noexcept
{
    if (std::exchange(busy_, true))
        return;
    auto asking = std::make_shared<Asking>(Asking{bytes, {}, shared_.workers.size()});
    Worker &first = *shared_.workers.front();
    for (Worker *worker : shared_.workers)
        worker->loop().post([this, worker, &first, asking] {
            std::vector<Found> found;
            for (const Worker::Holder &holder : worker->largest_holders(most_holders))
                found.push_back({worker, holder});
            first.loop().post([this, asking, found] { on_found(asking, found); });
        });
}

void Shedder::on_found(const std::shared_ptr<Asking> &asking, std::vector<Found> found)
{
    asking->found.insert(asking->found.end(), found.begin(), found.end());
    if (--asking->awaited == 0)
        reset_largest(asking);
}

// As many as it takes, and then we look again. Where nobody holds anything worth it the ladder's
// patience decides when to look.
void Shedder::reset_largest(const std::shared_ptr<Asking> &asking)
{
    std::vector<Found> &found = asking->found;
    auto larger = [](const Found &a, const Found &b) { return a.holder.bytes > b.holder.bytes; };
    std::sort(found.begin(), found.end(), larger);
    uint64_t freed = 0;
    size_t count = 0;
    while (count < found.size() && freed < asking->surplus)
        freed += found[count++].holder.bytes;
    found.resize(count);
    asking->awaited = shared_.workers.size();
    Worker &first = *shared_.workers.front();
    for (Worker *worker : shared_.workers)
        worker->loop().post([this, worker, &first, asking] {
            for (const Found &one : asking->found)
                if (one.worker == worker)
                    worker->shed(one.holder);
            first.loop().post([this, asking] { on_gone(*asking); });
        });
}

void Shedder::on_gone(Asking &asking)
{
    if (--asking.awaited > 0)
        return;
    busy_ = false;
    if (!asking.found.empty())
        guard_.look();
}

} // namespace tunnel
