// SPDX-License-Identifier: ISC
//
// Small files, read with suspicion, written so that they are never half there.

#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

namespace tunnel {

// Reads a whole regular file of at most `max` bytes; never waits for a FIFO. Throws Failure:
// exit_no_input if there is none, exit_config if it is something else, too large, unreadable,
// or writable by everybody (the file, or its directory without the sticky bit).
std::string read_config_file(const std::string &path, size_t max);

// The same for a secret: no symbolic link, owned by root or us, and none of the `forbidden`
// permissions: 027 where a group may read it, 077 where not.
std::string read_secret_file(const std::string &path, size_t max, mode_t forbidden);

// Throws Failure (exit_config), with the fix, if everybody may read `path`, or others than its owner
// may write it: for a secret that a library reads, and that may well be a link.
void require_private(const std::string &path);

// Writes a small file so that a reader sees the old or the new one, whole, after a crash too:
// temporary file, fsync, rename, fsync of the directory. Throws Failure (exit_cannot_create).
void write_file(const std::string &path, std::string_view content, mode_t mode);
// The same for a file that is there: its owner, group and permissions stay. One that is not
// gets `mode` and the group of its directory.
void replace_file(const std::string &path, std::string_view content, mode_t mode);

// While it lives, nobody else holds the lock of `path`, which is the file `path`.lock, made if it
// is missing; waits for it. Throws Failure (exit_cannot_create).
class FileLock {
public:
    explicit FileLock(const std::string &path);
    FileLock(const FileLock &) = delete;
    FileLock &operator=(const FileLock &) = delete;
    ~FileLock();

private:
    int fd_;
};

} // namespace tunnel
