// SPDX-License-Identifier: ISC
//
// Runs a fuzz target without a fuzzer: over every file of the given folders, and over some
// mutations of each, always the same ones. A target that finds something wrong aborts.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

constexpr unsigned default_mutations = 200;
constexpr size_t largest_mutant = 16 * 1024;

// Bytes that grammars turn on.
constexpr uint8_t edges[] = {0,   1,   '\t', '\n', '\r', ' ', '"',  '#',  '*',  ',', '-',
                             '.', '/', '0',  '9',  ':',  ';', '=',  '@',  '[',  ']', '\\',
                             '{', '}', 'a',  'f',  'A',  '_', 0x7f, 0x80, 0xc0, 0xff};

void mutate(Bytes &bytes, std::mt19937 &random)
{
    auto below = [&](size_t limit) { return limit == 0 ? 0 : random() % limit; };
    auto at = [&](size_t place) { return bytes.begin() + static_cast<std::ptrdiff_t>(place); };
    size_t place = below(bytes.size() + 1);
    size_t length = std::min<size_t>(1 + below(8), bytes.size() - place);
    switch (below(5)) {
    case 0:
        if (place < bytes.size())
            bytes[place] = static_cast<uint8_t>(random());
        break;
    case 1:
        if (place < bytes.size())
            bytes[place] = edges[below(std::size(edges))];
        break;
    case 2:
        bytes.insert(at(place), edges[below(std::size(edges))]);
        break;
    case 3:
        bytes.erase(at(place), at(place + length));
        break;
    case 4: {
        Bytes copy(at(place), at(place + length));
        bytes.insert(at(below(bytes.size() + 1)), copy.begin(), copy.end());
    }
    }
    if (bytes.size() > largest_mutant)
        bytes.resize(largest_mutant);
}

// In a block of exactly its size, so that a sanitizer sees any read behind it.
void run(const Bytes &bytes)
{
    auto *copy = static_cast<uint8_t *>(malloc(bytes.size() + bytes.empty()));
    std::copy(bytes.begin(), bytes.end(), copy);
    LLVMFuzzerTestOneInput(copy, bytes.size());
    free(copy);
}

void replay(const std::filesystem::path &path, unsigned mutations)
{
    std::ifstream file(path, std::ios::binary);
    Bytes seed{std::istreambuf_iterator<char>(file), {}};
    run(seed);
    std::mt19937 random(1);
    for (unsigned i = 0; i < mutations; ++i) {
        Bytes mutant = seed;
        for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
            mutate(mutant, random);
        run(mutant);
    }
}

} // namespace

// PROGRAM [--mutations N] FOLDER...
int main(int argc, char **argv)
{
    unsigned mutations = default_mutations;
    unsigned files = 0;
    for (int i = 1; i < argc; ++i) {
        if (argv[i] == std::string("--mutations") && i + 1 < argc) {
            mutations = static_cast<unsigned>(atoi(argv[++i]));
            continue;
        }
        for (const auto &entry : std::filesystem::directory_iterator(argv[i])) {
            replay(entry.path(), mutations);
            ++files;
        }
    }
    run({});
    printf("%u passed, 0 failed, 0 skipped\n", files + 1);
    return 0;
}
