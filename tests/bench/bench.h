// SPDX-License-Identifier: ISC
//
// The smallest benchmark frame: measures on one processor, takes the median of RUNS runs (15) and
// prints a line for each number, or JSON with --json. An argument without dashes chooses the
// benchmarks whose name contains it. Nothing fails for being slow.
//
// What a line says about processor cycles comes from perf_event_open(2), where that is allowed.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/perf_event.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace bench {

inline double seconds()
{
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

// The compiler may not conclude anything about `value`.
template <class T> void keep(const T &value) { asm volatile("" : : "g"(&value) : "memory"); }

// A hardware counter of this thread; reads 0 where there is none.
class Counter {
public:
    explicit Counter(uint64_t what)
    {
        perf_event_attr wanted = {};
        wanted.type = PERF_TYPE_HARDWARE;
        wanted.size = sizeof wanted;
        wanted.config = what;
        wanted.exclude_kernel = 1;
        fd_ = int(syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0));
    }
    ~Counter() { close(fd_); }
    Counter(const Counter &) = delete;
    Counter &operator=(const Counter &) = delete;

    double value() const
    {
        uint64_t count = 0;
        return ::read(fd_, &count, sizeof count) == sizeof count ? double(count) : 0;
    }

private:
    int fd_;
};

class Report {
public:
    Report(int argc, char **argv)
    {
        for (int i = 1; i < argc; i++)
            strcmp(argv[i], "--json") == 0 ? (void)(json_ = true) : (void)(wanted_ = argv[i]);
        if (const char *runs = getenv("RUNS"))
            runs_ = std::max(1, atoi(runs));
        cpu_set_t first;
        CPU_ZERO(&first);
        CPU_SET(sched_getcpu(), &first);
        sched_setaffinity(0, sizeof first, &first);
    }
    ~Report()
    {
        if (json_)
            printf("[%s]\n", lines_.c_str());
    }
    Report(const Report &) = delete;
    Report &operator=(const Report &) = delete;

    bool wants(const char *name) const { return strstr(name, wanted_) != nullptr; }

    // `work` does some of it and returns how much; the result is per second, times `scale`.
    template <class Work> void rate(const char *name, const char *unit, double scale, Work work)
    {
        std::vector<double> rates, cycles, instructions;
        one_run(work, 0.02); // warms up
        for (int run = 0; run < runs_; run++) {
            Run result = one_run(work, 0.05);
            rates.push_back(result.amount / result.seconds * scale);
            cycles.push_back(result.cycles / result.amount);
            instructions.push_back(result.instructions / result.amount);
        }
        print(name, unit, median(rates), median(cycles), median(instructions));
    }

    void value(const char *name, const char *unit, double value) { print(name, unit, value, 0, 0); }

private:
    struct Run {
        double amount, seconds, cycles, instructions;
    };

    template <class Work> Run one_run(Work &work, double least)
    {
        double cycles = cycles_.value(), instructions = instructions_.value();
        double begin = seconds(), elapsed = 0, amount = 0;
        while (elapsed < least) {
            amount += double(work());
            elapsed = seconds() - begin;
        }
        return {amount, elapsed, cycles_.value() - cycles, instructions_.value() - instructions};
    }

    static double median(std::vector<double> values)
    {
        std::nth_element(values.begin(), values.begin() + long(values.size() / 2), values.end());
        return values[values.size() / 2];
    }

    void print(const char *name, const char *unit, double value, double cycles, double instructions)
    {
        char line[256];
        if (json_) {
            snprintf(line, sizeof line,
                     "%s\n{\"name\": \"%s\", \"unit\": \"%s\", \"value\": %.6g, \"cycles\": %.6g, "
                     "\"instructions\": %.6g}",
                     lines_.empty() ? "" : ",", name, unit, value, cycles, instructions);
            lines_ += line;
            return;
        }
        printf("%-42s %10.4g %s", name, value, unit);
        if (cycles > 0)
            printf("   (%.3g cycles, %.3g instructions each)", cycles, instructions);
        printf("\n");
        fflush(stdout);
    }

    Counter cycles_{PERF_COUNT_HW_CPU_CYCLES};
    Counter instructions_{PERF_COUNT_HW_INSTRUCTIONS};
    const char *wanted_ = "";
    std::string lines_;
    int runs_ = 15;
    bool json_ = false;
};

} // namespace bench
