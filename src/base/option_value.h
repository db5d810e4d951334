// SPDX-License-Identifier: ISC
//
// One value of the option table: from text to its member and back. Used by option.cc and
// option_dump.cc.

#pragma once

#include "base/option.h"

#include <string>
#include <string_view>

namespace tunnel {

// Puts `value` into the member that `option` names. Returns "" or what was expected instead.
// For a list: appends one text to it.
std::string assign_option(const Option &option, void *settings, const std::string &value);

// The member as it is written in YAML; a list of mappings is not for this.
std::string print_option(const Option &option, void *settings);

std::string quote_yaml(std::string_view text);
// For a message: quoted, escaped, cut.
std::string quote_message(std::string_view text);

// The nearest of `names` to `word`, or "" if none is near enough to be meant.
std::string nearest_word(std::string_view word, std::span<const std::string> names);

} // namespace tunnel
