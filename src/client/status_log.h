// SPDX-License-Identifier: ISC
//
// What happens to the client, as lines of the log: where that is a file, JSON, or read by an
// init system.

#pragma once

#include "client/status_view.h"

namespace tunnel {

class LogView final : public StatusView {
public:
    explicit LogView(bool visits) : visits_(visits) {}

    void on_online(const std::string &session, const std::string &server) override;
    void on_tunnel(size_t index, const Router::Tunnel &tunnel) override;
    void on_refused(const std::string &name, const TunnelAnswer &answer) override;
    void on_waiting(const WaitingEvent &event) override;
    void on_links(size_t up, size_t wanted) override;
    void on_link_lost(const LinkLostEvent &event) override;
    void on_nothing_listens(const LocalTarget &target) override;
    void on_closing(size_t in_flight, Micros grace) override;
    void on_failed(const Complaint &complaint) override;
    void on_end(int) override {}

    bool wants_visits() const override { return visits_; }
    void on_visit(const VisitRecord &record) override;

private:
    bool visits_;
};

} // namespace tunnel
