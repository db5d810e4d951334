// SPDX-License-Identifier: ISC

#include "client/options.h"

#include "base/failure.h"
#include "base/file.h"
#include "check.h"
#include "client/credentials.h"

#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

using namespace tunnel;

namespace {

const std::string pin_of_ones = "sha256:" + std::string(64, '1');

constexpr Flag flags[] = {{'c', "config", "FILE", "file"}, {0, "token-stdin", nullptr, "stdin"}};

// A home and a working directory of its own; the environment of a fresh login.
struct Home {
    char path[48] = "/tmp/client_options_test.XXXXXX";
    Home()
    {
        CHECK(mkdtemp(path) && chdir(path) == 0);
        CHECK(system("mkdir -p .config/tunnel project") == 0);
        CHECK(chdir("project") == 0);
        setenv("HOME", path, 1);
        for (const char *name :
             {"XDG_CONFIG_HOME", "TUNNEL_TOKEN", "TUNNEL_SERVER", "TUNNEL_CONFIG"})
            unsetenv(name);
    }
    ~Home() { CHECK(chdir("/") == 0 && system(("rm -r " + std::string(path)).c_str()) == 0); }
    std::string in_config(const char *name) const
    {
        return std::string(path) + "/.config/tunnel/" + name;
    }
};

ClientConfig load(std::vector<std::string> words)
{
    words.insert(words.begin(), "tunnel");
    std::vector<char *> pointers;
    for (std::string &word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return load_client_config(
        parse_command_line(int(words.size()), pointers.data(), client_options(), flags));
}

std::string fault(const std::vector<std::string> &words, Exit code = exit_config)
{
    try {
        load(words);
    } catch (const Failure &failure) {
        CHECK(failure.code() == code);
        return failure.what();
    }
    return "";
}

std::string file_fault(const std::string &yaml)
{
    write_file("f.yaml", yaml, 0600);
    return fault({"-c", "f.yaml"});
}

bool faulty(const std::string &yaml, const char *start)
{
    return file_fault(yaml).starts_with(start);
}

} // namespace

TEST(the_first_file_that_can_be_read_counts)
{
    const Home home;
    CHECK(client_config_places().size() == 3);
    write_file(home.in_config("tunnel.yaml"), "server_addr: user.example\n", 0600);
    CHECK(load({}).settings.server_addr == "user.example");
    write_file("tunnel.yaml", "server_addr: project.example\n", 0600);
    CHECK(load({}).settings.server_addr == "project.example");
    write_file("other.yaml", "server_addr: other.example\n", 0600);
    setenv("TUNNEL_CONFIG", "other.yaml", 1);
    CHECK(load({}).config_file == "other.yaml");
    CHECK(load({"-c", "tunnel.yaml"}).settings.server_addr == "project.example");
    setenv("TUNNEL_SERVER", "environment.example", 1);
    CHECK(load({}).settings.server_addr == "environment.example");
    CHECK(load({"-s", "flag.example"}).settings.server_addr == "flag.example");
    CHECK(fault({"-c", "none.yaml"}, exit_no_input).starts_with("none.yaml"));
}

TEST(a_token_in_a_projects_file_is_not_used)
{
    const Home home;
    write_file("tunnel.yaml", "token: shared\n", 0600);
    const ClientConfig found = load({});
    CHECK(found.settings.token.empty() && found.warnings.size() == 1);
    CHECK(found.warnings[0].find("shared;") != std::string::npos);
    const ClientConfig named = load({"-c", "tunnel.yaml"});
    CHECK(named.settings.token == "shared" && named.warnings.empty());
    write_file("tunnel.yaml", "token_file: ../.config/tunnel/secret\nserver_addr: a.example\n",
               0600);
    write_file(home.in_config("secret"), "secret\n", 0600);
    CHECK(load({}).settings.token.empty() && load({}).warnings.size() == 1);
    CHECK(load({"-c", "tunnel.yaml"}).settings.token == "secret");
}

TEST(a_stored_token_goes_to_its_server_alone)
{
    const Home home;
    Credentials credentials;
    credentials.put({"old.example:9000", "/etc/ca.pem", "", "old"});
    credentials.put({"mine.example:9000", "system", pin_of_ones, "mine"});
    credentials.write(home.in_config("credentials"));

    ClientSettings s = load({}).settings;
    CHECK(s.server_addr == "mine.example:9000" && s.token == "mine" && s.tls_pin == pin_of_ones);
    s = load({"-s", "OLD.example"}).settings;
    CHECK(s.token == "old" && s.tls_verify == "/etc/ca.pem" && s.tls_pin.empty());
    CHECK(load({"-s", "mine.example:9001"}).settings.token.empty());
    CHECK(load({"-s", "mine.example", "--tls-verify", "off"}).settings.tls_verify == "off");

    write_file("tunnel.yaml", "server_addr: foreign.example\n", 0600);
    CHECK(load({}).settings.token.empty());
    write_file("tunnel.yaml", "server_addr: mine.example\ntls: {verify: off}\n", 0600);
    s = load({}).settings;
    CHECK(s.token == "mine" && s.tls_verify == "system" && s.tls_pin == pin_of_ones);
}

TEST(a_token_without_a_server_goes_where_the_user_himself_says)
{
    const Home home;
    write_file(home.in_config("credentials"), "bare\n", 0600);
    CHECK(load({"-s", "any.example"}).settings.token == "bare");
    write_file("tunnel.yaml", "server_addr: foreign.example\ntls: {verify: off}\n", 0600);
    CHECK(load({}).settings.token.empty());
    const ClientConfig chosen = load({"-s", "any.example"});
    CHECK(chosen.settings.token == "bare" && chosen.settings.tls_verify == "system");
    CHECK(chosen.warnings.size() == 1);
    setenv("TUNNEL_TOKEN", "environment", 1);
    CHECK(load({}).settings.token.empty());
    CHECK(load({"--token", "flag"}).settings.token == "flag");
}

TEST(what_login_stores_reads_back)
{
    const Home home;
    const std::string file = home.in_config("credentials");
    Credentials credentials;
    credentials.put({"", "system", "", "bare"});
    credentials.write(file);
    CHECK(Credentials::read(file).bare()->token == "bare" && !Credentials::read(file).latest());
    credentials.put({"a.example:1", "/odd \"path\"/ca", "", "a"});
    credentials.put({"b.example:1", "system", pin_of_ones, "b"});
    credentials.put({"a.example:1", "/odd \"path\"/ca", "", "again"});
    credentials.write(file);
    Credentials read = Credentials::read(file);
    CHECK(read.logins().size() == 3 && read.latest()->token == "again");
    CHECK(read.latest()->tls_verify == "/odd \"path\"/ca" && read.bare()->token == "bare");
    CHECK(read.remove("a.example:1") && !read.remove("a.example:1"));
    CHECK(read.remove("b.example:1") && read.remove(""));
    read.write(file);
    CHECK(access(file.c_str(), F_OK) != 0 && Credentials::read(file).logins().empty());
}

TEST(the_token_comes_from_the_nearest_place)
{
    const Home home;
    write_file(home.in_config("credentials"), "credentials\n", 0600);
    write_file("token", " file \n", 0640);
    CHECK(load({}).settings.token == "credentials");
    CHECK(load({}).token_origin == home.in_config("credentials"));
    CHECK(load({"--token-file", "token"}).settings.token == "file");
    CHECK(load({"--token-file", "token"}).token_origin == "token");
    setenv("TUNNEL_TOKEN", "environment", 1);
    CHECK(load({}).settings.token == "environment" && !getenv("TUNNEL_TOKEN"));
    setenv("TUNNEL_TOKEN", "environment", 1);
    CHECK(load({"--token-file", "token"}).settings.token == "file");
    setenv("TUNNEL_TOKEN", "environment", 1);
    CHECK(load({}).token_origin == "$TUNNEL_TOKEN");
    const ClientConfig flag = load({"--token", "flag"});
    CHECK(flag.settings.token == "flag" && flag.warnings.size() == 1);
    CHECK(fault({"--token", "flag", "--token-file", "token"}, exit_usage).find("only one") !=
          std::string::npos);
}

TEST(a_token_that_others_can_read_is_refused)
{
    const Home home;
    write_file(home.in_config("credentials"), "x\n", 0640);
    CHECK(fault({}).find("chmod 600") != std::string::npos);
    write_file(home.in_config("credentials"), "x y\n", 0600);
    CHECK(fault({}).find("one token and nothing else") != std::string::npos);
    write_file("token", "x\n", 0644);
    CHECK(fault({"--token-file", "token"}).find("chmod 640") != std::string::npos);
    unlink(home.in_config("credentials").c_str());
    write_file("named.yaml", "token: x\n", 0640);
    CHECK(fault({"-c", "named.yaml"}).find("chmod 600") != std::string::npos);
    write_file("named.yaml", "token_file: token\n", 0644);
    CHECK(fault({"-c", "named.yaml"}).find("chmod 640") != std::string::npos);
}

TEST(a_token_can_come_on_standard_input)
{
    const Home home;
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "piped\nrest", 10) == 10);
    const int kept = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    CHECK(load({"--token-stdin"}).settings.token == "piped");
    char rest[8];
    CHECK(read(STDIN_FILENO, rest, sizeof rest) == 4);
    dup2(kept, STDIN_FILENO);
    for (int fd : {kept, ends[0], ends[1]})
        close(fd);
}

TEST(a_server_has_a_port_and_is_plain_on_loopback_only)
{
    const Home home;
    ClientSettings s = load({"-s", "example.org"}).settings;
    CHECK(s.server().host == "example.org" && s.server().port == 9000 && s.server().tls);
    s = load({"-s", "tcp://127.0.0.1:1234"}).settings;
    CHECK(s.server().host == "127.0.0.1" && s.server().port == 1234 && !s.server().tls);
    s = load({"-s", "tcp://[::1]:1"}).settings;
    CHECK(s.server().host == "::1" && !s.server().tls);
    CHECK(load({"-s", "tcp://localhost:1"}).settings.server().port == 1);
    for (const char *bad : {"tcp://example.org:1", "example.org:99999", "a b", "9000:"})
        CHECK(!fault({"-s", bad}, exit_usage).empty());
}

TEST(what_is_missing_to_dial_is_named_with_its_remedy)
{
    const Home home;
    const auto missing = [](const ClientSettings &settings) -> std::string {
        try {
            require_server_and_token(settings);
        } catch (const Failure &failure) {
            return failure.what();
        }
        return "";
    };
    CHECK(missing(load({}).settings).starts_with("no server is given; fix: "));
    CHECK(missing(load({"-s", "example.org"}).settings).starts_with("no token is given; fix: "));
    CHECK(missing(load({"-s", "localhost"}).settings).empty());
    CHECK(missing(load({"-s", "example.org", "--token", "x"}).settings).empty());
}

TEST(tunnels_are_read_and_told_apart)
{
    const Home home;
    write_file("f.yaml",
               "tunnels:\n- {subdomain: MyApp, local_port: 3000}\n- {local_port: 81, local_host: "
               "\"::1\"}\n"
               "- {name: dash, subdomain: dashboard, local_port: 8080, protocol: http}\n",
               0600);
    const ClientSettings s = load({"-c", "f.yaml"}).settings;
    CHECK(s.tunnels.size() == 3 && s.tunnels[0].name == "myapp" &&
          s.tunnels[0].subdomain == "myapp");
    CHECK(s.tunnels[0].local_host == "127.0.0.1" && s.tunnels[1].name == "81" &&
          s.tunnels[2].name == "dash");

    CHECK(faulty(
        "tunnels:\n- {subdomain: abc, local_port: 1}\n- {subdomain: ABC, local_port: 2, name: n}\n",
        "f.yaml:3:3: tunnels[1]: there is another tunnel with the subdomain \"abc\""));
    CHECK(faulty("tunnels: [{local_port: 0}]",
                 "f.yaml:1:24: tunnels[0].local_port: expected at least 1"));
    CHECK(faulty("tunnels: [{subdomain: abc}]", "f.yaml:1:11: tunnels[0].local_port: is missing"));
    for (const char *bad : {"ab", "1abc", "a_b", "abc-", "a.b.c", "xx yy"})
        CHECK(faulty("subdomain: \"" + std::string(bad) + "\"",
                     "f.yaml:1:12: subdomain: expected 3 to 63"));
}

TEST(verification_is_spelled_out)
{
    const Home home;
    CHECK(faulty("tls: {verify: sytem}", "f.yaml:1:15: tls.verify: expected system, off"));
    CHECK(faulty("tls: {pin: \"sha256:12\"}", "f.yaml:1:12: tls.pin: expected sha256:"));
    const std::string pin = "sha256:" + std::string(64, 'a');
    CHECK(load({"--pin", pin, "--tls-verify", "/etc/ca.pem"}).settings.tls_pin == pin);
}

TEST(what_is_printed_as_the_default_is_the_default)
{
    const Home home;
    const std::string defaults = client_dump(load({}).settings);
    write_file("f.yaml", client_default_config(), 0600);
    CHECK(client_dump(load({"-c", "f.yaml"}).settings) == defaults);
    write_file("f.yaml", defaults, 0600);
    CHECK(client_dump(load({"-c", "f.yaml"}).settings) == defaults);
}
