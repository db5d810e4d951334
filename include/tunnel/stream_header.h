/* SPDX-License-Identifier: ISC */
/*
 * What stands in front of every visit: u32 big-endian length (1..4096), then one flat JSON
 * object (tunnel-protocol(7), "Visits"). Written and read without a JSON library, since this
 * happens once for each request.
 */
#ifndef TUNNEL_STREAM_HEADER_H
#define TUNNEL_STREAM_HEADER_H

#include <stdint.h>
#include <sys/types.h>

#include <tunnel/error.h>
#include <tunnel/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_STREAM_HEADER_MAX 4096u /* bytes of JSON, without the length */

typedef enum tn_visit_type {
    TN_VISIT_HTTP = 0,
    TN_VISIT_WEBSOCKET,
    TN_VISIT_TCP,
    TN_VISIT_TLS,
    TN_VISIT_UDP,
    TN_VISIT_OTHER /* decode: a type we do not know */
} tn_visit_type;

typedef struct tn_stream_header {
    tn_visit_type type;
    uint16_t local_port;
    tn_slice subdomain;
    tn_slice local_host; /* the rest may be empty: absent */
    tn_slice request_id;
    tn_slice remote_addr; /* "ip:port" */
    tn_slice host;
    tn_slice method;
    tn_slice path; /* encode: shortened rather than exceeding the limit */
} tn_stream_header;

/*
 * Writes length and JSON to `out[0..cap)`; strings are escaped, bytes that are not UTF-8, and
 * NUL, become U+FFFD. Returns the bytes written (at most 4 + TN_STREAM_HEADER_MAX), TN_ERR_LIMIT if
 * it does not fit even with an empty path, or TN_ERR_INVAL for TN_VISIT_OTHER.
 */
TN_API ssize_t tn_stream_header_encode(const tn_stream_header *header, uint8_t *out, size_t cap);

/*
 * Reads length and JSON from `in[0..size)`. Strings are unescaped into `text[0..text_cap)`, which
 * needs TN_STREAM_HEADER_MAX bytes, and point there. Unknown members are skipped (depth <= 16);
 * duplicate known members, wrong types and trailing bytes are errors, and so is a header without
 * type, subdomain or local_port. Returns the bytes read, 0 if incomplete, TN_ERR_PROTOCOL or
 * TN_ERR_LIMIT (length 0 or too large: from the first four bytes alone).
 */
TN_API ssize_t tn_stream_header_decode(tn_stream_header *header, const uint8_t *in, size_t size,
                                       char *text, size_t text_cap);

#ifdef __cplusplus
}
#endif
#endif
