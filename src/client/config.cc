// SPDX-License-Identifier: ISC
//
// Where a client's configuration comes from: the file, the environment, the command line, and
// the token from wherever it is kept.

#include "base/failure.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "client/credentials.h"
#include "client/options.h"

#include <cstdlib>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace tunnel {

namespace {

constexpr char project_file[] = "tunnel.yaml"; // of the working directory

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

void load_file(OptionReader &reader, ClientConfig &config, const CommandLine &line)
{
    const std::string named = named_file(line);
    config.config_file = named.empty() ? found_file() : named;
    if (config.config_file.empty())
        return;
    reader.load_file(config.config_file);
    config.of_project = named.empty() && config.config_file == project_file;
    if (!config.of_project && !config.settings.token.empty() && others_can_read(config.config_file))
        throw Failure(exit_config, config.config_file +
                                       " holds a token and others can read it; fix: chmod 600 " +
                                       config.config_file);
}

// ------------------------------------------------------------------------------- token

// Whether the project's file said so, and neither the environment nor the command line.
bool project_says(const OptionReader &reader, const ClientConfig &config, const char *key)
{
    return config.of_project && reader.source_of(key) == OptionSource::file;
}

// Nor may it say that anybody may pass for the server that the user has chosen.
void distrust_tls_of_project(const OptionReader &reader, ClientConfig &config)
{
    for (const char *key : {"tls.verify", "tls.pin"})
        if (project_says(reader, config, key))
            config.warnings.push_back(std::string(key) +
                                      " in ./tunnel.yaml is not used, since "
                                      "the server is not from there; fix: -c ./tunnel.yaml");
    if (project_says(reader, config, "tls.verify"))
        config.settings.tls_verify = "system";
    if (project_says(reader, config, "tls.pin"))
        config.settings.tls_pin.clear();
}

// A project's file may send nothing of the user's anywhere: no token of its own, which all who
// have the project would share, none out of a file that it names, and none out of the
// environment to the server that it names.
void distrust_project(const OptionReader &reader, ClientConfig &config)
{
    ClientSettings &settings = config.settings;
    const std::string fix = "; fix: tunnel login, or name the file: -c ./tunnel.yaml";
    auto forget = [&](std::string &value, const std::string &what) {
        if (!value.empty())
            config.warnings.push_back(what + fix);
        value.clear();
    };
    if (project_says(reader, config, "token"))
        forget(settings.token,
               "the token in ./tunnel.yaml is not used, since a project's files are shared");
    if (project_says(reader, config, "token_file"))
        forget(settings.token_file, "token_file in ./tunnel.yaml is not used: a project's file "
                                    "could name any secret of yours");
    if (!project_says(reader, config, "server_addr"))
        return distrust_tls_of_project(reader, config);
    const std::string what =
        " is not sent to " + settings.server_addr + ", which only ./tunnel.yaml names";
    if (reader.source_of("token") == OptionSource::environment)
        forget(settings.token, "$TUNNEL_TOKEN" + what);
    if (reader.source_of("token_file") == OptionSource::environment)
        forget(settings.token_file, "the token in $TUNNEL_TOKEN_FILE" + what);
}

// How the server is known again was found out when the token was stored. Only the user himself
// may say otherwise.
void trust_as_stored(const OptionReader &reader, ClientConfig &config, const StoredLogin &login)
{
    for (const char *key : {"tls.verify", "tls.pin"})
        if (reader.source_of(key) != OptionSource::initial && !project_says(reader, config, key))
            return;
    config.settings.tls_verify = login.tls_verify;
    config.settings.tls_pin = login.tls_pin;
}

// A stored token goes to the server that it was stored for.
const StoredLogin *login_for(const OptionReader &reader, const ClientConfig &config,
                             const Credentials &credentials)
{
    const ClientSettings &settings = config.settings;
    if (settings.server_addr.empty())
        return credentials.latest() ? credentials.latest() : credentials.bare();
    const StoredLogin *login = credentials.find(settings.server().text());
    return login || project_says(reader, config, "server_addr") ? login : credentials.bare();
}

void use_stored_login(const OptionReader &reader, ClientConfig &config)
{
    ClientSettings &settings = config.settings;
    if (!settings.server_addr.empty() && !settings.token.empty())
        return;
    const Credentials credentials = Credentials::read(client_credentials_file());
    const StoredLogin *login = login_for(reader, config, credentials);
    if (!login)
        return;
    if (!login->server_addr.empty()) {
        settings.server_addr = login->server_addr;
        trust_as_stored(reader, config, *login);
    }
    if (!settings.token.empty())
        return;
    settings.token = login->token;
    config.token_origin = client_credentials_file();
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
    distrust_project(reader, config);
    if (line.has("token-stdin")) {
        settings.token = token_of_stdin();
        config.token_origin = "standard input";
    } else if (token_file_counts(reader, settings)) {
        settings.token = checked_token(read_secret_file(settings.token_file, token_max, 027),
                                       settings.token_file);
        config.token_origin = settings.token_file;
    } else if (!settings.token.empty()) {
        config.token_origin = reader.place_of("token");
    }
    if (reader.source_of("token") == OptionSource::flag)
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

ClientConfig load_login_config(CommandLine line, const std::string &server)
{
    ClientConfig config;
    OptionReader reader(client_options(), &config.settings);
    if (server.empty())
        load_file(reader, config, line);
    else
        line.settings.push_back({"server_addr", server, "--server"});
    reader.load_environment();
    reader.apply(line);
    find_token(reader, line, config);
    return config;
}

ClientConfig load_client_config(const CommandLine &line)
{
    ClientConfig config;
    OptionReader reader(client_options(), &config.settings);
    load_file(reader, config, line);
    reader.load_environment();
    reader.apply(line);
    find_token(reader, line, config);
    use_stored_login(reader, config);
    finish_tunnels(reader, config.settings);
    return config;
}

} // namespace tunnel
