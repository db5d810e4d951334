// SPDX-License-Identifier: ISC

#include "client/outlet.h"

#include "check.h"

#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

using namespace tunnel;

namespace {

std::string read_some(int fd, size_t size)
{
    std::string text(size, 0);
    ssize_t n = read(fd, text.data(), size);
    text.resize(n > 0 ? size_t(n) : 0);
    return text;
}

// What comes out at `reading` of more than fits, and that nothing of it is torn.
void comes_out_whole(int reading, int writing)
{
    Outlet outlet(writing);
    std::string line(1000, 'x'), all;
    line += '\n';
    size_t taken = 0;
    while (outlet.put(line))
        taken++;
    CHECK(!outlet.idle());
    CHECK(taken > 200 && taken < 5000); // bounded
    CHECK(!outlet.put(line));
    while (all.size() < taken * line.size()) {
        all += read_some(reading, 65536);
        outlet.flush();
    }
    CHECK(outlet.idle() && all.size() == taken * line.size());
    CHECK(outlet.put("end\n") && read_some(reading, 100) == "end\n");
}

} // namespace

TEST(a_pipe_that_nobody_reads_does_not_hold_us_up)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    comes_out_whole(ends[0], ends[1]);
    CHECK((fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0); // whoever shares it notices nothing
    close(ends[0]);
    close(ends[1]);
}

TEST(a_socket_that_nobody_reads_does_not_hold_us_up)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    comes_out_whole(ends[0], ends[1]);
    close(ends[0]);
    close(ends[1]);
}

TEST(a_reader_that_has_gone_is_no_failure)
{
    signal(SIGPIPE, SIG_IGN);
    int ends[2];
    CHECK(pipe(ends) == 0);
    Outlet outlet(ends[1]);
    close(ends[0]);
    CHECK(outlet.put("nobody\n") && outlet.idle());
    outlet.drain(second);
    close(ends[1]);
}
