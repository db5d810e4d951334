// SPDX-License-Identifier: ISC
//
// --json: one object for each event, a line each, on standard output. Its shape is in
// tunnel(1), and only grows.

#pragma once

#include "client/outlet.h"
#include "client/status_view.h"

namespace tunnel {

class JsonView final : public StatusView {
public:
    JsonView();
    ~JsonView() override;

    void on_online(const std::string &session, const std::string &server) override;
    void on_tunnel(size_t index, const Router::Tunnel &tunnel) override;
    void on_refused(const std::string &name, const TunnelAnswer &answer) override;
    void on_waiting(const WaitingEvent &event) override;
    void on_links(size_t up, size_t wanted) override;
    void on_link_lost(const LinkLostEvent &event) override;
    void on_nothing_listens(const LocalTarget &target) override;
    void on_closing(size_t in_flight, Micros grace) override;
    void on_failed(const Complaint &complaint) override;
    void on_end(int exit) override;

    bool wants_visits() const override { return true; }
    void on_visit(const VisitRecord &record) override;

    Micros due() const override;
    void on_due() override { out_.flush(); }

private:
    Outlet out_;
    uint64_t requests_ = 0;
    uint64_t dropped_ = 0; // the reader stood still
};

// What a program that never came to have a Status says of its end.
void print_json_failure(const Complaint &complaint);

} // namespace tunnel
