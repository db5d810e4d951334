// SPDX-License-Identifier: ISC
//
// One JSON object on its line, as --json writes them.

#pragma once

#include <string>
#include <string_view>

namespace tunnel {

class JsonLine {
public:
    explicit JsonLine(std::string_view type) { text("type", type); }
    JsonLine &text(std::string_view key, std::string_view value);
    JsonLine &number(std::string_view key, double value);
    std::string end() { return line_ + "}\n"; }

private:
    void name(std::string_view key);

    std::string line_;
};

} // namespace tunnel
