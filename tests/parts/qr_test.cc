// SPDX-License-Identifier: ISC

#include "client/qr.h"

#include "check.h"

#include <cstdlib>
#include <string>

using namespace tunnel;

namespace {

const std::string url = "https://myapp.tunnel.example.com";

} // namespace

TEST(a_code_has_a_margin_and_fits_or_is_not_there)
{
    if (!qr_is_built())
        return;
    std::vector<std::string> rows = qr_rows(url, {200, false, false}); // version 2: 25 modules
    CHECK_EQUAL(rows.size(), size_t(25 + 2 * 4));
    for (const std::string &row : rows)
        CHECK_EQUAL(row.size(), size_t(2 + 2 * (25 + 2 * 4)));
    for (size_t i : {0, 1, 2, 3, 29, 32})
        CHECK(rows[i] == "  " + std::string(66, '#'));
    CHECK_EQUAL(qr_rows(url, {68, false, false}).size(), size_t(25 + 2 * 2));
    CHECK(!qr_rows(url, {61, false, false}).empty());
    CHECK(qr_rows(url, {60, false, false}).empty());
    CHECK_EQUAL(qr_rows(url, {80, true, false}).size(), size_t(17)); // two modules in a letter
    CHECK(!qr_rows(url, {40, true, true}).empty());
}

TEST(without_the_library_there_are_no_rows)
{
    CHECK(qr_is_built() || qr_rows(url, {200, true, true}).empty());
}

TEST(the_locale_says_whether_there_are_blocks)
{
    setenv("LC_ALL", "", 1);
    setenv("LC_CTYPE", "de_DE.utf8", 1);
    setenv("LANG", "C", 1);
    CHECK(locale_is_utf8());
    setenv("LC_ALL", "POSIX", 1);
    CHECK(!locale_is_utf8());
    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
    CHECK(!locale_is_utf8());
}
