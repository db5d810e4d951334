// SPDX-License-Identifier: ISC
//
// What a reload changes: two Settings of one table, compared and mixed row by row.

#pragma once

#include "base/failure.h"
#include "base/option.h"

#include <span>
#include <vector>

namespace tunnel {

// The rows whose values differ; lists of mappings are not looked at.
std::vector<const Option *> changed_options(std::span<const Option> table, const void *before,
                                            const void *after);

// Gives the row's member of `to` the value that it has in `from`.
void copy_option(const Option &option, const void *from, void *to);

// "log.level,log.output": `key` behind those in `list`.
void append_key(std::string &list, const char *key);

// A line in the log for each thing that is wrong.
void log_refused_reload(const Failure &failure);

} // namespace tunnel
