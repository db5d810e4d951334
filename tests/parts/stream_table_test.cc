// SPDX-License-Identifier: ISC

#include "check.h"

#include "core/stream_table.h"

#include <cstdlib>
#include <map>
#include <random>

using namespace tunnel::core;

namespace {

void *give(void *, size_t size, size_t) { return malloc(size); }
void take(void *, void *memory, size_t) { free(memory); }

struct Fixture {
    StreamPool pool = {};
    StreamTable table;

    explicit Fixture(uint32_t random = 12345)
    {
        pool.memory = {.alloc = give, .free = take, .ctx = nullptr};
        table_init(table, pool, random);
    }
    ~Fixture()
    {
        table_release(table);
        CHECK(pool.bytes == 0);
    }
    void insert(uint32_t id)
    {
        CHECK(table_reserve(table, table_count(table) + 1));
        table_insert(table, id, id ^ 0x5555);
    }
    bool has(uint32_t id) { return table_find(table, id) == (id ^ 0x5555); }
};

void agrees_with(Fixture &fixture, const std::map<uint32_t, bool> &model)
{
    uint32_t cursor = 0, count = 0;
    while (table_walk(fixture.table, &cursor) != no_slot)
        count++;
    CHECK(count == model.size());
    CHECK(table_count(fixture.table) == model.size());
    for (const auto &[id, present] : model)
        CHECK(fixture.has(id));
}

} // namespace

TEST(eight_entries_need_no_allocation_up_to_six)
{
    Fixture fixture;
    for (uint32_t id = 1; id <= 6; id++)
        fixture.insert(id);
    CHECK(fixture.pool.bytes == 0);
    CHECK(fixture.has(6) && !fixture.has(7));
}

TEST(it_agrees_with_a_sorted_map_whatever_happens)
{
    for (uint32_t seed = 0; seed < 30; seed++) {
        Fixture fixture(seed * 7919);
        std::map<uint32_t, bool> model;
        std::mt19937 random(seed);
        uint32_t stride = seed % 3 == 0 ? 1024 : seed % 3 == 1 ? 2 : 0x10001;
        for (int i = 0; i < 4000; i++) {
            uint32_t id = (random() % 1500 + 1) * stride;
            bool grows = i < 2000 ? random() % 4 != 0 : random() % 4 == 0;
            if (grows && !model.count(id)) {
                fixture.insert(id);
                model[id] = true;
            } else if (!grows && model.count(id)) {
                table_remove(fixture.table, id);
                model.erase(id);
                CHECK(!fixture.has(id));
            }
            if (i % 500 == 0)
                agrees_with(fixture, model);
        }
        agrees_with(fixture, model);
    }
}

TEST(a_hundred_thousand_ids_are_found)
{
    Fixture fixture;
    for (uint32_t id = 1; id < 200000; id += 2)
        fixture.insert(id);
    uint32_t missing = 0;
    for (uint32_t id = 1; id < 200000; id += 2)
        missing += !fixture.has(id) || fixture.has(id + 1);
    CHECK(missing == 0);
    CHECK(fixture.pool.bytes <= 100000 * 21); // the smaller array too, while it is emptied
}

// With the 84 bytes of a stream itself: at most 96.
TEST(an_entry_costs_less_than_twelve_bytes_once_a_growth_is_over)
{
    Fixture fixture;
    for (uint32_t id = 1; id < 50000; id += 2) {
        fixture.insert(id);
        uint32_t count = table_count(fixture.table);
        if (count > 100 && fixture.table.old.count == 0)
            CHECK(fixture.pool.bytes < count * 12);
    }
}
