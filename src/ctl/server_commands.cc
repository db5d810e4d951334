// SPDX-License-Identifier: ISC

#include "ctl/commands.h"

#include "base/failure.h"
#include "base/text.h"
#include "ctl/views.h"
#include "flow/web_client.h"

#include <ctime>
#include <iostream>
#include <unistd.h>

namespace tunnel {

namespace {

constexpr unsigned refresh = 2; // seconds

using View = std::string (*)(const json_t *answer);

// Prints what `path` answers: as it is for programs, by `view` for people.
int show(const Arguments &arguments, const std::string &path, View view)
{
    const std::string answer = arguments.control().get(path);
    std::cout << (arguments.json() ? answer : view(parse_answer(answer).get())) << std::flush;
    return exit_ok;
}

// In place on a terminal, one after the other elsewhere.
void clear_screen()
{
    if (isatty(STDOUT_FILENO))
        std::cout << "\033[H\033[2J";
}

int status(const Arguments &arguments)
{
    while (arguments.has("watch")) {
        const std::string answer = arguments.control().get("/v1/status");
        if (!arguments.json())
            clear_screen();
        std::cout << (arguments.json() ? answer : view_status(parse_answer(answer).get()))
                  << std::flush;
        sleep(refresh);
    }
    return show(arguments, "/v1/status", view_status);
}

// Once for a program or a pipe: the rates of the next two seconds.
int top(const Arguments &arguments)
{
    const WebClient control = arguments.control();
    const bool forever = isatty(STDOUT_FILENO) && !arguments.json();
    Json before = parse_answer(control.get("/v1/tunnels"));
    do {
        sleep(refresh);
        Json now = parse_answer(control.get("/v1/tunnels"));
        clear_screen();
        std::cout << (arguments.json() ? rates_json(before.get(), now.get(), refresh)
                                       : view_top(before.get(), now.get(), refresh))
                  << std::flush;
        before = std::move(now);
    } while (forever);
    return exit_ok;
}

int clients(const Arguments &arguments)
{
    const std::string id = arguments.word(1);
    if (id.empty())
        return show(arguments, "/v1/clients", view_clients);
    return show(arguments, "/v1/clients/" + encode_segment(id), view_client);
}

int tunnels(const Arguments &arguments)
{
    const std::string host = arguments.word(1);
    return show(arguments, host.empty() ? "/v1/tunnels" : "/v1/tunnels/" + encode_segment(host),
                view_tunnels);
}

// Orders print the server's answer to programs, a sentence to people.
int order(const Arguments &arguments, const std::string &path, Json wishes,
          const std::string &sentence)
{
    const std::string answer = arguments.control().post(path, std::move(wishes));
    std::cout << (arguments.json() ? answer : sentence + "\n");
    return exit_ok;
}

int kick(const Arguments &arguments)
{
    Json wishes(json_object());
    if (const auto span = arguments.span("for"))
        json_object_set_new(wishes.get(), "for_ms", json_integer(json_int_t(*span / millisecond)));
    if (arguments.has("reason")) {
        json_t *reason = json_string(arguments.value("reason").c_str());
        if (!reason)
            throw Failure(exit_usage, "--reason: expected UTF-8");
        json_object_set_new(wishes.get(), "reason", reason);
    }
    return order(arguments, "/v1/clients/" + encode_segment(arguments.word(1)) + "/kick",
                 std::move(wishes), "kicked " + arguments.word(1));
}

int drain(const Arguments &arguments)
{
    Json wishes(json_object());
    if (const auto span = arguments.span("timeout"))
        json_object_set_new(wishes.get(), "timeout_ms",
                            json_integer(json_int_t(*span / millisecond)));
    return order(arguments, "/v1/drain", std::move(wishes),
                 "draining: no new clients and visitors; the server ends when the rest has");
}

int reload(const Arguments &arguments)
{
    return order(arguments, "/v1/reload", Json(json_object()), "reloaded");
}

int follow_log(const Arguments &arguments)
{
    arguments.control().follow("/v1/log/follow", [](std::string_view piece) {
        std::cout << piece << std::flush;
        if (!std::cout)
            throw Failure(exit_io, "standard output is closed");
    });
    return exit_ok;
}

int log(const Arguments &arguments)
{
    const std::string level = arguments.word(1);
    if (!level.empty()) {
        Json wishes(json_pack("{s:s}", "level", level.c_str()));
        order(arguments, "/v1/log", std::move(wishes), "log level " + level);
    }
    if (arguments.has("follow"))
        return follow_log(arguments);
    if (!level.empty())
        return exit_ok;
    return show(arguments, "/v1/log",
                [](const json_t *answer) { return text_at(answer, "level") + "\n"; });
}

int metrics(const Arguments &arguments)
{
    std::cout << arguments.control().get("/metrics");
    return exit_ok;
}

int debug_dump(const Arguments &arguments)
{
    const std::string answer = arguments.control().get("/v1/debug");
    if (arguments.json()) {
        std::cout << answer;
        return exit_ok;
    }
    char *text = json_dumps(parse_answer(answer).get(), JSON_INDENT(2));
    std::cout << (text ? text : "") << "\n";
    free(text);
    return exit_ok;
}

constexpr Command commands[] = {
    {"status", nullptr, "watch", "how the server is", status},
    {"top", nullptr, "", "the rates of each tunnel", top},
    {"clients", "[ID]", "", "who is connected; one of them in full", clients},
    {"tunnels", "[HOST]", "", "which names are served", tunnels},
    {"kick", "ID", "for reason", "end a session", kick},
    {"drain", nullptr, "timeout", "take nobody new, let the others finish, then end the server",
     drain},
    {"reload", nullptr, "", "read the configuration, certificate and tokens again", reload},
    {"log", "[LEVEL]", "follow", "show or change the log level, or follow the log", log},
    {"metrics", nullptr, "", "the metrics in Prometheus' format", metrics},
    {"debug dump", nullptr, "", "the whole state, for a report of a bug; no secrets", debug_dump},
};

} // namespace

std::span<const Command> server_commands() { return commands; }

} // namespace tunnel
