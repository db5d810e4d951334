// SPDX-License-Identifier: ISC
//
// tunnel: gives a local service a public address through a tunneld.

#include "base/process.h"
#include "client/commands.h"
#include "client/complaint.h"

#include <cstdio>

int main(int argc, char **argv)
{
    tunnel::ensure_standard_descriptors();
    try {
        return tunnel::run_command(argc, argv);
    } catch (const tunnel::Failure &failure) {
        tunnel::Complaint complaint = tunnel::complaint_of(failure);
        std::fputs(tunnel::complaint_text(complaint).c_str(), stderr);
        return complaint.exit;
    }
}
