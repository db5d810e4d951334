// SPDX-License-Identifier: ISC

#include "client/outlet.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tunnel {
namespace {

constexpr size_t waiting_max = 256 * 1024; // bytes

// O_NONBLOCK belongs to what was opened, which we share with the shell and whoever else has
// it; so a terminal or a pipe is opened once more. -1: that cannot be done.
int open_anew(int fd)
{
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    return open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

bool takes_more(int fd, int wait_ms)
{
    pollfd one = {fd, POLLOUT, 0};
    return poll(&one, 1, wait_ms) == 1;
}

} // namespace

Outlet::Outlet(int fd) : fd_(fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || S_ISREG(info.st_mode))
        return;
    is_socket_ = S_ISSOCK(info.st_mode);
    int anew = is_socket_ ? -1 : open_anew(fd);
    owned_ = anew >= 0;
    may_block_ = !owned_ && !is_socket_;
    if (owned_)
        fd_ = anew;
}

Outlet::~Outlet()
{
    if (owned_)
        close(fd_);
}

// How much has gone; what can never go counts as gone.
size_t Outlet::write_some(std::string_view text)
{
    if (may_block_) {
        if (!takes_more(fd_, 0))
            return 0;
        text = text.substr(0, PIPE_BUF);
    }
    ssize_t n = is_socket_ ? send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                           : write(fd_, text.data(), text.size());
    if (n >= 0)
        return size_t(n);
    return errno == EAGAIN || errno == EINTR ? 0 : text.size();
}

bool Outlet::put(std::string_view text)
{
    if (!waiting_.empty() && waiting_.size() + text.size() > waiting_max)
        return false;
    if (!waiting_.empty()) {
        waiting_ += text;
        flush();
        return true;
    }
    while (!text.empty()) {
        size_t gone = write_some(text);
        if (gone == 0)
            break;
        text.remove_prefix(gone);
    }
    waiting_ = text;
    return true;
}

bool Outlet::flush()
{
    size_t done = 0;
    while (done < waiting_.size()) {
        size_t gone = write_some(std::string_view(waiting_).substr(done));
        if (gone == 0)
            break;
        done += gone;
    }
    waiting_.erase(0, done);
    return idle();
}

void Outlet::drain(Micros patience)
{
    Micros end = monotonic_now() + patience;
    while (!flush()) {
        Micros now = monotonic_now();
        if (now >= end || !takes_more(fd_, int((end - now) / millisecond) + 1))
            return;
    }
}

} // namespace tunnel
