// SPDX-License-Identifier: ISC

#include "net/file_watch.h"

#include "net/loop.h"

#include <climits>
#include <cstring>
#include <sys/inotify.h>

namespace tunnel {

namespace {

constexpr Micros burst = 50 * millisecond; // changes this near to each other are one
constexpr Micros look_every = second;
constexpr uint32_t wanted = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
                            IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF;

} // namespace

FileWatch::FileWatch(Loop &loop, const std::string &path, std::function<void()> changed)
    : loop_(loop), path_(path), changed_(std::move(changed)), timer_(loop, [this] { look_again(); })
{
    const size_t slash = path.rfind('/');
    directory_ = slash == path.npos ? "." : path.substr(0, slash + 1);
    name_ = slash == path.npos ? path : path.substr(slash + 1);
    last_ = look();
    watch_directory();
    if (!event_)
        timer_.start(look_every);
}

void FileWatch::watch_directory()
{
    inotify_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_ || inotify_add_watch(inotify_.get(), directory_.c_str(), wanted) < 0)
        return inotify_.reset();
    event_.reset(event_new(loop_.base(), inotify_.get(), EV_READ | EV_PERSIST, on_event, this));
    if (event_ && event_add(event_.get(), nullptr) != 0)
        event_.reset();
}

void FileWatch::on_event(evutil_socket_t, short, void *self) noexcept
{
    static_cast<FileWatch *>(self)->read_events();
}

// Only what concerns our file; or, when the directory itself goes, looking from then on.
void FileWatch::read_events()
{
    alignas(inotify_event) char buffer[4096];
    bool ours = false, lost = false;
    for (;;) {
        const ssize_t size = read(inotify_.get(), buffer, sizeof buffer);
        if (size <= 0)
            break;
        for (ssize_t at = 0; at < size;) {
            const auto *event = reinterpret_cast<const inotify_event *>(buffer + at);
            at += ssize_t(sizeof *event + event->len);
            lost = lost || (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED));
            ours =
                ours || (event->mask & IN_Q_OVERFLOW) || (event->len != 0 && name_ == event->name);
        }
    }
    if (lost)
        event_.reset();
    if ((ours || lost) && !timer_.running())
        timer_.start(burst);
}

bool FileWatch::Look::operator==(const Look &other) const
{
    auto same = [](const timespec &a, const timespec &b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    return inode == other.inode && size == other.size && same(modified, other.modified) &&
           same(changed, other.changed);
}

FileWatch::Look FileWatch::look() const
{
    struct stat info;
    if (stat(path_.c_str(), &info) != 0)
        return {};
    return {info.st_ino, info.st_mtim, info.st_ctim, info.st_size};
}

void FileWatch::look_again()
{
    if (!event_)
        timer_.start(look_every);
    const Look now = look();
    if (now == last_)
        return;
    last_ = now;
    changed_();
}

} // namespace tunnel
