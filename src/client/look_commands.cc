// SPDX-License-Identifier: ISC

#include "client/look_commands.h"

#include "base/failure.h"
#include "base/option_value.h"
#include "base/table.h"
#include "base/text.h"
#include "client/door_place.h"
#include "flow/web_client.h"
#include "net/local_socket.h"

#include <iostream>
#include <optional>
#include <unistd.h>

namespace tunnel {
namespace {

using Arguments = std::vector<std::string>;

constexpr unsigned refresh = 2;         // seconds
constexpr Micros patience = 5 * second; // with a client that is stopped

struct Running {
    std::string socket;
    Json status;
};

WebClient ask(const std::string &socket) { return {socket, {"tunnel"}, patience}; }

// Null: nobody is behind it, or somebody who does not let us in. What was left behind is cleared
// away.
Json status_of(const DoorPlace &door)
{
    try {
        return parse_answer(ask(door.path).get("/v1/status"));
    } catch (const Failure &) {
        if (nobody_listens(door.path))
            unlink(door.path.c_str());
        return nullptr;
    }
}

std::vector<Running> running_clients(const CommandLine &line)
{
    std::optional<uint64_t> wanted;
    if (const auto flag = line.flags.find("pid"); flag != line.flags.end()) {
        wanted = parse_count(flag->second);
        if (!wanted)
            throw Failure(exit_usage, "--pid: expected the id of a process");
    }
    std::vector<Running> running;
    for (const DoorPlace &door : door_places())
        if (!wanted || *wanted == uint64_t(door.pid))
            if (Json status = status_of(door))
                running.push_back({door.path, std::move(status)});
    return running;
}

[[noreturn]] void nobody_runs()
{
    throw Failure(exit_unavailable, "no client of yours is running; fix: tunnel start, or tunnel "
                                    "http");
}

void expect_no_words(const char *command, const Arguments &arguments)
{
    if (!arguments.empty())
        throw Failure(exit_usage, std::string(command) + ": unexpected argument " +
                                      quote_message(arguments[0]));
}

std::string whole(const json_t *object, const char *key)
{
    return std::to_string(json_integer_value(json_object_get(object, key)));
}

std::string bytes(const json_t *object, const char *key)
{
    return print_bytes(number_at(object, key));
}

const json_t *tunnels_of(const Running &client)
{
    return json_object_get(client.status.get(), "tunnels");
}

void print_json(Json value)
{
    char *text = json_dumps(value.get(), JSON_COMPACT);
    std::cout << (text ? text : "{}") << "\n" << std::flush;
    free(text);
}

// -------------------------------------------------------------------------------- list

Json list_json(const std::vector<Running> &clients)
{
    Json list(json_array());
    for (const Running &client : clients) {
        size_t i;
        json_t *each;
        json_array_foreach(tunnels_of(client), i, each)
        {
            json_t *tunnel = json_copy(each);
            json_object_set(tunnel, "pid", json_object_get(client.status.get(), "pid"));
            json_array_append_new(list.get(), tunnel);
        }
    }
    return Json(json_pack("{s:O}", "tunnels", list.get()));
}

void add_rows(Table &table, const Running &client)
{
    const bool online = text_at(client.status.get(), "state") == "online";
    size_t i;
    json_t *each;
    json_array_foreach(tunnels_of(client), i, each)
        table.add({text_at(each, "name"), text_at(each, "url"), text_at(each, "local"),
                   online ? text_at(each, "state") : text_at(client.status.get(), "state"),
                   whole(each, "requests"), whole(each, "failed"), bytes(each, "bytes_in"),
                   bytes(each, "bytes_out"), whole(client.status.get(), "pid")});
}

// ------------------------------------------------------------------------------ status

Json status_json(const std::vector<Running> &clients)
{
    Json list(json_array());
    for (const Running &client : clients)
        json_array_append(list.get(), client.status.get());
    return Json(json_pack("{s:O}", "clients", list.get()));
}

std::string status_text(const Running &client)
{
    const json_t *status = client.status.get();
    const json_t *online = json_object_get(status, "online_seconds");
    std::string text = "client " + whole(status, "pid") + "  " + text_at(status, "version") + "  " +
                       text_at(status, "state") +
                       (json_is_null(online) ? "" : " " + print_age(json_number_value(online))) +
                       "  up " + print_age(number_at(status, "up_seconds")) + "  server " +
                       print_printable(text_at(status, "server")) + "\n";
    text += "       links " + whole(status, "links") + "/" + whole(status, "links_wanted") +
            "  visits " + whole(status, "visits") + "  local " + whole(status, "local_open") +
            ", idle " + whole(status, "local_idle") + ", waiting " +
            whole(status, "local_waiting") + "  buffered " + bytes(status, "buffered_bytes") +
            "  descriptors " + whole(status, "descriptors") + "  log " +
            text_at(status, "log_level") + "\n";
    if (const std::string file = text_at(status, "config"); !file.empty())
        text += "       configuration " + print_printable(file) + "\n";
    Table table({"NAME", "URL", "LOCAL", "STATE", ">REQUESTS", ">FAILED", ">IN", ">OUT", ">PID"});
    add_rows(table, client);
    return text + table.text();
}

void print_status(const CommandLine &line, const std::vector<Running> &clients)
{
    if (line.has("json"))
        return print_json(status_json(clients));
    std::string text;
    for (const Running &client : clients)
        text += (text.empty() ? "" : "\n") + status_text(client);
    std::cout << text << std::flush;
}

// -------------------------------------------------------------------------------- stop

struct Match {
    const Running *client;
    std::string name;
};

std::vector<Match> matches(const std::vector<Running> &clients, const std::string &wanted)
{
    std::vector<Match> found;
    for (const Running &client : clients) {
        size_t i;
        json_t *each;
        json_array_foreach(tunnels_of(client), i, each)
        {
            const std::string name = text_at(each, "name");
            if (name == wanted || text_at(each, "subdomain") == wanted ||
                text_at(each, "url") == wanted)
                found.push_back({&client, name});
        }
    }
    return found;
}

} // namespace

int run_list(CommandLine &line, const Arguments &arguments)
{
    expect_no_words("tunnel list", arguments);
    const std::vector<Running> clients = running_clients(line);
    if (clients.empty())
        nobody_runs();
    if (line.has("json")) {
        print_json(list_json(clients));
        return exit_ok;
    }
    Table table({"NAME", "URL", "LOCAL", "STATE", ">REQUESTS", ">FAILED", ">IN", ">OUT", ">PID"});
    for (const Running &client : clients)
        add_rows(table, client);
    std::cout << table.text();
    return exit_ok;
}

int run_status(CommandLine &line, const Arguments &arguments)
{
    expect_no_words("tunnel status", arguments);
    const bool clear = line.has("watch") && !line.has("json") && isatty(STDOUT_FILENO);
    do {
        const std::vector<Running> clients = running_clients(line);
        if (clients.empty())
            nobody_runs();
        if (clear)
            std::cout << "\033[H\033[2J";
        print_status(line, clients);
    } while (line.has("watch") && std::cout && sleep(refresh) == 0);
    return exit_ok;
}

int run_stop(CommandLine &line, const Arguments &arguments)
{
    if (arguments.size() != 1)
        throw Failure(exit_usage, "tunnel stop: one NAME is needed");
    const std::vector<Running> clients = running_clients(line);
    if (clients.empty())
        nobody_runs();
    const std::vector<Match> found = matches(clients, arguments[0]);
    if (found.empty())
        throw Failure(exit_data, "no running client of yours has a tunnel " +
                                     quote_message(arguments[0]) + "; see: tunnel list");
    if (found.size() > 1)
        throw Failure(exit_usage, "more than one client has a tunnel " +
                                      quote_message(arguments[0]) +
                                      "; say which with --pid, see: tunnel list");
    const std::string answer =
        ask(found[0].client->socket)
            .post("/v1/tunnels/" + encode_segment(found[0].name) + "/stop", Json(json_object()));
    if (line.has("json")) {
        std::cout << answer;
        return exit_ok;
    }
    const bool ends = text_at(parse_answer(answer).get(), "client") == "ends";
    std::cout << "stopped " << found[0].name
              << (ends ? ", the last one of its client, which ends\n" : "\n");
    return exit_ok;
}

} // namespace tunnel
