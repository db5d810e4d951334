// SPDX-License-Identifier: ISC

#include "client/complaint.h"

namespace tunnel {
namespace {

struct FailureName {
    Exit exit;
    const char *code;
    const char *fix;
};

constexpr FailureName names[] = {
    {exit_usage, "E_USAGE", "tunnel help"},
    {exit_data, "E_DATA", ""},
    {exit_no_input, "E_NO_FILE", "tunnel config path"},
    {exit_unavailable, "E_UNAVAILABLE", ""},
    {exit_cannot_create, "E_CANNOT_CREATE", ""},
    {exit_io, "E_IO", ""},
    {exit_no_permission, "E_NOT_ALLOWED", ""},
    {exit_config, "E_CONFIG", ""},
};

} // namespace

std::string complaint_text(const Complaint &complaint)
{
    std::string text = "tunnel: " + complaint.code + ": " + complaint.what + "\n";
    if (!complaint.why.empty())
        text += "  why: " + complaint.why + "\n";
    if (!complaint.fix.empty())
        text += "  fix: " + complaint.fix + "\n";
    return text;
}

Complaint complaint_of(const Failure &failure)
{
    for (const FailureName &name : names)
        if (name.exit == failure.code())
            return {name.code, failure.what(), {}, name.fix, failure.code()};
    return {"E_FAILURE", failure.what(), {}, {}, failure.code()};
}

} // namespace tunnel
