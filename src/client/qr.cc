// SPDX-License-Identifier: ISC

#include "client/qr.h"

#include "base/text.h"
#include "net/handles.h"

#include <config.h>
#include <cstdlib>
#include <memory>
#ifdef HAVE_QRENCODE
#include <qrencode.h>
#endif

namespace tunnel {
namespace {

constexpr size_t indent = 2;
constexpr size_t margins[] = {4, 2}; // modules; ISO/IEC 18004 asks for 4, readers get by with 2

// The modules of a code in a margin, row by row.
class Modules {
public:
    Modules(std::vector<bool> dark, size_t margin) : dark_(std::move(dark)), margin_(margin)
    {
        while (side_ * side_ < dark_.size())
            side_++;
    }
    size_t size() const { return side_ + 2 * margin_; }
    bool dark(size_t x, size_t y) const // also below the last row: light
    {
        bool inside = x >= margin_ && y >= margin_ && x < margin_ + side_ && y < margin_ + side_;
        return inside && dark_[(y - margin_) * side_ + (x - margin_)];
    }

private:
    std::vector<bool> dark_;
    size_t margin_;
    size_t side_ = 0;
};

#ifdef HAVE_QRENCODE
std::vector<bool> encode(const std::string &text)
{
    std::vector<bool> dark;
    std::unique_ptr<QRcode, Releaser<QRcode_free>> code(
        QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_L));
    for (int i = 0; code && i < code->width * code->width; i++)
        dark.push_back(code->data[i] & 1);
    return dark;
}
#else
std::vector<bool> encode(const std::string &) { return {}; }
#endif

// Two rows of modules in one of letters: black ink on white where there are colours; else the
// ink is the light of the terminal's text, and draws what is light.
std::string blocks_row(const Modules &modules, size_t y, bool colours)
{
    static constexpr const char *letters[] = {" ", "\u2584", "\u2580", "\u2588"}; // lower, upper
    std::string row = colours ? "\x1b[30;47m" : "";
    for (size_t x = 0; x < modules.size(); x++) {
        bool upper = modules.dark(x, y) == colours, lower = modules.dark(x, y + 1) == colours;
        row += letters[2 * upper + lower];
    }
    return row + (colours ? "\x1b[0m" : "");
}

std::string ascii_row(const Modules &modules, size_t y, bool colours)
{
    std::string row;
    for (size_t x = 0; x < modules.size(); x++)
        if (colours)
            row += modules.dark(x, y) ? "\x1b[40m  " : "\x1b[47m  ";
        else
            row += modules.dark(x, y) ? "  " : "##";
    return row + (colours ? "\x1b[0m" : "");
}

} // namespace

bool qr_is_built()
{
#ifdef HAVE_QRENCODE
    return true;
#else
    return false;
#endif
}

std::vector<std::string> qr_rows(const std::string &text, const QrLook &look)
{
    std::vector<bool> dark = encode(text);
    for (size_t margin : margins) {
        Modules modules(dark, margin);
        size_t columns = indent + modules.size() * (look.utf8 ? 1 : 2);
        if (dark.empty() || columns >= look.width)
            continue;
        std::vector<std::string> rows;
        for (size_t y = 0; y < modules.size(); y += look.utf8 ? 2 : 1)
            rows.push_back(std::string(indent, ' ') +
                           (look.utf8 ? blocks_row : ascii_row)(modules, y, look.colours));
        return rows;
    }
    return {};
}

bool locale_is_utf8()
{
    for (const char *name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char *value = getenv(name);
        if (!value || !*value)
            continue;
        std::string locale = to_lower(value);
        return locale.find("utf-8") != locale.npos || locale.find("utf8") != locale.npos;
    }
    return false;
}

} // namespace tunnel
