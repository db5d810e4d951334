// SPDX-License-Identifier: ISC
//
// What is held is counted, over all threads; and the ladder, on a clock that the test turns.

#include "base/byte_queue.h"
#include "base/held_memory.h"
#include "base/memory_ladder.h"
#include "check.h"

#include <atomic>
#include <thread>

using namespace tunnel;

namespace {

constexpr Micros start = 1000 * second;
constexpr uint64_t mib = 1 << 20;

bool about(uint64_t value, uint64_t expected, unsigned threads = 1)
{
    const int64_t off = int64_t(value) - int64_t(expected);
    return std::abs(off) <= int64_t(threads) * held_memory_slack;
}

} // namespace

TEST(a_queue_is_counted_with_its_blocks_and_no_longer_than_it_holds_them)
{
    const uint64_t before = held_memory();
    const std::vector<uint8_t> bytes(3 * mib);
    ByteQueue queue;
    queue.append(bytes);
    CHECK(held_memory() >= before + 3 * mib - held_memory_slack);
    CHECK(held_memory() < before + 3 * mib + mib / 8);
    queue.clear();
    CHECK(about(held_memory(), before));
}

TEST(memory_given_back_by_another_thread_is_not_counted_any_more)
{
    const uint64_t before = held_memory();
    HeldBytes bytes(8 * mib);
    CHECK(about(held_memory(), before + 8 * mib));
    std::thread([bytes = std::move(bytes)]() mutable { HeldBytes().swap(bytes); }).join();
    CHECK(about(held_memory(), before, 2));
}

TEST(whoever_watches_is_told_once_that_a_mark_is_passed)
{
    std::atomic<int> calls = 0;
    on_held_memory([&calls] { calls++; });
    watch_held_memory(0, held_memory() + mib);
    HeldBytes little(mib / 2);
    CHECK_EQUAL(calls.load(), 0);
    HeldBytes much(mib), more(mib);
    CHECK_EQUAL(calls.load(), 1);
    watch_held_memory(held_memory() - mib, UINT64_MAX);
    HeldBytes().swap(more);
    HeldBytes().swap(little);
    CHECK_EQUAL(calls.load(), 2);
    on_held_memory(nullptr);
    HeldBytes().swap(much);
    CHECK_EQUAL(calls.load(), 2);
}

TEST(each_step_has_its_mark_and_is_left_well_below_it)
{
    MemoryLadder ladder(100 * mib);
    const struct {
        uint64_t used;
        MemoryStep step;
    } rows[] = {
        {70, MemoryStep::none},       {71, MemoryStep::refuse},     {61, MemoryStep::refuse},
        {59, MemoryStep::none},       {86, MemoryStep::close_idle}, {76, MemoryStep::close_idle},
        {74, MemoryStep::refuse},     {96, MemoryStep::shed},       {86, MemoryStep::shed},
        {84, MemoryStep::close_idle}, {0, MemoryStep::none},
    };
    for (const auto &row : rows) {
        ladder.look(row.used * mib, start);
        CHECK_EQUAL(int(ladder.step()), int(row.step));
        CHECK(ladder.low() <= row.used * mib && row.used * mib <= ladder.high());
    }
}

TEST(a_step_without_relief_is_followed_by_the_next)
{
    MemoryLadder ladder(100 * mib);
    CHECK_EQUAL(ladder.due(), never);
    ladder.look(72 * mib, start);
    CHECK_EQUAL(ladder.due(), start + MemoryLadder::patience);
    ladder.look(72 * mib, ladder.due() - 1);
    CHECK(ladder.step() == MemoryStep::refuse);
    ladder.look(72 * mib, ladder.due());
    CHECK(ladder.step() == MemoryStep::close_idle);
    CHECK_EQUAL(ladder.surplus(72 * mib), 0u);
    ladder.look(72 * mib, ladder.due());
    CHECK(ladder.step() == MemoryStep::shed);
    CHECK_EQUAL(ladder.surplus(72 * mib), 12 * mib);
    ladder.look(59 * mib, ladder.due());
    CHECK(ladder.step() == MemoryStep::none);
    CHECK_EQUAL(ladder.due(), never);
}

TEST(without_a_budget_there_are_no_steps)
{
    MemoryLadder ladder(0);
    ladder.look(UINT64_MAX / 2, start);
    CHECK(ladder.step() == MemoryStep::none);
    CHECK_EQUAL(ladder.high(), UINT64_MAX);
}
