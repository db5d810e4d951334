// SPDX-License-Identifier: ISC
//
// Questions to the person at the terminal. What is typed is read from standard input, the question
// goes to standard error.

#pragma once

#include <string>

namespace tunnel {

bool person_is_there(); // both of them are a terminal

// One line, without its end. Throws Failure (exit_no_input) if there is none.
std::string ask(const std::string &question);
// The same for a secret: what is typed is not shown, and a signal that ends us in the middle
// leaves the terminal as it was.
std::string ask_hidden(const std::string &question);

} // namespace tunnel
