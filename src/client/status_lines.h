// SPDX-License-Identifier: ISC
//
// What happens to the client, as sentences for a person on standard error; and the URLs alone
// on standard output, for a script.

#pragma once

#include "client/outlet.h"
#include "client/status_view.h"

#include <vector>

namespace tunnel {

class LinesView final : public StatusView {
public:
    struct Style {
        LogLevel level;
        bool visits;
        bool names_tunnels; // there are several
        bool colours;
        bool qr;
    };
    explicit LinesView(const Style &style);

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

    bool wants_visits() const override { return style_.visits; }
    void on_visit(const VisitRecord &record) override;

    Micros due() const override;
    void on_due() override { err_.flush(); }

private:
    void say(LogLevel level, const std::string &sentence);
    void show_qr(size_t index, const std::string &url);
    bool may_show_visit();

    Style style_;
    Outlet err_;
    Micros this_second_ = 0; // when counting began
    uint64_t shown_ = 0;     // visits since then
    uint64_t dropped_ = 0;
    std::vector<std::string> drawn_; // URLs as QR codes, by tunnel
};

// Each URL once, a line.
class UrlView final : public StatusView {
public:
    UrlView();

    void on_online(const std::string &, const std::string &) override {}
    void on_tunnel(size_t index, const Router::Tunnel &tunnel) override;
    void on_refused(const std::string &, const TunnelAnswer &) override {}
    void on_waiting(const WaitingEvent &) override {}
    void on_links(size_t, size_t) override {}
    void on_link_lost(const LinkLostEvent &) override {}
    void on_nothing_listens(const LocalTarget &) override {}
    void on_closing(size_t, Micros) override {}
    void on_failed(const Complaint &) override {}
    void on_end(int exit) override;

    Micros due() const override;
    void on_due() override { out_.flush(); }

private:
    Outlet out_;
    std::vector<std::string> shown_; // by tunnel
};

// The sentences that a terminal shows too.
std::string waiting_sentence(const WaitingEvent &event);
std::string link_lost_sentence(const LinkLostEvent &event);
std::string refused_sentence(const std::string &name, const TunnelAnswer &answer);
std::string nothing_listens_sentence(const LocalTarget &target);

} // namespace tunnel
