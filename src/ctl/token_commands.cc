// SPDX-License-Identifier: ISC

#include "ctl/commands.h"

#include "base/failure.h"
#include "base/text.h"
#include "base/table.h"
#include "server/token_store.h"

#include <ctime>
#include <iostream>
#include <jansson.h>

namespace tunnel {

namespace {

int64_t now() { return int64_t(time(nullptr)); }

// "30d" from now, or a date.
int64_t read_expiry(const Arguments &arguments)
{
    if (!arguments.has("expires"))
        return 0;
    const std::string text = arguments.value("expires");
    if (const int64_t date = parse_date(text))
        return date;
    const auto span = parse_duration(text);
    if (!span || *span == 0)
        throw Failure(exit_usage, "--expires: expected a span such as 30d, or a date (YYYY-MM-DD)");
    return now() + int64_t(*span / second);
}

std::vector<std::string> read_names(const Arguments &arguments)
{
    std::vector<std::string> names;
    const std::string list = arguments.value("subdomains");
    for (std::string_view each : split(list, ','))
        if (const std::string name = to_lower(trim(each)); !name.empty()) {
            if (!is_name_pattern(name))
                throw Failure(exit_usage, "--subdomains: expected letters, digits, hyphens and *, "
                                          "such as app,alice-*");
            names.push_back(name);
        }
    if (arguments.has("subdomains") && names.empty())
        throw Failure(exit_usage, "--subdomains: expected at least one name");
    return names;
}

std::string joined(const std::vector<std::string> &names)
{
    std::string text;
    for (const std::string &name : names)
        text += (text.empty() ? "" : ",") + name;
    return text;
}

const char *state_of(const Token &token)
{
    return token.expired(now()) ? "expired" : token.plain ? "plain text" : "good";
}

json_t *as_json(const Token &token, const char *secret)
{
    json_t *names = json_array();
    for (const std::string &name : token.names)
        json_array_append_new(names, json_string(name.c_str()));
    json_t *value = json_pack("{s:s,s:s,s:o,s:s}", "id", token_id(token.hash).c_str(), "user",
                              token.user.c_str(), "subdomains", names, "state", state_of(token));
    if (token.expires != 0)
        json_object_set_new(value, "expires", json_string(print_date(token.expires).c_str()));
    if (secret)
        json_object_set_new(value, "token", json_string(secret));
    return value;
}

void print_json(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(value);
    std::cout << (text ? text : "null") << "\n";
    free(text);
}

// The secret alone is on standard output, so that it can be taken from there.
void print_fresh(const Arguments &arguments, TokenStore::Fresh &fresh)
{
    if (arguments.json()) {
        print_json(as_json(fresh.token, fresh.secret.c_str()));
    } else {
        std::cout << fresh.secret << std::endl;
        std::cerr << "token " << token_id(fresh.token.hash) << " of " << fresh.token.user
                  << ", shown this once; the client keeps it by: tunnel login SERVER\n";
    }
    wipe(fresh.secret);
}

int add(const Arguments &arguments)
{
    Token rights;
    rights.user = arguments.word(2);
    if (!is_token_user(rights.user))
        throw Failure(exit_usage, "a user has 1 to 64 characters, without spaces and colons");
    rights.names = read_names(arguments);
    rights.expires = read_expiry(arguments);
    TokenStore::Fresh fresh = make_token_store(arguments.token_settings())->add(std::move(rights));
    print_fresh(arguments, fresh);
    return exit_ok;
}

int list(const Arguments &arguments)
{
    const std::vector<Token> tokens = make_token_store(arguments.token_settings())->list();
    json_t *all = json_array();
    Table table({"ID", "USER", "SUBDOMAINS", "EXPIRES", "STATE"});
    for (const Token &token : tokens) {
        json_array_append_new(all, as_json(token, nullptr));
        table.add({token_id(token.hash), token.user,
                   token.names.empty() ? "*" : joined(token.names),
                   token.expires ? print_date(token.expires) : "never", state_of(token)});
    }
    if (arguments.json())
        print_json(json_pack("{s:O}", "tokens", all));
    else
        std::cout << table.text();
    json_decref(all);
    return exit_ok;
}

int revoke(const Arguments &arguments)
{
    const Token token = make_token_store(arguments.token_settings())->revoke(arguments.word(2));
    if (arguments.json())
        print_json(as_json(token, nullptr));
    else
        std::cout << "revoked " << token_id(token.hash) << " of " << print_printable(token.user)
                  << "\n";
    return exit_ok;
}

int rotate(const Arguments &arguments)
{
    TokenStore::Fresh fresh =
        make_token_store(arguments.token_settings())->rotate(arguments.word(2));
    print_fresh(arguments, fresh);
    return exit_ok;
}

constexpr Command commands[] = {
    {"token add", "USER", "token-file subdomains expires",
     "make a token, show it once, keep its hash", add},
    {"token list", nullptr, "token-file", "the tokens' ids, users and rights", list},
    {"token revoke", "ID", "token-file", "end a token and its sessions", revoke},
    {"token rotate", "ID", "token-file", "replace a token by a new one with the same rights",
     rotate},
};

} // namespace

std::span<const Command> token_commands() { return commands; }

} // namespace tunnel
