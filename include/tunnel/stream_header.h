/* SPDX-License-Identifier: ISC */
/*
 * What stands in front of every visit (tunnel-protocol(7), "Visits"), in one of two forms: u32
 * big-endian length (1..4096), then one flat JSON object, written and read without a JSON library
 * since this happens once for each request; or, where both ends have agreed on capability
 * short-header, a few bytes that also say of the request what its reader would else have to find
 * out by parsing its head. The first byte tells them apart.
 */
#ifndef TUNNEL_STREAM_HEADER_H
#define TUNNEL_STREAM_HEADER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <tunnel/error.h>
#include <tunnel/http1.h>
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

#define TN_SHORT_HEADER 1u       /* the first byte of the short form; that of the other is 0 */
#define TN_SHORT_HEADER_MAX 768u /* bytes of a short header */

/* What the writer of a short header knows of the request whose head stands right behind it. */
typedef struct tn_request_brief {
    uint32_t head_size;       /* bytes of that head, its final empty line included; 0: no HTTP */
    tn_http1_framing framing; /* of its body: TN_HTTP1_NO_BODY, _LENGTH or _CHUNKED */
    uint64_t content_length;  /* TN_HTTP1_LENGTH */
    bool is_head;             /* the method is HEAD */
    bool is_upgrade;          /* it asks for one */
    bool is_safe;             /* safe method (RFC 9110 9.2.1): it may be sent again */
    bool wants_json;          /* of an error page */
} tn_request_brief;

/*
 * Writes the short form of type, local_port, subdomain, request_id and remote_addr; the other
 * members have no place in it. Returns the bytes written, at most TN_SHORT_HEADER_MAX,
 * TN_ERR_LIMIT if they do not fit into `cap` or a text is longer than 240 bytes, or TN_ERR_INVAL
 * for TN_VISIT_OTHER or another framing.
 */
TN_API ssize_t tn_short_header_encode(const tn_stream_header *header,
                                      const tn_request_brief *request, uint8_t *out, size_t cap);

/*
 * Reads the short form from `in[0..size)`; the strings point into it. Returns the bytes read, 0 if
 * incomplete, or TN_ERR_PROTOCOL: another form, an unknown type, framing or flag, lengths that
 * contradict each other.
 */
TN_API ssize_t tn_short_header_decode(tn_stream_header *header, tn_request_brief *request,
                                      const uint8_t *in, size_t size);

#ifdef __cplusplus
}
#endif
#endif
