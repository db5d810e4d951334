// SPDX-License-Identifier: ISC
//
// Where a client's configuration comes from: the file, the environment, the command line, and
// the token from wherever it is kept.

#include "base/failure.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "client/options.h"

#include <cstdlib>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace tunnel {

namespace {

constexpr char project_file[] = "tunnel.yaml"; // of the working directory
constexpr size_t token_max = 4096;             // bytes of a file that holds one

std::string user_directory() { return xdg_directory("XDG_CONFIG_HOME", ".config") + "/tunnel"; }

// The file that was asked for by name, or "".
std::string named_file(const CommandLine &line)
{
    if (const auto flag = line.flags.find("config"); flag != line.flags.end())
        return flag->second;
    const char *variable = getenv("TUNNEL_CONFIG");
    return variable ? variable : "";
}

std::string found_file()
{
    for (const std::string &place : client_config_places())
        if (access(place.c_str(), R_OK) == 0)
            return place;
    return "";
}

// A group is others if the file is ours; where an administrator's file may be read by a group,
// that is how it comes to us.
bool others_can_read(const std::string &path)
{
    struct stat info;
    if (stat(path.c_str(), &info) != 0)
        return false;
    const mode_t group = info.st_uid == geteuid() ? S_IRGRP : 0;
    return info.st_mode & (group | S_IROTH);
}

// A token in a file that others see: in a project's it is not used, in ours it is told.
void look_after_token(ClientConfig &config, bool of_project)
{
    ClientSettings &settings = config.settings;
    if (settings.token.empty())
        return;
    if (of_project) {
        settings.token.clear();
        config.warnings.push_back(
            "the token in ./tunnel.yaml is not used, since a project's files are "
            "shared; fix: move it to " +
            client_credentials_file());
    } else if (others_can_read(config.config_file)) {
        config.warnings.push_back(config.config_file +
                                  " holds a token and others can read it; fix: chmod 600 " +
                                  config.config_file);
    }
}

void load_file(OptionReader &reader, ClientConfig &config, const CommandLine &line)
{
    const std::string named = named_file(line);
    config.config_file = named.empty() ? found_file() : named;
    if (config.config_file.empty())
        return;
    reader.load_file(config.config_file);
    look_after_token(config, named.empty() && config.config_file == project_file);
}

std::string checked_token(const std::string &content, const std::string &source)
{
    const std::string token(trim(content));
    for (unsigned char c : token)
        if (c <= ' ' || c >= 0x7f)
            throw Failure(exit_config, source + ": expected one token and nothing else");
    if (token.empty())
        throw Failure(exit_config, source + ": is empty");
    return token;
}

std::string token_of_stdin()
{
    std::string token(token_max, '\0');
    size_t size = 0;
    while (size < token.size() && (size == 0 || token[size - 1] != '\n')) {
        const ssize_t n = read(STDIN_FILENO, &token[size], 1); // what follows is not ours
        if (n <= 0)
            break;
        ++size;
    }
    token.resize(size);
    return checked_token(token, "standard input");
}

// Which of two keys wins is decided by where they were given, as for any other key.
bool token_file_counts(const OptionReader &reader, const ClientSettings &settings)
{
    if (settings.token_file.empty())
        return false;
    const OptionSource file = reader.source_of("token_file"), token = reader.source_of("token");
    if (!settings.token.empty() && file == token)
        reader.fail("token_file", "only one of token and token_file can be given");
    return settings.token.empty() || file > token;
}

void find_token(const OptionReader &reader, const CommandLine &line, ClientConfig &config)
{
    ClientSettings &settings = config.settings;
    const std::string credentials = client_credentials_file();
    if (line.has("token-stdin"))
        settings.token = token_of_stdin();
    else if (token_file_counts(reader, settings))
        settings.token = checked_token(read_secret_file(settings.token_file, token_max, 027),
                                       settings.token_file);
    else if (settings.token.empty() && access(credentials.c_str(), F_OK) == 0)
        settings.token = checked_token(read_secret_file(credentials, token_max, 077), credentials);
    else if (reader.source_of("token") == OptionSource::flag)
        config.warnings.push_back("everybody on this machine could see --token in the list of "
                                  "processes; better: TUNNEL_TOKEN, or --token-file");
}

std::string default_name(const TunnelSettings &tunnel)
{
    return tunnel.subdomain.empty() ? std::to_string(tunnel.local_port) : tunnel.subdomain;
}

// Names are in lower case and tell the tunnels apart.
void finish_tunnels(const OptionReader &reader, ClientSettings &settings)
{
    std::set<std::string> names, subdomains;
    settings.subdomain = to_lower(settings.subdomain);
    for (size_t i = 0; i < settings.tunnels.size(); ++i) {
        TunnelSettings &tunnel = settings.tunnels[i];
        const std::string key = "tunnels[" + std::to_string(i) + "]";
        tunnel.subdomain = to_lower(tunnel.subdomain);
        if (tunnel.name.empty())
            tunnel.name = default_name(tunnel);
        if (!names.insert(tunnel.name).second)
            reader.fail(key, "there is another tunnel with the name \"" + tunnel.name + "\"");
        if (!tunnel.subdomain.empty() && !subdomains.insert(tunnel.subdomain).second)
            reader.fail(key,
                        "there is another tunnel with the subdomain \"" + tunnel.subdomain + "\"");
    }
}

} // namespace

std::vector<std::string> client_config_places()
{
    return {project_file, user_directory() + "/tunnel.yaml", "/etc/tunnel.yaml"};
}

std::string client_credentials_file() { return user_directory() + "/credentials"; }

ClientConfig load_client_config(const CommandLine &line)
{
    ClientConfig config;
    OptionReader reader(client_options(), &config.settings);
    load_file(reader, config, line);
    reader.load_environment();
    reader.apply(line);
    find_token(reader, line, config);
    finish_tunnels(reader, config.settings);
    return config;
}

} // namespace tunnel
