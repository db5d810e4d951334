// SPDX-License-Identifier: ISC

#include "server/token_store.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/text.h"
#include "server/options.h"

#include <algorithm>
#include <unistd.h>

namespace tunnel {

namespace {

constexpr size_t file_max = 16 * 1024 * 1024; // bytes
constexpr mode_t forbidden_permissions = 027;
constexpr mode_t mode_of_new = 0640;

TokenStore::Fresh renew(Token token)
{
    std::string secret = new_token();
    token.hash = sha256(secret);
    token.plain = false;
    return {std::move(secret), std::move(token)};
}

// Nobody is known, and nobody has to be.
class OpenDoor final : public TokenStore {
public:
    TokenTable load() const override { return TokenTable::open(); }
    std::vector<Token> list() const override { return {}; }
    Fresh add(Token) override { refuse(); }
    Token revoke(const std::string &) override { refuse(); }
    Fresh rotate(const std::string &) override { refuse(); }
    void watch(Loop &, std::function<void()>) override {}

private:
    [[noreturn]] static void refuse()
    {
        throw Failure(exit_config, "auth.mode is none: there are no tokens");
    }
};

} // namespace

// The file as it stands, and what its lines mean.
struct TokenFile::Lines {
    explicit Lines(const std::string &file, bool may_be_missing = false) : path(file)
    {
        if (!may_be_missing || access(path.c_str(), F_OK) == 0)
            text = read_secret_file(path, file_max, forbidden_permissions);
        for (std::string_view each : split(text, '\n'))
            lines.emplace_back(each);
        if (lines.back().empty()) // behind the last newline
            lines.pop_back();
        for (size_t i = 0; i < lines.size(); i++)
            if (is_token_line(lines[i]))
                tokens.emplace_back(i, parse_token(path, unsigned(i) + 1, lines[i]));
    }

    std::pair<size_t, Token> &find(const std::string &id)
    {
        auto is_it = [&id](const auto &each) {
            const std::string its = token_id(each.second.hash);
            return id == its || id == its.substr(its.find('_') + 1);
        };
        auto found = std::find_if(tokens.begin(), tokens.end(), is_it);
        if (found == tokens.end())
            throw Failure(exit_data, "there is no token " + id + "; see: tunnelctl token list");
        if (std::find_if(found + 1, tokens.end(), is_it) != tokens.end())
            throw Failure(exit_data, path + ": more than one line is the token " + id);
        return *found;
    }

    void save() const
    {
        std::string content;
        for (const std::string &line : lines)
            content += line + "\n";
        replace_file(path, content, mode_of_new);
        wipe(content);
    }

    std::string path, text;
    std::vector<std::string> lines;
    std::vector<std::pair<size_t, Token>> tokens; // and their lines
};

std::vector<Token> TokenFile::list() const
{
    std::vector<Token> tokens;
    for (auto &[line, token] : Lines(path_).tokens)
        tokens.push_back(std::move(token));
    return tokens;
}

TokenStore::Fresh TokenFile::add(Token rights)
{
    const FileLock lock(path_);
    Lines lines(path_, true);
    Fresh fresh = renew(std::move(rights));
    lines.lines.push_back(print_token(fresh.token));
    lines.save();
    return fresh;
}

Token TokenFile::revoke(const std::string &id)
{
    const FileLock lock(path_);
    Lines lines(path_);
    auto [line, token] = lines.find(id);
    lines.lines.erase(lines.lines.begin() + ptrdiff_t(line));
    lines.save();
    return token;
}

TokenStore::Fresh TokenFile::rotate(const std::string &id)
{
    const FileLock lock(path_);
    Lines lines(path_);
    auto [line, token] = lines.find(id);
    Fresh fresh = renew(std::move(token));
    lines.lines[line] = print_token(fresh.token);
    lines.save();
    return fresh;
}

void TokenFile::watch(Loop &loop, std::function<void()> changed)
{
    watch_ = std::make_unique<FileWatch>(loop, path_, std::move(changed));
}

std::unique_ptr<TokenStore> make_token_store(const ServerSettings &settings)
{
    if (settings.auth_mode == AuthMode::none)
        return std::make_unique<OpenDoor>();
    return std::make_unique<TokenFile>(settings.token_file);
}

} // namespace tunnel
