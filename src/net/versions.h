// SPDX-License-Identifier: ISC
//
// What we run on, for a bug report.

#pragma once

#include <string>

namespace tunnel {

std::string library_versions(); // "libevent 2.1.12-stable, OpenSSL 3.0.15"

} // namespace tunnel
