// SPDX-License-Identifier: ISC

#include "server/token.h"

#include "base/failure.h"
#include "base/random.h"
#include "base/text.h"

#include <algorithm>
#include <span>

namespace tunnel {

namespace {

constexpr size_t user_max = 64;
constexpr size_t names_max = 256;
constexpr size_t id_bytes = 4;

// Who is only known by a token is called by the first digits of its hash.
std::string nameless(const Sha256 &hash)
{
    return "token-" + to_hex(std::span(hash).first(id_bytes));
}

bool take_names(Token &token, std::string_view value)
{
    for (std::string_view each : split(value, ',')) {
        if (!is_name_pattern(each) || token.names.size() >= names_max)
            return false;
        token.names.emplace_back(each);
    }
    return true;
}

bool take_expiry(Token &token, std::string_view value)
{
    token.expires = parse_date(value);
    return token.expires != 0;
}

struct TokenOption {
    std::string_view key;
    bool (*take)(Token &token, std::string_view value);
    const char *expected;
};

constexpr TokenOption options[] = {
    {"subdomains", take_names, "subdomains=a,alice-*: letters, digits, hyphens and *"},
    {"expires", take_expiry, "expires=YYYY-MM-DDThh:mm:ssZ"},
};

// What is not understood may be a restriction, so it is refused.
std::string take_option(Token &token, std::string_view text)
{
    const size_t equals = std::min(text.find('='), text.size());
    for (const TokenOption &option : options) {
        if (option.key != text.substr(0, equals))
            continue;
        const bool fine = equals < text.size() && option.take(token, text.substr(equals + 1));
        return fine ? "" : std::string("expected ") + option.expected;
    }
    return "unknown option of a token; there are subdomains= and expires=";
}

Token parse_plain(const std::string &file, unsigned line,
                  const std::vector<std::string_view> &parts)
{
    if (parts.size() > 2 || parts[0].empty() || (parts.size() == 2 && !is_token_user(parts[1])))
        throw Failure(file, line, 1, "expected user:sha256:<hex>, token:user, or token");
    Token token;
    token.hash = sha256(parts[0]);
    token.user = parts.size() == 2 ? std::string(parts[1]) : nameless(token.hash);
    token.plain = true;
    return token;
}

} // namespace

std::string token_id(const Sha256 &hash)
{
    return "tok_" + to_hex(std::span(hash).first(id_bytes));
}

std::string new_token() { return "tn_" + random_id(52); }

bool is_token_user(std::string_view user)
{
    auto is_fine = [](unsigned char c) { return c > ' ' && c != 127 && c != ':'; };
    return !user.empty() && user.size() <= user_max && user.front() != '#' &&
           std::all_of(user.begin(), user.end(), is_fine);
}

bool is_name_pattern(std::string_view pattern)
{
    auto is_fine = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '*';
    };
    return !pattern.empty() && pattern.size() <= 63 &&
           std::all_of(pattern.begin(), pattern.end(), is_fine);
}

bool is_token_line(std::string_view line)
{
    line = trim(line);
    return !line.empty() && line.front() != '#';
}

Token parse_token(const std::string &file, unsigned line, std::string_view text)
{
    text = trim(text);
    const std::vector<std::string_view> parts = split(text, ':');
    if (parts.size() < 2 || parts[1] != "sha256")
        return parse_plain(file, line, parts);
    const auto bytes = parts.size() >= 3 ? from_hex(parts[2]) : std::nullopt;
    if (!bytes || bytes->size() != sizeof(Sha256))
        throw Failure(file, line, 1, "expected user:sha256:<64 hexadecimal digits>");
    if (!is_token_user(parts[0]))
        throw Failure(file, line, 1, "expected a user name in front of \":sha256:\"");
    Token token;
    token.user = parts[0];
    std::copy(bytes->begin(), bytes->end(), token.hash.begin());
    if (parts.size() == 3)
        return token;
    const size_t start = size_t(parts[3].data() - text.data());
    for (std::string_view option : split(text.substr(start), ';'))
        if (const std::string wrong = take_option(token, option); !wrong.empty())
            throw Failure(file, line, unsigned(start) + 1, wrong);
    return token;
}

std::string print_token(const Token &token)
{
    std::string names;
    for (const std::string &each : token.names)
        names += (names.empty() ? "subdomains=" : ",") + each;
    std::string text = token.user + ":sha256:" + to_hex(token.hash);
    if (!names.empty())
        text += ":" + names;
    if (token.expires != 0)
        text += (names.empty() ? ":expires=" : ";expires=") + print_date(token.expires);
    return text;
}

} // namespace tunnel
