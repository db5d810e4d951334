// SPDX-License-Identifier: ISC

#include "client/status_json.h"

#include "client/json_line.h"
#include "client/status_text.h"

#include <unistd.h>

namespace tunnel {
namespace {

constexpr Micros retry_time = 100 * millisecond; // of a reader that stood still
constexpr Micros patience = 1 * second;          // for him, at the end

JsonLine stamped(std::string_view type)
{
    return JsonLine(type).text("ts", print_timestamp(wall_now()));
}

double in_ms(Micros span) { return double(span) / double(millisecond); }

std::string error_line(const Complaint &complaint)
{
    return stamped("error")
        .text("code", complaint.code)
        .text("message", complaint.what)
        .text("why", complaint.why)
        .text("fix", complaint.fix)
        .end();
}

std::string end_line(int exit, uint64_t requests)
{
    return stamped("end").number("exit", exit).number("requests", double(requests)).end();
}

} // namespace

JsonView::JsonView() : out_(STDOUT_FILENO) {}

JsonView::~JsonView() = default;

Micros JsonView::due() const { return out_.idle() ? never : monotonic_now() + retry_time; }

void JsonView::on_online(const std::string &session, const std::string &server)
{
    out_.put(stamped("session")
                 .text("state", "online")
                 .text("server", server)
                 .text("session_id", session)
                 .end());
}

void JsonView::on_tunnel(size_t, const Router::Tunnel &tunnel)
{
    out_.put(stamped("tunnel")
                 .text("name", tunnel.name.empty() ? tunnel.subdomain : tunnel.name)
                 .text("public_url", tunnel.url)
                 .text("target", "http://" + tunnel.target.text())
                 .end());
}

void JsonView::on_refused(const std::string &name, const TunnelAnswer &answer)
{
    out_.put(stamped("refused")
                 .text("name", name)
                 .text("code", answer.code)
                 .text("message", answer.sentence)
                 .end());
}

void JsonView::on_waiting(const WaitingEvent &event)
{
    out_.put(stamped("session")
                 .text("state", "reconnecting")
                 .number("delay_ms", in_ms(event.delay))
                 .number("attempt", double(event.attempt))
                 .text("reason", event.reason)
                 .text("since", print_timestamp(event.since))
                 .end());
}

void JsonView::on_links(size_t up, size_t wanted)
{
    out_.put(stamped("links").number("links", double(up)).number("wanted", double(wanted)).end());
}

void JsonView::on_link_lost(const LinkLostEvent &event)
{
    out_.put(stamped("links")
                 .number("links", double(event.up))
                 .number("wanted", double(event.wanted))
                 .text("reason", event.reason)
                 .end());
}

void JsonView::on_nothing_listens(const LocalTarget &target)
{
    out_.put(stamped("warning")
                 .text("message", "nothing listens on " + target.text())
                 .text("target", "http://" + target.text())
                 .end());
}

void JsonView::on_closing(size_t in_flight, Micros grace)
{
    out_.put(stamped("session")
                 .text("state", "closing")
                 .number("in_flight", double(in_flight))
                 .number("grace_ms", in_ms(grace))
                 .end());
}

void JsonView::on_failed(const Complaint &complaint) { out_.put(error_line(complaint)); }

void JsonView::on_end(int exit)
{
    out_.put(end_line(exit, requests_));
    out_.drain(patience);
}

void JsonView::on_visit(const VisitRecord &record)
{
    requests_++;
    if (dropped_ > 0) {
        if (!out_.put(stamped("dropped").number("requests", double(dropped_)).end())) {
            dropped_++;
            return;
        }
        dropped_ = 0;
    }
    bool taken = out_.put(stamped("request")
                              .text("id", record.request_id)
                              .text("tunnel", record.subdomain)
                              .text("method", record.method)
                              .text("path", record.path)
                              .number("status", record.status)
                              .number("ms", in_ms(record.took))
                              .number("bytes_in", double(record.bytes_in))
                              .number("bytes_out", double(record.bytes_out))
                              .text("remote_addr", record.remote_addr)
                              .text("reason", record.reason)
                              .end());
    dropped_ += !taken;
}

void print_json_failure(const Complaint &complaint)
{
    Outlet out(STDOUT_FILENO);
    out.put(error_line(complaint) + end_line(complaint.exit, 0));
    out.drain(patience);
}

} // namespace tunnel
