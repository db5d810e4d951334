// SPDX-License-Identifier: ISC
//
// A QR code of a URL, for the camera of a phone, drawn with the letters of a terminal.
// libqrencode does the code; whether it was there when this was built, qr_is_built() says.

#pragma once

#include <string>
#include <vector>

namespace tunnel {

struct QrLook {
    size_t width; // columns that there are
    bool utf8;    // half blocks, two modules in a letter
    bool colours; // else it is taken to be light text on dark ground
};

bool qr_is_built();

// The rows, indented; none if it does not fit.
std::vector<std::string> qr_rows(const std::string &text, const QrLook &look);

bool locale_is_utf8(); // by LC_ALL, LC_CTYPE, LANG

} // namespace tunnel
