// SPDX-License-Identifier: ISC

#include "client/doctor_command.h"

#include "base/date.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "client/doctor.h"
#include "client/json_line.h"
#include "client/target.h"
#include "net/versions.h"

#include <config.h>
#include <ctime>
#include <iostream>
#include <sys/utsname.h>

namespace tunnel {

namespace {

std::string versions()
{
    utsname system = {};
    uname(&system);
    return std::string("tunnel ") + PACKAGE_VERSION + ", " + library_versions() + ", " +
           system.sysname + " " + system.release + " " + system.machine;
}

std::string summary(const Doctor &doctor)
{
    const auto counted = [](size_t count, const char *what) {
        return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
    };
    return counted(doctor.problems(), "problem") + ", " + counted(doctor.warnings(), "warning");
}

std::string summary_json(const Doctor &doctor)
{
    return JsonLine("doctor")
        .number("problems", double(doctor.problems()))
        .number("warnings", double(doctor.warnings()))
        .end();
}

// What a stranger may read: the dump hides secrets, and nothing else could hold them.
std::string report(const Doctor &doctor, const std::string &findings)
{
    std::string text = "tunnel doctor, " + print_date(int64_t(time(nullptr))) + "\n" + versions() +
                       "\n\n" + findings + summary(doctor) + "\n";
    if (doctor.config())
        text += "\nThe configuration in force:\n" + client_dump(doctor.config()->settings);
    return text;
}

} // namespace

int run_doctor(CommandLine &line, const std::vector<std::string> &arguments)
{
    if (arguments.size() > 1)
        throw Failure(exit_usage, "tunnel doctor: one TARGET at most, 3000 or host:3000");
    const std::string target = arguments.empty() ? "" : arguments[0];
    if (!target.empty() && !parse_target(target))
        throw Failure(exit_usage, "\"" + target + "\" is no TARGET: 3000 or host:3000");
    log_open({LogLevel::error, LogFormat::logfmt, "stderr"});
    harden_process();

    std::string findings;
    const bool json = line.has("json");
    Doctor doctor([&](const Finding &finding) {
        findings += finding_line(finding);
        std::cout << (json ? finding_json(finding) : finding_line(finding)) << std::flush;
    });
    doctor.examine(line, target);
    std::cout << (json ? summary_json(doctor) : summary(doctor) + "\n");
    if (line.has("report"))
        write_file(line.flags["report"], report(doctor, findings), 0600);
    else if (!json && doctor.problems() > 0)
        std::cout << "For a bug report: tunnel doctor --report FILE (without secrets)\n";
    return doctor.exit();
}

} // namespace tunnel
