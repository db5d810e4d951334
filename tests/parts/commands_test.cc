// SPDX-License-Identifier: ISC
//
// The command line, as far as it ends without a server.

#include "client/commands.h"
#include "client/complaint.h"
#include "client/target.h"

#include "check.h"

#include <fcntl.h>
#include <fstream>
#include <initializer_list>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace tunnel;

namespace {

// A command line in memory of its own, since a secret in it is overwritten.
struct Line {
    Line(std::initializer_list<std::string> words) : texts(words)
    {
        texts.insert(texts.begin(), "tunnel");
        for (std::string &text : texts)
            argv.push_back(text.data());
        argv.push_back(nullptr);
    }
    int run() { return run_command(int(texts.size()), argv.data()); }

    std::vector<std::string> texts;
    std::vector<char *> argv;
};

// The exit code, as main() makes it.
int run(Line line)
{
    try {
        return line.run();
    } catch (const Failure &failure) {
        return complaint_of(failure).exit;
    }
}

// A folder of our own as home, without variables that would count as configuration.
struct Home {
    Home()
    {
        CHECK(mkdtemp(path) && chdir(path) == 0);
        setenv("HOME", path, 1);
        for (const char *name : {"XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"})
            unsetenv(name);
        for (const char *name : {"TUNNEL_SERVER", "TUNNEL_TOKEN", "TUNNEL_CONFIG"})
            unsetenv(name);
    }
    ~Home()
    {
        std::string command = std::string("rm -rf ") + path;
        CHECK(chdir("/") == 0 && system(command.c_str()) == 0);
    }
    std::string write(const std::string &name, const std::string &text)
    {
        std::string file = std::string(path) + "/" + name;
        std::ofstream(file) << text;
        CHECK(chmod(file.c_str(), 0600) == 0);
        return file;
    }
    char path[32] = "/tmp/commands-test-XXXXXX";
};

} // namespace

TEST(a_target_is_a_port_or_a_host_and_a_port)
{
    CHECK(parse_target("3000")->text() == "127.0.0.1:3000");
    CHECK(parse_target("web.lan:80")->text() == "web.lan:80");
    CHECK(parse_target("[::1]:8080")->text() == "[::1]:8080");
    CHECK(parse_target("http://localhost:3000/")->text() == "localhost:3000");
}

TEST(what_is_no_target_is_refused)
{
    for (const char *text : {"", "0", "65536", "-1", "3000x", "host", "host:0", ":3000", "a b:1",
                             "https://host:1", "http://host:1/base"})
        CHECK(!parse_target(text));
}

TEST(help_and_version_need_nothing_else)
{
    Home home;
    CHECK(run({"help"}) == exit_ok);
    CHECK(run({"--help"}) == exit_ok);
    CHECK(run({"http", "--help"}) == exit_ok);
    CHECK(run({"help", "start"}) == exit_ok);
    CHECK(run({"version"}) == exit_ok);
    CHECK(run({"-V"}) == exit_ok);
}

TEST(wrong_usage_is_64)
{
    Home home;
    CHECK(run({}) == exit_usage);
    CHECK(run({"htpt", "3000"}) == exit_usage);
    CHECK(run({"http"}) == exit_usage);
    CHECK(run({"http", "nonsense"}) == exit_usage);
    CHECK(run({"http", "3000", "--no-such-flag"}) == exit_usage);
    CHECK(run({"config"}) == exit_usage);
    CHECK(run({"help", "nonsense"}) == exit_usage);
    CHECK(run({"start", "--all", "one"}) == exit_usage);
}

TEST(a_missing_file_is_66)
{
    Home home;
    CHECK(run({"config", "check", "-c", "/no/such/file.yaml"}) == exit_no_input);
    CHECK(run({"start"}) == exit_no_input);
}

TEST(a_wrong_file_is_78)
{
    Home home;
    std::string file = home.write("bad.yaml", "server_addr: \"localhost:9000\"\nlocal_prot: 1\n");
    CHECK(run({"config", "check", "-c", file}) == exit_config);
}

TEST(a_good_file_passes_the_check)
{
    Home home;
    std::string file = home.write("good.yaml", "server_addr: \"localhost:9000\"\n"
                                               "tunnels:\n"
                                               "  - subdomain: myapp\n"
                                               "    local_port: 3000\n");
    CHECK(run({"config", "check", "-c", file}) == exit_ok);
    CHECK(run({"config", "show", "-c", file}) == exit_ok);
    CHECK(run({"config", "path"}) == exit_ok);
    CHECK(run({"config", "default"}) == exit_ok);
}

TEST(without_server_or_token_it_does_not_start)
{
    Home home;
    CHECK(run({"http", "3000"}) == exit_config);
    CHECK(run({"http", "3000", "--server", "example.net:9000"}) == exit_config);
}

TEST(a_tunnel_that_the_file_does_not_have_is_a_usage_error)
{
    Home home;
    std::string file = home.write("good.yaml", "tunnels: [{subdomain: myapp, local_port: 3000}]\n");
    CHECK(run({"start", "other", "-c", file}) == exit_usage);
}

TEST(a_token_on_the_command_line_is_overwritten)
{
    Home home;
    Line line{"--server",    "localhost:1", "--token", "dev-token",
              "--subdomain", "myapp",       "--port",  "nonsense"};
    try {
        line.run();
    } catch (const Failure &) {
    }
    for (const std::string &text : line.texts)
        CHECK(text.find("dev-token") == std::string::npos);
}

TEST(with_no_retry_an_unreachable_server_is_69)
{
    Home home;
    CHECK(run({"--server", "127.0.0.1:1", "--token", "dev-token", "--port", "3000", "--no-retry",
               "-q"}) == exit_unavailable);
}

TEST(the_tries_are_counted)
{
    Home home;
    CHECK(run({"http", "3000", "--server", "127.0.0.1:1", "--token", "dev-token", "--max-retries",
               "1", "-q"}) == exit_unavailable);
}
