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

// Writes a small file so that a reader sees the old or the new one, whole, after a crash too:
// temporary file, fsync, rename, fsync of the directory. Throws Failure (exit_cannot_create).
void write_file(const std::string &path, std::string_view content, mode_t mode);

} // namespace tunnel
