// SPDX-License-Identifier: ISC
//
// Tells when a file has changed, been replaced, or come and gone: inotify(7) on its directory,
// so nothing wakes up as long as nothing happens. Where the directory may not be watched, the
// file is looked at once a second. A burst of changes is told once. The loop's thread only.

#pragma once

#include "net/timer.h"

#include <functional>
#include <string>
#include <sys/stat.h>

namespace tunnel {

class FileWatch {
public:
    FileWatch(Loop &loop, const std::string &path, std::function<void()> changed);
    FileWatch(const FileWatch &) = delete;
    FileWatch &operator=(const FileWatch &) = delete;

private:
    struct Look { // what a change shows in
        ino_t inode = 0;
        timespec modified = {}, changed = {};
        off_t size = 0;
        bool operator==(const Look &other) const;
    };

    static void on_event(evutil_socket_t, short, void *self) noexcept;
    void watch_directory();
    void read_events();
    Look look() const;
    void look_again();

    Loop &loop_;
    std::string path_, directory_, name_;
    std::function<void()> changed_;
    Descriptor inotify_;
    EventPtr event_;
    Timer timer_; // ends a burst; or the time to look again
    Look last_;
};

} // namespace tunnel
