// SPDX-License-Identifier: ISC

#include "server/auth.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <algorithm>

namespace tunnel {

namespace {

constexpr size_t file_max = 16 * 1024 * 1024; // bytes; some 150,000 tokens
constexpr mode_t forbidden_permissions = 027; // owner and group read it, nobody else
constexpr size_t user_max = 64;

bool is_user(std::string_view user)
{
    auto is_fine = [](unsigned char c) { return c > ' ' && c != 127; };
    return !user.empty() && user.size() <= user_max &&
           std::all_of(user.begin(), user.end(), is_fine);
}

// Who is only known by a token is called by the first digits of its hash.
std::string nameless(const Sha256 &hash) { return "token-" + to_hex(std::span(hash).first(4)); }

} // namespace

TokenTable TokenTable::read(const std::string &file)
{
    std::string text = read_secret_file(file, file_max, forbidden_permissions);
    TokenTable table = parse(file, text);
    wipe(text);
    return table;
}

TokenTable TokenTable::parse(const std::string &file, std::string_view text)
{
    TokenTable table;
    unsigned line = 0;
    for (std::string_view each : split(text, '\n')) {
        line++;
        each = trim(each);
        if (!each.empty() && each.front() != '#')
            table.add(file, line, each);
    }
    if (table.entries_.empty())
        log_warn("no token can log in", {{"file", file}});
    if (table.plain_ != 0)
        log_warn("plain tokens in the token file: write user:sha256:<hex> instead",
                 {{"file", file}, {"tokens", table.plain_}});
    return table;
}

TokenTable TokenTable::open()
{
    TokenTable table;
    table.open_ = true;
    return table;
}

// What is wrong is said without quoting the line: it may hold a token.
void TokenTable::add(const std::string &file, unsigned line, std::string_view text)
{
    std::vector<std::string_view> parts = split(text, ':');
    bool hashed = parts.size() >= 2 && parts[1] == "sha256";
    if (hashed) {
        auto bytes = parts.size() == 3 ? from_hex(parts[2]) : std::nullopt;
        if (!bytes || bytes->size() != sizeof(Sha256))
            throw Failure(file, line, 1, "expected user:sha256:<64 hexadecimal digits>");
        if (!is_user(parts[0]))
            throw Failure(file, line, 1, "expected a user name in front of \":sha256:\"");
        Entry entry = {{}, std::string(parts[0])};
        std::copy(bytes->begin(), bytes->end(), entry.hash.begin());
        entries_.push_back(std::move(entry));
        return;
    }
    if (parts.size() > 2 || parts[0].empty() || (parts.size() == 2 && !is_user(parts[1])))
        throw Failure(file, line, 1, "expected user:sha256:<hex>, token:user, or token");
    plain_++;
    Sha256 hash = sha256(parts[0]);
    std::string user = parts.size() == 2 ? std::string(parts[1]) : nameless(hash);
    entries_.push_back({hash, std::move(user)});
}

std::optional<Identity> TokenTable::find(std::string_view token) const
{
    Sha256 hash = sha256(token);
    if (open_)
        return Identity{hash, "anonymous", {}};
    const Entry *found = nullptr;
    for (const Entry &entry : entries_)
        if (equal_in_constant_time(entry.hash, hash))
            found = &entry;
    if (!found)
        return {};
    return Identity{hash, found->user, {}};
}

} // namespace tunnel
