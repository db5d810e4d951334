// SPDX-License-Identifier: ISC
//
// What the request and the response parser share. Bytes are judged strictly in their order, so
// that the verdict is the same however they were cut: every rule either looks at one byte and
// those before it, or at a line that is complete.

#ifndef CORE_HTTP1_HEAD_H
#define CORE_HTTP1_HEAD_H

#include <tunnel/http1.h>

#include "core/http1_syntax.h"

namespace tunnel::core {

enum class Got {
    all,     // what was asked for is there and fine
    part,    // fine so far, more bytes are needed
    refused, // `head.refusal` and `head.why` say why
};

struct HeadReader {
    tn_http1_head &head;
    const tn_http1_limits &limits;
    const uint8_t *begin;
    const uint8_t *at;
    const uint8_t *stop; // the end of what has arrived, or of what a head may have
};

// http1.cc
HeadReader start_reading(tn_http1_head &head, const tn_http1_limits &limits, const uint8_t *in,
                         size_t size);
Got refuse(tn_http1_head &head, uint16_t status, const char *why);
Got read_line(HeadReader &reader, size_t limit, uint16_t status_if_long, tn_slice &line);
Got read_fields(HeadReader &reader); // up to the empty line, included
ssize_t result(const HeadReader &reader, Got got);

// http1_names.cc
enum class Scope : uint8_t {
    end_to_end,
    hop_by_hop, // always
    unnameable, // end-to-end even if Connection names it: framing, routing, who is asking
};

struct FieldName {
    std::string_view text; // lower case
    tn_http1_name known;
    Scope scope;
};

FieldName find_name(tn_slice name);

// http1_fields.cc
const char *parse_field(tn_slice line, tn_http1_field &field); // NULL, or what is wrong
Got add_field(HeadReader &reader, tn_slice line);

// http1_connection.cc
struct ConnectionOptions {
    bool close;
    bool keep_alive;
    bool upgrade;
};

// Reads every Connection field and marks the fields that they name.
Got read_connection(tn_http1_head &head, ConnectionOptions &options);
void decide_keep_alive(tn_http1_head &head, const ConnectionOptions &options);
void decide_upgrade(tn_http1_head &head, const ConnectionOptions &options); // requests

// http1_host.cc
struct Authority {
    tn_slice name; // without the port
    uint16_t port; // 0: none
};

const char *parse_authority(tn_slice text, Authority &authority); // NULL, or what is wrong
bool same_authority(const Authority &left, const Authority &right, uint16_t default_port);

} // namespace tunnel::core

#endif
