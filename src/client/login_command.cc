// SPDX-License-Identifier: ISC

#include "client/login_command.h"

#include "base/file.h"
#include "base/process.h"
#include "base/prompt.h"
#include "client/credentials.h"
#include "client/greeting.h"
#include "client/probe.h"
#include "client/verdict.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <unistd.h>

namespace tunnel {

namespace {

using Arguments = std::vector<std::string>;

// Ends the command with what an ordinary session would be told.
struct Refused {
    Complaint complaint;
};

[[noreturn]] void refuse(const ClientSettings &settings, const SessionEnd &end)
{
    throw Refused{judge({end, settings.server().text(), "", false, false}).complaint};
}

std::string one_server(const Arguments &arguments, const char *command)
{
    if (arguments.size() > 1)
        throw Failure(exit_usage, std::string(command) + ": one SERVER, HOST or HOST:PORT");
    return arguments.empty() ? "" : arguments[0];
}

// What is stored holds in whichever directory we are.
std::string absolute(const std::string &path)
{
    char whole[PATH_MAX];
    if (!realpath(path.c_str(), whole))
        throw Failure(exit_no_input, path + ": " + std::strerror(errno));
    return whole;
}

ClientSettings settings_of(const CommandLine &line, const std::string &server)
{
    const ClientConfig config = load_login_config(line, server);
    ClientSettings settings = config.settings;
    for (const std::string &warning : config.warnings)
        std::cerr << "tunnel: warning: " << warning << "\n";
    if (settings.server_addr.empty())
        throw Failure(exit_usage, "tunnel login: which SERVER? HOST or HOST:PORT");
    if (config.of_project)
        throw Failure(exit_usage, "tunnel login: a project's ./tunnel.yaml is not asked for the "
                                  "server; fix: tunnel login SERVER");
    if (settings.tls_verify == "off" && settings.tls_pin.empty())
        throw Failure(exit_usage, "tunnel login: a token for nobody in particular is not stored; "
                                  "fix: --pin instead of --tls-verify off");
    if (settings.tls_verify.find('/') != std::string::npos)
        settings.tls_verify = absolute(settings.tls_verify);
    return settings;
}

// ----------------------------------------------------------------------------- server

// The certificate is of nobody whom we know. The person may know it by its fingerprint.
void ask_for_trust(ClientSettings &settings, const SessionEnd &end, const StoredLogin *known)
{
    if (!person_is_there())
        throw Refused{{"E_TLS_UNTRUSTED", "the certificate of the server could not be verified",
                       "tls: " + settings.server().text() + ": " + end.sentence,
                       "if the operator confirms that fingerprint: tunnel login " +
                           settings.server().text() + " --pin " + end.fingerprint,
                       exit_no_permission}};
    std::cerr << settings.server().text() << ": " << end.sentence << "\n";
    if (known && !known->tls_pin.empty())
        std::cerr << "WARNING: at the last login it was another one, " << known->tls_pin
                  << "\nUnless the operator has changed it, somebody is in between.\n";
    std::cerr << "tunneld logs its fingerprint when it starts; its operator can tell it to you.\n";
    if (ask("Is it the one above? Type yes to trust it: ") != "yes")
        throw Refused{
            {"E_TLS_UNTRUSTED", "nothing was stored", "", "ask the operator", exit_no_permission}};
    settings.tls_pin = end.fingerprint;
    settings.tls_verify = "system";
}

// Before anything of ours is sent: is it the server that is meant?
void settle_trust(ClientSettings &settings, const StoredLogin *known)
{
    Greeting greeting = greet(settings);
    if (greeting.trusted)
        return;
    const SessionEnd &end = greeting.end;
    if (end.why != SessionEnd::Why::untrusted || !settings.tls_pin.empty())
        refuse(settings, end);
    if (known && known->tls_pin == end.fingerprint)
        settings.tls_pin = end.fingerprint;
    else
        ask_for_trust(settings, end, known);
}

// ------------------------------------------------------------------------------ token

std::string ask_for_token(const ClientSettings &settings)
{
    if (person_is_there())
        return checked_token(
            ask_hidden("Token for " + settings.server().text() + " (input hidden): "), "the token");
    std::string line;
    std::getline(std::cin, line);
    return checked_token(line, "standard input");
}

Account prove(const ClientSettings &settings)
{
    Probe probe(settings);
    if (probe.log_in())
        return probe.answer().account;
    if (!probe.knows_token())
        refuse(settings, probe.end());
    return {};
}

// ------------------------------------------------------------------------------ files

std::string make_credentials_place()
{
    const std::string path = client_credentials_file();
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (folder.has_parent_path())
        std::filesystem::create_directories(folder.parent_path(), error);
    if (std::filesystem::create_directory(folder, error))
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error)
        throw Failure(exit_cannot_create, folder.string() + ": " + error.message());
    return path;
}

void store(const ClientSettings &settings)
{
    const std::string path = make_credentials_place();
    const FileLock lock(path);
    Credentials credentials = Credentials::read(path);
    credentials.put(
        {settings.server().text(), settings.tls_verify, settings.tls_pin, settings.token});
    credentials.write(path);
}

std::string joined(const std::vector<std::string> &names)
{
    std::string text;
    for (const std::string &name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

void tell(const ClientSettings &settings, const Account &account)
{
    std::cout << "ok  logged in to " << settings.server().text();
    if (!account.user.empty())
        std::cout << " as " << account.user << "; may use: "
                  << (account.allowed.empty() ? "every name" : joined(account.allowed));
    if (!account.expires.empty())
        std::cout << "; until " << account.expires;
    std::cout << "\n    stored in " << client_credentials_file() << " (0600)\n";
}

int log_in(const CommandLine &line, const std::string &server)
{
    harden_process();
    ClientSettings settings = settings_of(line, server);
    const Credentials credentials = Credentials::read(client_credentials_file());
    settle_trust(settings, credentials.find(settings.server().text()));
    if (settings.token.empty())
        settings.token = ask_for_token(settings);
    const Account account = prove(settings);
    store(settings);
    tell(settings, account);
    return exit_ok;
}

} // namespace

int run_login(CommandLine &line, const Arguments &arguments)
{
    try {
        return log_in(line, one_server(arguments, "tunnel login"));
    } catch (const Refused &refused) {
        std::cerr << complaint_text(refused.complaint);
        return refused.complaint.exit;
    }
}

int run_logout(CommandLine &line, const Arguments &arguments)
{
    const std::string path = client_credentials_file();
    if (access(path.c_str(), F_OK) != 0) {
        std::cout << "nothing is stored\n";
        return exit_ok;
    }
    const std::string server = one_server(arguments, "tunnel logout");
    const FileLock lock(path);
    Credentials credentials = Credentials::read(path);
    ClientSettings settings = {};
    if (!server.empty())
        settings = load_login_config(line, server).settings;
    else if (credentials.latest())
        settings.server_addr = credentials.latest()->server_addr;
    const std::string name = settings.server_addr.empty() ? "" : settings.server().text();

    if (line.has("all"))
        credentials = {};
    else if (!credentials.remove(name))
        throw Failure(exit_no_input, "nothing is stored for " + name);
    credentials.write(path);
    std::cout << "ok  "
              << (line.has("all") ? "every login"
                  : name.empty()  ? "the token"
                                  : name)
              << " is forgotten; the token itself counts until its operator revokes it\n";
    return exit_ok;
}

} // namespace tunnel
