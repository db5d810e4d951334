// SPDX-License-Identifier: ISC

#include "base/byte_queue.h"
#include "check.h"
#include "peers.h"

#include <malloc.h>
#include <thread>

using namespace tunnel;

static std::span<const uint8_t> bytes_of(const std::string &text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

static std::string take_all(ByteQueue &queue, size_t step)
{
    std::string all, part(step, 0);
    while (!queue.empty())
        all.append(part.data(), queue.take(reinterpret_cast<uint8_t *>(part.data()), step));
    return all;
}

TEST(what_goes_in_comes_out_in_order)
{
    std::string in = peers::pattern(1'000'000);
    for (size_t step : {1u, 7u, 512u, 16'384u, 1'000'000u}) {
        ByteQueue queue;
        for (size_t at = 0; at < in.size(); at += 9'999)
            queue.append(bytes_of(in.substr(at, 9'999)));
        CHECK_EQUAL(queue.size(), in.size());
        CHECK(take_all(queue, step) == in);
    }
}

TEST(peek_describes_and_drain_removes_the_head)
{
    ByteQueue queue;
    std::string in = peers::pattern(100'000);
    queue.append(bytes_of(in));
    queue.drain(33);
    iovec pieces[3];
    CHECK_EQUAL(queue.peek(pieces, 3), 3u);
    CHECK(memcmp(pieces[0].iov_base, in.data() + 33, pieces[0].iov_len) == 0);
    CHECK(queue.front().data() == pieces[0].iov_base);
    queue.drain(pieces[0].iov_len + 5);
    CHECK(static_cast<uint8_t *>(pieces[1].iov_base) + 5 == queue.front().data());
    CHECK(take_all(queue, 4096) == in.substr(33 + pieces[0].iov_len + 5));
    CHECK(queue.front().empty());
    CHECK_EQUAL(queue.peek(pieces, 3), 0u);
}

TEST(a_moved_queue_is_empty)
{
    ByteQueue a, b;
    a.append(bytes_of("hello"));
    b.append(bytes_of("gone"));
    b = std::move(a);
    CHECK(a.empty() && a.front().empty());
    ByteQueue c(std::move(b));
    CHECK(b.empty());
    CHECK(take_all(c, 3) == "hello");
    c.append(bytes_of("again"));
    CHECK_EQUAL(c.size(), 5u);
}

TEST(ten_thousand_small_queues_stay_small)
{
    std::vector<ByteQueue> queues(10'000);
    size_t before = mallinfo2().uordblks;
    for (auto &queue : queues)
        queue.append(bytes_of("forty bytes of an answer that must wait."));
    size_t each = (mallinfo2().uordblks - before) / queues.size();
    CHECK(each <= 600);
}

TEST(a_full_window_costs_little_more_than_itself)
{
    ByteQueue warm;
    size_t before = mallinfo2().uordblks;
    ByteQueue queue;
    std::string part = peers::pattern(1400);
    for (size_t size = 0; size < 256 * 1024; size += part.size())
        queue.append(bytes_of(part));
    CHECK(mallinfo2().uordblks - before <= 256 * 1024 * 110 / 100);
}

TEST(blocks_may_be_freed_by_another_thread)
{
    ByteQueue queue;
    queue.append(bytes_of(peers::pattern(500'000)));
    std::thread([moved = std::move(queue)]() mutable { moved.clear(); }).join();
    queue.append(bytes_of("x"));
    CHECK_EQUAL(queue.size(), 1u);
}
