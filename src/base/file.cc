// SPDX-License-Identifier: ISC

#include "base/file.h"

#include "base/failure.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tunnel {

namespace {

// Closes what it holds.
struct File {
    int fd;
    explicit File(int descriptor) : fd(descriptor) {}
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    ~File()
    {
        if (fd >= 0)
            close(fd);
    }
};

[[noreturn]] void refuse(const std::string &path, const std::string &sentence)
{
    throw Failure(exit_config, path + ": " + sentence);
}

std::string directory_of(const std::string &path)
{
    const size_t slash = path.rfind('/');
    if (slash == path.npos)
        return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

int open_to_read(const std::string &path, int flags)
{
    // O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
    const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags);
    if (fd >= 0)
        return fd;
    if (errno == ELOOP && flags & O_NOFOLLOW)
        refuse(path, "is a symbolic link, which a file with secrets may not be");
    throw Failure(errno == ENOENT ? exit_no_input : exit_config,
                  path + ": cannot be read: " + strerror(errno));
}

struct stat check_regular(const std::string &path, int fd, size_t max)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        refuse(path, std::string("cannot be read: ") + strerror(errno));
    if (!S_ISREG(info.st_mode))
        refuse(path, S_ISDIR(info.st_mode) ? "is a directory" : "is not a regular file");
    if (size_t(info.st_size) > max)
        refuse(path, "is larger than " + std::to_string(max) + " bytes");
    return info;
}

// Whoever may write the directory may replace the file.
void check_writers(const std::string &path, const struct stat &info)
{
    if (info.st_mode & S_IWOTH)
        refuse(path, "can be written by everybody; fix: chmod o-w " + path);
    const std::string directory = directory_of(path);
    struct stat above;
    if (stat(directory.c_str(), &above) == 0 && (above.st_mode & S_IWOTH) &&
        !(above.st_mode & S_ISVTX))
        refuse(path, "stands in a directory that everybody can write; fix: chmod o-w " + directory);
}

std::string read_all(const std::string &path, int fd, size_t max)
{
    std::string content;
    char buffer[16384];
    for (;;) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0)
            return content;
        if (n < 0)
            refuse(path, std::string("cannot be read: ") + strerror(errno));
        content.append(buffer, size_t(n));
        if (content.size() > max) // it grew since it was opened
            refuse(path, "is larger than " + std::to_string(max) + " bytes");
    }
}

bool write_all(int fd, std::string_view content)
{
    while (!content.empty()) {
        const ssize_t n = write(fd, content.data(), content.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        content.remove_prefix(size_t(n));
    }
    return true;
}

[[noreturn]] void fail_to_write(const std::string &path)
{
    throw Failure(exit_cannot_create, "cannot write " + path + ": " + strerror(errno));
}

struct Rights {
    mode_t mode;
    uid_t uid; // -1: ours
    gid_t gid;
};

void write_with(const std::string &path, std::string_view content, const Rights &rights)
{
    std::string temporary = path + ".XXXXXX";
    const File file(mkostemp(temporary.data(), O_CLOEXEC)); // made 0600
    const std::string directory = directory_of(path);
    // The owner first: to give a file away takes set-id bits from its mode.
    if (file.fd >= 0 && write_all(file.fd, content) &&
        fchown(file.fd, rights.uid, rights.gid) == 0 && fchmod(file.fd, rights.mode) == 0 &&
        fsync(file.fd) == 0 && rename(temporary.c_str(), path.c_str()) == 0) {
        const File above(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (above.fd >= 0)
            fsync(above.fd); // the new name; some file systems cannot, and then it is theirs
        return;
    }
    const int error = errno;
    if (file.fd >= 0)
        unlink(temporary.c_str());
    errno = error;
    fail_to_write(path);
}

} // namespace

std::string read_config_file(const std::string &path, size_t max)
{
    const File file(open_to_read(path, 0));
    check_writers(path, check_regular(path, file.fd, max));
    return read_all(path, file.fd, max);
}

std::string read_secret_file(const std::string &path, size_t max, mode_t forbidden)
{
    const File file(open_to_read(path, O_NOFOLLOW));
    const struct stat info = check_regular(path, file.fd, max);
    if (info.st_mode & forbidden)
        refuse(path, "its permissions are too wide for secrets; fix: chmod " +
                         std::string(forbidden & S_IRGRP ? "600 " : "640 ") + path);
    // Root reads what belongs to the user it will become.
    if (geteuid() != 0 && info.st_uid != 0 && info.st_uid != geteuid())
        refuse(path, "belongs to somebody else than root or the user who reads it");
    check_writers(path, info);
    return read_all(path, file.fd, max);
}

void require_private(const std::string &path)
{
    struct stat info;
    if (stat(path.c_str(), &info) != 0)
        return; // whoever reads it will say why it cannot be
    if (info.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
        refuse(path, "its permissions are too wide for secrets; fix: chmod 640 " + path);
    check_writers(path, info);
}

void write_file(const std::string &path, std::string_view content, mode_t mode)
{
    write_with(path, content, {mode, uid_t(-1), gid_t(-1)});
}

void replace_file(const std::string &path, std::string_view content, mode_t mode)
{
    struct stat info;
    if (stat(path.c_str(), &info) == 0)
        return write_with(path, content, {info.st_mode & 07777, info.st_uid, info.st_gid});
    if (errno != ENOENT || stat(directory_of(path).c_str(), &info) != 0)
        fail_to_write(path);
    write_with(path, content, {mode, uid_t(-1), geteuid() == 0 ? info.st_gid : gid_t(-1)});
}

FileLock::FileLock(const std::string &path)
{
    const std::string name = path + ".lock";
    fd_ = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd_ >= 0 && flock(fd_, LOCK_EX) != 0)
        if (errno != EINTR) {
            close(fd_);
            fd_ = -1;
        }
    if (fd_ < 0)
        fail_to_write(name);
}

FileLock::~FileLock() { close(fd_); }

} // namespace tunnel
