// SPDX-License-Identifier: ISC

#include "base/prompt.h"

#include "base/failure.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace tunnel {

namespace {

constexpr size_t line_max = 4096; // bytes

constexpr int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile sig_atomic_t caught = 0;

void catch_signal(int signal) noexcept { caught = signal; }

// While it lives, the signals that would end us are kept until the terminal is as it was: they
// come through only in wait_for_input(), and end us afterwards.
class Silence {
public:
    Silence()
    {
        caught = 0;
        struct sigaction keep = {};
        keep.sa_handler = catch_signal;
        sigset_t held;
        sigemptyset(&held);
        for (size_t i = 0; i < std::size(ending); i++) {
            sigaddset(&held, ending[i]);
            sigaction(ending[i], &keep, &actions_[i]);
        }
        sigprocmask(SIG_BLOCK, &held, &mask_);
        silent_ = tcgetattr(STDIN_FILENO, &shown_) == 0;
        termios hidden = shown_;
        hidden.c_lflag &= ~tcflag_t(ECHO);
        if (silent_)
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    Silence(const Silence &) = delete;
    Silence &operator=(const Silence &) = delete;
    ~Silence()
    {
        if (silent_)
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown_);
        std::fputc('\n', stderr); // the one that was typed was not shown
        for (size_t i = 0; i < std::size(ending); i++)
            sigaction(ending[i], &actions_[i], nullptr);
        if (caught != 0)
            raise(caught);
        sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }

    // False: a signal came instead.
    bool wait_for_input()
    {
        pollfd input = {STDIN_FILENO, POLLIN, 0};
        while (ppoll(&input, 1, nullptr, &mask_) < 0)
            if (errno != EINTR || caught != 0)
                return false;
        return true;
    }

private:
    struct sigaction actions_[std::size(ending)] = {};
    sigset_t mask_ = {};
    termios shown_ = {};
    bool silent_ = false;
};

[[noreturn]] void fail_without_answer()
{
    throw Failure(exit_no_input, "the question was not answered");
}

bool take_byte(std::string &line)
{
    char byte = 0;
    ssize_t n;
    while ((n = read(STDIN_FILENO, &byte, 1)) < 0 && errno == EINTR) {
    }
    if (n == 1 && byte != '\n')
        line += byte;
    return n == 1 && byte != '\n' && line.size() < line_max;
}

} // namespace

bool person_is_there() { return isatty(STDIN_FILENO) && isatty(STDERR_FILENO); }

std::string ask(const std::string &question)
{
    std::fputs(question.c_str(), stderr);
    std::string line;
    while (take_byte(line)) {
    }
    if (line.empty())
        fail_without_answer();
    return line;
}

std::string ask_hidden(const std::string &question)
{
    std::string line;
    {
        Silence silence; // first: who answers at once shows and loses nothing
        std::fputs(question.c_str(), stderr);
        while (silence.wait_for_input() && take_byte(line)) {
        }
    }
    if (line.empty())
        fail_without_answer();
    return line;
}

} // namespace tunnel
