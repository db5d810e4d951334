// SPDX-License-Identifier: ISC

#include "client/client_id.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "base/text.h"
#include "net/digest.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>

namespace tunnel {
namespace {

constexpr size_t id_bytes = 16;
constexpr size_t name_bytes = 8; // of the digest of the configuration file's path

// One name for one file, whatever way leads to it.
std::string state_name(const std::string &config_file)
{
    char whole[PATH_MAX];
    const char *path = realpath(config_file.c_str(), whole);
    Sha256 digest = sha256(path ? path : config_file.c_str());
    return to_hex({digest.data(), name_bytes});
}

Descriptor lock(const std::string &path)
{
    Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file)
        throw Failure(exit_cannot_create, path + ": " + std::strerror(errno));
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0)
        throw Failure(exit_temporary, "another client with this configuration is running");
    return file;
}

bool is_id(std::string_view text) { return text.size() == 2 * id_bytes && from_hex(text); }

std::string read_or_make(const std::string &path)
{
    std::string kept;
    try {
        kept = trim(read_secret_file(path, 4 * id_bytes, 077));
    } catch (const Failure &) {
        // None yet, or not ours to trust: a new one takes its place.
    }
    if (is_id(kept))
        return kept;
    kept = random_hex(id_bytes);
    write_file(path, kept + "\n", 0600);
    return kept;
}

} // namespace

ClientId ClientId::random() { return ClientId(random_hex(id_bytes)); }

ClientId ClientId::given(const std::string &text) { return ClientId(text); }

ClientId ClientId::kept_for(const std::string &config_file)
{
    try {
        std::string path =
            state_directory("tunnel", false) + "/client-id-" + state_name(config_file);
        Descriptor held = lock(path + ".lock");
        return ClientId(read_or_make(path), std::move(held));
    } catch (const Failure &failure) {
        log_info("client id not kept", {{"reason", failure.what()}});
        return random();
    }
}

} // namespace tunnel
