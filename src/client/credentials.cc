// SPDX-License-Identifier: ISC

#include "client/credentials.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/option.h"
#include "base/text.h"
#include "client/options.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace tunnel {

namespace {

using L = StoredLogin;

struct Stored {
    std::vector<StoredLogin> logins;
};

constexpr size_t file_max = 256 * 1024; // bytes

constexpr Option login_options[] = {
    {"server_addr",
     row::text<&L::server_addr>,
     "",
     "Where the token goes. Empty: to any server that the user names.",
     {.check = check_server_addr}},
    {"tls_verify", row::text<&L::tls_verify>, "system", "As tls.verify.", {.check = check_verify}},
    {"tls_pin", row::text<&L::tls_pin>, "", "As tls.pin.", {.check = check_pin}},
    {"token", row::secret<&L::token>, nullptr, "The token."},
};

constexpr Option options[] = {
    {"logins", row::items<&Stored::logins, login_options>, "[]", "The latest first."},
};

constexpr char head[] =
    "# Written by `tunnel login` and `tunnel logout`. Each token goes to its server alone.\n";

// As it was before there was `tunnel login`, and as scripts still write it.
bool is_bare_token(std::string_view content) { return content.find("logins:") == content.npos; }

void print(std::string &out, const char *key, const std::string &value)
{
    out += key;
    out += ": \"";
    append_yaml_escaped(out, value);
    out += "\"\n";
}

std::string text_of(const std::vector<StoredLogin> &logins)
{
    if (logins.size() == 1 && logins[0].server_addr.empty())
        return logins[0].token + "\n"; // it stays what it was
    std::string out = std::string(head) + "logins:\n";
    for (const StoredLogin &login : logins) {
        print(out, "  - server_addr", login.server_addr);
        print(out, "    tls_verify", login.tls_verify);
        print(out, "    tls_pin", login.tls_pin);
        print(out, "    token", login.token);
    }
    return out;
}

} // namespace

std::string checked_token(std::string_view content, const std::string &source)
{
    const std::string token(trim(content));
    for (unsigned char c : token)
        if (c <= ' ' || c >= 0x7f)
            throw Failure(exit_config, source + ": expected one token and nothing else");
    if (token.empty())
        throw Failure(exit_config, source + ": is empty");
    return token;
}

Credentials Credentials::read(const std::string &path)
{
    Credentials result;
    if (access(path.c_str(), F_OK) != 0)
        return result;
    const std::string content = read_secret_file(path, file_max, 077);
    if (is_bare_token(content)) {
        result.logins_.push_back({"", "system", "", checked_token(content, path)});
        return result;
    }
    Stored stored;
    OptionReader(options, &stored).load_text(path, content);
    for (const StoredLogin &login : stored.logins)
        checked_token(login.token, path);
    result.logins_ = std::move(stored.logins);
    return result;
}

void Credentials::write(const std::string &path) const
{
    if (!logins_.empty())
        return write_file(path, text_of(logins_), 0600);
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
        throw Failure(exit_cannot_create, path + ": cannot be removed: " + std::strerror(errno));
}

const StoredLogin *Credentials::find(const std::string &server) const
{
    auto found = std::find_if(logins_.begin(), logins_.end(), [&](const StoredLogin &login) {
        return login.server_addr == server;
    });
    return found == logins_.end() ? nullptr : &*found;
}

const StoredLogin *Credentials::latest() const
{
    auto found = std::find_if(logins_.begin(), logins_.end(),
                              [](const StoredLogin &login) { return !login.server_addr.empty(); });
    return found == logins_.end() ? nullptr : &*found;
}

const StoredLogin *Credentials::bare() const { return find(""); }

void Credentials::put(StoredLogin login)
{
    remove(login.server_addr);
    logins_.insert(logins_.begin(), std::move(login));
}

bool Credentials::remove(const std::string &server)
{
    return std::erase_if(
               logins_, [&](const StoredLogin &login) { return login.server_addr == server; }) != 0;
}

} // namespace tunnel
