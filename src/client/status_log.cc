// SPDX-License-Identifier: ISC

#include "client/status_log.h"

namespace tunnel {
namespace {

double in_ms(Micros span) { return double(span) / double(millisecond); }

} // namespace

void LogView::on_online(const std::string &session, const std::string &server)
{
    log_info("session online", {{"session", session}, {"server", server}});
}

void LogView::on_tunnel(size_t, const Router::Tunnel &tunnel)
{
    log_info("tunnel open",
             {{"tunnel", tunnel.name}, {"url", tunnel.url}, {"local", tunnel.target.text()}});
}

void LogView::on_refused(const std::string &name, const TunnelAnswer &answer)
{
    log_warn("tunnel refused",
             {{"tunnel", name}, {"code", answer.code}, {"reason", answer.sentence}});
}

void LogView::on_waiting(const WaitingEvent &event)
{
    log_event(
        event.level, "reconnecting",
        {{"delay_ms", in_ms(event.delay)}, {"attempt", event.attempt}, {"reason", event.reason}});
}

void LogView::on_links(size_t up, size_t wanted)
{
    log_info("links", {{"links", up}, {"wanted", wanted}});
}

void LogView::on_link_lost(const LinkLostEvent &event)
{
    log_event(event.level, "link lost",
              {{"links", event.up},
               {"wanted", event.wanted},
               {"delay_ms", event.delay == never ? -1 : in_ms(event.delay)},
               {"reason", event.reason}});
}

void LogView::on_nothing_listens(const LocalTarget &target)
{
    log_warn("nothing listens yet", {{"local", target.text()}});
}

void LogView::on_closing(size_t in_flight, Micros)
{
    log_info("closing", {{"in_flight", in_flight}});
}

void LogView::on_failed(const Complaint &complaint)
{
    log_error("ended", {{"code", complaint.code},
                        {"reason", complaint.what},
                        {"why", complaint.why},
                        {"exit", int(complaint.exit)}});
}

void LogView::on_visit(const VisitRecord &record)
{
    log_debug("visit", {{"tunnel", record.subdomain},
                        {"remote", record.remote_addr},
                        {"method", record.method},
                        {"path", record.path},
                        {"status", record.status},
                        {"bytes_in", record.bytes_in},
                        {"bytes_out", record.bytes_out},
                        {"ms", in_ms(record.took)},
                        {"request", record.request_id},
                        {"reason", record.reason}});
}

} // namespace tunnel
