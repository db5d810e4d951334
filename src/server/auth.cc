// SPDX-License-Identifier: ISC

#include "server/auth.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <algorithm>
#include <ctime>

namespace tunnel {

namespace {

constexpr size_t file_max = 16 * 1024 * 1024; // bytes; some 150,000 tokens
constexpr mode_t forbidden_permissions = 027; // owner and group read it, nobody else

} // namespace

bool Identity::may_use(std::string_view subdomain) const
{
    auto allows = [subdomain](const std::string &name) { return matches_glob(name, subdomain); };
    return allowed.empty() || std::any_of(allowed.begin(), allowed.end(), allows);
}

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
        if (is_token_line(each))
            table.entries_.push_back(parse_token(file, line, each));
    }
    const std::vector<Token> &entries = table.entries_;
    const auto plain = std::count_if(entries.begin(), entries.end(),
                                     [](const Token &token) { return token.plain; });
    if (entries.empty())
        log_warn("no token can log in", {{"file", file}});
    if (plain != 0)
        log_warn("plain tokens in the token file: write user:sha256:<hex> instead",
                 {{"file", file}, {"tokens", plain}});
    return table;
}

TokenTable TokenTable::open()
{
    TokenTable table;
    table.open_ = true;
    return table;
}

std::optional<Identity> TokenTable::find(std::string_view token, int64_t now) const
{
    return find(sha256(token), now);
}

std::optional<Identity> TokenTable::find(std::string_view token) const
{
    return find(token, int64_t(time(nullptr)));
}

std::optional<Identity> TokenTable::find(const Sha256 &hash, int64_t now) const
{
    if (open_)
        return Identity{hash, "anonymous", {}};
    const Token *found = nullptr;
    for (const Token &entry : entries_)
        if (equal_in_constant_time(entry.hash, hash))
            found = &entry;
    if (!found || found->expired(now))
        return {};
    return Identity{hash, found->user, {}, found->names, found->expires};
}

int64_t TokenTable::next_expiry(int64_t now) const
{
    int64_t next = 0;
    for (const Token &entry : entries_)
        if (entry.expires > now && (next == 0 || entry.expires < next))
            next = entry.expires;
    return next;
}

} // namespace tunnel
