// SPDX-License-Identifier: ISC
//
// Just enough of JSON (RFC 8259) to read one small object without allocating: for stream headers,
// which come with every request. Control messages are read with jansson.

#ifndef CORE_JSON_READER_H
#define CORE_JSON_READER_H

#include <cstdint>

#include <tunnel/slice.h>

namespace tunnel::core {

struct JsonReader {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t *text; // where the next string is unescaped to: at least `end - at` bytes
};

// Every function skips blanks in front of what it reads, and returns false if that is not there.
bool json_take(JsonReader &reader, uint8_t mark); // otherwise `at` stands before the next byte
bool json_read_string(JsonReader &reader, tn_slice &value); // UTF-8 without U+0000
bool json_read_port(JsonReader &reader, uint16_t &value);   // an integer of 0..65535
bool json_skip_value(JsonReader &reader, unsigned depth);   // may open `depth` levels
bool json_at_end(JsonReader &reader);

} // namespace tunnel::core

#endif
