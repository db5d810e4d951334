// SPDX-License-Identifier: ISC

#include "flow/stream.h"

#include "flow/link.h"

#include <algorithm>

namespace tunnel {

Stream::~Stream()
{
    if (link_ && in_pulled_list_)
        std::erase(link_->pulled_, this);
    reset(TN_RST_CANCEL);
}

void Stream::answer()
{
    if (unanswered_place_ != answered)
        link_->answer(*this);
}

void Stream::detach()
{
    if (unanswered_place_ != answered)
        link_->forget_unanswered(*this);
    if (waits_)
        std::erase(link_->waiting_, this);
    waits_ = false;
    link_ = nullptr;
}

// What was done while it waited, again.
void Stream::open_late()
{
    waits_ = false;
    if (!queue_.empty())
        tn_stream_queued(link_->mux_, handle_, queue_.size());
    if (source_ready_)
        tn_stream_ready(link_->mux_, handle_);
    if (finish_waits_)
        tn_stream_shutdown(link_->mux_, handle_);
}

void Stream::send(std::span<const uint8_t> bytes)
{
    if (!link_ || bytes.empty())
        return;
    answer();
    queue_.append(bytes);
    if (waits_)
        return;
    tn_stream_queued(link_->mux_, handle_, bytes.size());
    link_->wake();
}

size_t Stream::space() const
{
    if (waits_)
        return TN_INITIAL_WINDOW - std::min<size_t>(TN_INITIAL_WINDOW, queue_.size());
    return link_ ? tn_stream_space(link_->mux_, handle_) : 0;
}

void Stream::ready()
{
    if (!link_)
        return;
    answer();
    source_ready_ = true;
    if (waits_)
        return;
    tn_stream_ready(link_->mux_, handle_);
    link_->wake();
}

bool Stream::blocked() const
{
    tn_stream_info info;
    return waits_ || (link_ && tn_stream_get_info(link_->mux_, handle_, &info) == TN_OK &&
                      info.send_credit == 0);
}

void Stream::want_pulled()
{
    if (!link_ || in_pulled_list_)
        return;
    in_pulled_list_ = true;
    link_->pulled_.push_back(this);
}

// The queue goes first; the source is read behind it, in the same frame.
size_t Stream::pull(uint8_t *dst, size_t size)
{
    size_t taken = queue_.take(dst, size);
    if (!source_ready_ || taken == size)
        return taken;
    size_t read = owner_ ? owner_->on_stream_pull(dst + taken, size - taken) : 0;
    if (taken + read < size)
        source_ready_ = false;
    return taken + read;
}

void Stream::left(size_t sent, bool all)
{
    size_t n = all ? held_ : std::min(sent, held_);
    if (n == 0)
        return;
    held_ -= n;
    if (!link_)
        return;
    tn_stream_consumed(link_->mux_, handle_, n);
    link_->wake();
}

void Stream::finish()
{
    finish_waits_ = waits_;
    if (!opened())
        return;
    answer();
    tn_stream_shutdown(link_->mux_, handle_);
    link_->wake();
}

// The mux's stream outlives this object, which leaves a queue behind that nobody can pull from:
// so only what has been gathered goes before the FIN. Owners close when their queue is empty.
void Stream::close()
{
    if (!link_)
        return;
    if (waits_ || !queue_.empty())
        return reset(TN_RST_CANCEL);
    answer();
    tn_stream_set_user(link_->mux_, handle_, nullptr);
    tn_stream_close(link_->mux_, handle_);
    link_->wake();
    detach();
}

void Stream::reset(uint32_t code)
{
    if (!link_)
        return;
    if (waits_)
        return detach();
    tn_stream_reset(link_->mux_, handle_, code);
    link_->wake();
    detach();
}

} // namespace tunnel
