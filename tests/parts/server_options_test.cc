// SPDX-License-Identifier: ISC

#include "server/options.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/option_change.h"
#include "check.h"

#include <cstdlib>
#include <unistd.h>

using namespace tunnel;

namespace {

// A configuration file that is gone afterwards.
struct File {
    std::string path = "/tmp/server_options_test." + std::to_string(getpid());
    explicit File(const std::string &yaml) { write_file(path, yaml, 0644); }
    ~File() { unlink(path.c_str()); }
};

std::string fault(const std::string &yaml)
{
    const File file(yaml);
    try {
        load_server_settings(file.path);
    } catch (const Failure &failure) {
        CHECK(failure.code() == exit_config);
        const std::string text = failure.what();
        CHECK(text.starts_with(file.path + ":"));
        return text.substr(file.path.size() + 1);
    }
    return "";
}

bool faulty(const std::string &yaml, const char *start) { return fault(yaml).starts_with(start); }

ServerCommand command(std::vector<std::string> words)
{
    words.insert(words.begin(), "tunneld");
    std::vector<char *> pointers;
    for (std::string &word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return read_server_command(int(words.size()), pointers.data());
}

} // namespace

TEST(the_defaults_are_safe_to_try)
{
    const File file("# nothing\n");
    const ServerSettings s = load_server_settings(file.path);
    CHECK(s.control_addr == "127.0.0.1:9000" && s.http_addr == "127.0.0.1:8080" && s.control_tls);
    CHECK(s.domains == std::vector<std::string>({"localhost"}) && s.auth_mode == AuthMode::token);
    CHECK(s.request_timeout == 30 * second && s.relay_idle_timeout == 0);
    CHECK(s.max_header_bytes == 32 * 1024 && s.session_memory == 64 << 20);
    CHECK(s.trusted_proxies.size() == 2 && s.reserved_subdomains.size() == 7);
    CHECK(s.log_level == LogLevel::info && s.log().output == "stderr" &&
          s.log().access_log.empty());
}

TEST(what_is_printed_as_the_default_is_the_default)
{
    const File nothing("# nothing\n");
    const std::string defaults = server_dump(load_server_settings(nothing.path));
    const File file(server_default_config());
    CHECK(server_dump(load_server_settings(file.path)) == defaults);
    const File dumped(defaults);
    CHECK(server_dump(load_server_settings(dumped.path)) == defaults);
}

TEST(an_open_door_is_on_loopback_only)
{
    CHECK(faulty("auth: {mode: none}\ncontrol_addr: \":9000\"", "1:8: auth.mode: none would"));
    CHECK(faulty("control_tls: false\ncontrol_addr: 192.0.2.1:9000",
                 "1:1: control_tls: false would"));
    CHECK(fault("auth: {mode: none}\ncontrol_tls: false\ncontrol_addr: \"[::1]:9000\"").empty());
}

TEST(what_belongs_together_is_given_together)
{
    CHECK(faulty("tls: {cert_file: a}", "1:7: tls.cert_file: needs tls.key_file"));
    CHECK(faulty("tls: {key_file: a}", "1:7: tls.key_file: needs tls.cert_file"));
    CHECK(faulty("domain: []", "1:1: domain: expected at least one"));
    CHECK(faulty("auth: {token_file: \"\"}", "1:8: auth.token_file: is needed"));
    CHECK(faulty("http_addr: 127.0.0.1:9000", "1:1: http_addr: is the same"));
    CHECK(fault("http_addr: 127.0.0.1:0\ncontrol_addr: 127.0.0.1:0").empty());
}

TEST(addresses_names_and_networks_are_checked)
{
    for (const char *bad : {"9000", "localhost:9000", ":99999", "1.2.3:80", "127.0.0.1"})
        CHECK(faulty("http_addr: \"" + std::string(bad) + "\"",
                     "1:12: http_addr: expected ADDRESS:PORT"));
    for (const char *bad : {"a..b", "-a.b", "a_b", ".a", "a.", "a b", ""})
        CHECK(faulty("domain: \"" + std::string(bad) + "\"", "1:9: domain: expected a host name"));
    CHECK(faulty("trusted_proxies: [300.1.2.3]", "1:18: trusted_proxies: expected a network"));
    CHECK(faulty("reserved_subdomains: [a.b]", "1:22: reserved_subdomains: expected a label"));
    CHECK(faulty("log: {output: here}", "1:15: log.output: expected"));
}

TEST(names_are_compared_in_lower_case)
{
    const File file("domain: [Example.ORG, b.c]\nreserved_subdomains: [WWW]\n");
    const ServerSettings s = load_server_settings(file.path);
    CHECK(s.domains == std::vector<std::string>({"example.org", "b.c"}));
    CHECK(s.reserved_subdomains == std::vector<std::string>({"www"}));
}

TEST(the_command_line_says_what_to_do)
{
    const File file("workers: 3\nlog: {level: error}\n");
    CHECK(command({"--help"}).action == ServerAction::help);
    CHECK(command({"-V"}).action == ServerAction::version);
    CHECK(command({"--print-default-config"}).action == ServerAction::print_default_config);
    CHECK(command({"-t", "-c", file.path}).action == ServerAction::check);
    CHECK(command({"-Tc" + file.path}).action == ServerAction::dump);

    setenv("TUNNELD_LOG_LEVEL", "warn", 1);
    ServerCommand run = command({"-c", file.path, "-u", "nobody", "--domain", "a.b"});
    CHECK(run.action == ServerAction::run && run.config_file == file.path);
    CHECK(run.settings.workers == 3 && run.settings.user == "nobody" &&
          run.settings.domains[0] == "a.b");
    CHECK(run.settings.log_level == LogLevel::warn);
    run = command({"-c", file.path, "--log-level", "debug", "--set", "limits.max_visitors=9"});
    CHECK(run.settings.log_level == LogLevel::debug && run.settings.max_visitors == 9);
    unsetenv("TUNNELD_LOG_LEVEL");
}

TEST(a_reload_compares_and_mixes_settings_key_by_key)
{
    const File same("workers: 2\n");
    const ServerSettings old = load_server_settings(same.path);
    ServerSettings next = load_server_settings(same.path);
    CHECK(changed_options(server_options(), &old, &next).empty());
    next.max_visitors = 6;
    next.domains = {"c.d", "e.f"};
    next.workers = 3;
    next.log_level = LogLevel::warn;
    next.name_grace = 1;
    next.control_tls = false;
    std::string keys;
    for (const Option *option : changed_options(server_options(), &old, &next)) {
        keys += std::string(option->key) + (option->extras.restart ? "! " : " ");
        copy_option(*option, &old, &next);
    }
    CHECK(keys == "control_tls domain workers! timeouts.name_grace limits.max_visitors log.level ");
    CHECK(changed_options(server_options(), &old, &next).empty() && next.domains == old.domains);
}

TEST(an_argument_that_nobody_wants_is_a_usage_error)
{
    try {
        command({"x"});
        CHECK(false);
    } catch (const Failure &failure) {
        CHECK(failure.code() == exit_usage);
    }
}
