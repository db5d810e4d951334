// SPDX-License-Identifier: ISC

#include "ctl/views.h"

#include "flow/web_client.h"
#include "base/table.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

namespace tunnel {

namespace {

constexpr size_t shown = 30; // rows of top

std::string printed(double number, int digits)
{
    char text[64];
    snprintf(text, sizeof text, "%.*f", digits, number);
    return text;
}

std::string padded(std::string word)
{
    word.resize(12, ' ');
    return word;
}

std::string whole(const json_t *object, const char *key)
{
    return printed(number_at(object, key), 0);
}

std::string bytes(const json_t *object, const char *key)
{
    return print_bytes(number_at(object, key));
}

std::string age(const json_t *object, const char *key)
{
    return json_is_null(json_object_get(object, key)) ? "-" : print_age(number_at(object, key));
}

std::string joined(const json_t *list)
{
    std::string text;
    size_t i;
    json_t *each;
    json_array_foreach(list, i, each) text +=
        (i ? "," : "") + std::string(json_string_value(each) ? json_string_value(each) : "");
    return text;
}

std::string listening(const json_t *answer)
{
    std::string text = "listen  ";
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(answer, "listen"), i, each)
    {
        text += text_at(each, "kind") + " " + text_at(each, "addr");
        text += json_is_true(json_object_get(each, "tls")) ? " TLS   " : "   ";
    }
    if (const json_t *certificate = json_object_get(answer, "certificate"))
        text += "certificate " + whole(certificate, "days_left") + " d   pin " +
                text_at(certificate, "fingerprint");
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string rejected(const json_t *answer)
{
    std::string text;
    const char *key;
    json_t *count;
    json_object_foreach(json_object_get(answer, "rejects"), key, count) text +=
        std::string("  ") + key + " " + print_number(json_number_value(count));
    return text.empty() ? "" : "rejects" + text + "\n";
}

// Requests and bytes of one tunnel in a second.
struct Rate {
    std::string name;
    double requests, in, out;
};

std::vector<Rate> rates_of(const json_t *before, const json_t *after, double seconds)
{
    std::map<std::string, const json_t *> old;
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(before, "tunnels"), i, each)
        old[text_at(each, "subdomain") + text_at(each, "session")] = each;
    std::vector<Rate> rates;
    json_array_foreach(json_object_get(after, "tunnels"), i, each)
    {
        auto found = old.find(text_at(each, "subdomain") + text_at(each, "session"));
        const json_t *then = found == old.end() ? nullptr : found->second;
        auto rate = [&](const char *key) {
            return std::max(number_at(each, key) - (then ? number_at(then, key) : 0), 0.0) /
                   seconds;
        };
        rates.push_back(
            {text_at(each, "subdomain"), rate("requests"), rate("bytes_in"), rate("bytes_out")});
    }
    std::stable_sort(rates.begin(), rates.end(), [](const Rate &a, const Rate &b) {
        return std::pair(a.requests, a.in + a.out) > std::pair(b.requests, b.in + b.out);
    });
    return rates;
}

} // namespace

std::string view_status(const json_t *answer)
{
    std::string text = "tunneld " + text_at(answer, "version") + "  " + text_at(answer, "state") +
                       "  up " + age(answer, "up_seconds") + "  domain " +
                       print_printable(text_at(answer, "domain")) + "\n";
    text += "        clients " + whole(answer, "clients") + "  tunnels " +
            whole(answer, "tunnels") + "  visitors " + whole(answer, "visitors") +
            "  in progress " + whole(answer, "streams") + "  requests " +
            print_number(number_at(answer, "requests")) + "  in " + bytes(answer, "bytes_in") +
            "  out " + bytes(answer, "bytes_out") + "\n";
    text += listening(answer) + "\n";
    text += "health  loop " + printed(number_at(answer, "loop_delay_ms"), 1) + " ms  buffered " +
            bytes(answer, "buffered_bytes") + "  descriptors " + whole(answer, "descriptors") +
            "/" + whole(answer, "descriptors_max") + "  log " + text_at(answer, "log_level") +
            ", lost " + whole(answer, "log_lost") + "  logins refused " +
            whole(answer, "logins_refused") + "\n";
    return text + rejected(answer);
}

std::string view_clients(const json_t *answer)
{
    Table table(
        {"ID", "USER", "PEER", "STATE", ">SINCE", ">STREAMS", ">IN", ">OUT", ">RTT ms", "TUNNELS"});
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(answer, "clients"), i, each) table.add(
        {text_at(each, "id"), text_at(each, "user"), text_at(each, "peer"), text_at(each, "state"),
         age(each, "seconds"), whole(each, "streams"), bytes(each, "bytes_in"),
         bytes(each, "bytes_out"), printed(number_at(each, "rtt_ms"), 1),
         joined(json_object_get(each, "tunnels"))});
    return table.text();
}

std::string view_client(const json_t *answer)
{
    std::string text;
    size_t i, k;
    json_t *each, *link;
    json_array_foreach(json_object_get(answer, "clients"), i, each)
    {
        for (const char *key : {"id", "user", "token", "client_id", "state"})
            text += padded(key) + print_printable(text_at(each, key)) + "\n";
        text += "since       " + age(each, "seconds") + "\n";
        text += "tunnels     " + print_printable(joined(json_object_get(each, "tunnels"))) + "\n";
        Table table({"LINK", ">WORKER", "STATE", ">SINCE", ">STREAMS", ">IN", ">OUT", ">BUFFERED",
                     ">RTT ms"});
        json_array_foreach(json_object_get(each, "links"), k, link)
            table.add({text_at(link, "peer"), whole(link, "worker"), text_at(link, "state"),
                       age(link, "seconds"), whole(link, "streams"), bytes(link, "bytes_in"),
                       bytes(link, "bytes_out"), bytes(link, "buffered_bytes"),
                       printed(number_at(link, "rtt_ms"), 1)});
        text += table.text();
    }
    return text;
}

std::string view_tunnels(const json_t *answer)
{
    Table table(
        {"URL", "USER", "SESSION", "LOCAL", ">REQUESTS", ">FAILED", ">IN", ">OUT", ">IDLE"});
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(answer, "tunnels"), i, each)
        table.add({text_at(each, "url"), text_at(each, "user"), text_at(each, "session"),
                   text_at(each, "local"), whole(each, "requests"), whole(each, "failed"),
                   bytes(each, "bytes_in"), bytes(each, "bytes_out"), age(each, "idle_seconds")});
    return table.text();
}

std::string view_top(const json_t *before, const json_t *after, double seconds)
{
    Table table({"TUNNEL", ">REQUESTS/s", ">IN/s", ">OUT/s"});
    std::vector<Rate> rates = rates_of(before, after, seconds);
    rates.resize(std::min(rates.size(), shown));
    for (const Rate &rate : rates)
        table.add(
            {rate.name, printed(rate.requests, 1), print_bytes(rate.in), print_bytes(rate.out)});
    return table.text();
}

std::string rates_json(const json_t *before, const json_t *after, double seconds)
{
    Json list(json_array());
    for (const Rate &rate : rates_of(before, after, seconds))
        json_array_append_new(list.get(),
                              json_pack("{s:s,s:f,s:f,s:f}", "subdomain", rate.name.c_str(),
                                        "requests_per_second", rate.requests, "bytes_in_per_second",
                                        rate.in, "bytes_out_per_second", rate.out));
    Json value(json_pack("{s:O}", "tunnels", list.get()));
    char *text = json_dumps(value.get(), JSON_COMPACT);
    const std::string out = std::string(text ? text : "{}") + "\n";
    free(text);
    return out;
}

} // namespace tunnel
