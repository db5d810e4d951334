// SPDX-License-Identifier: ISC
//
// Rows for a terminal of some width: what they show is made safe, cut to the width, and
// coloured or not. A colour never says what the text does not say too.

#pragma once

#include "client/visit.h"

#include <string>
#include <string_view>

namespace tunnel {

enum class Colour { none, dim, good, busy, bad, link };

class Row {
public:
    static constexpr size_t endless = SIZE_MAX;

    Row(size_t width, bool colours) : left_(width), colours_(colours) {}

    // As much of it as fits in front of `keep` columns that stay free, "..." at the cut.
    Row &text(std::string_view text, Colour colour = Colour::none, size_t keep = 0);
    // The whole of it, or nothing of it; true if it is there.
    bool fits(std::string_view text, Colour colour = Colour::none);
    Row &pad(std::string_view text, size_t columns, Colour colour = Colour::none); // left-aligned
    Row &pad_left(std::string_view text, size_t columns, Colour colour = Colour::none);

    size_t left() const { return left_; } // columns
    const std::string &done() const { return row_; }

private:
    void put(std::string_view safe_text, Colour colour);

    std::string row_;
    size_t left_;
    bool colours_;
};

// One request, when it has ended: "14:02:11.204  GET    200     3.1 ms    4.2 kB  …". Columns
// that a narrow terminal has no room for are left out; why it failed never is.
std::string request_row(const VisitRecord &record, const timespec &at, size_t width, bool colours,
                        bool names_tunnel);

} // namespace tunnel
