/* SPDX-License-Identifier: ISC */
/*
 * HTTP/1.x request and response heads, read strictly: whatever two implementations could read
 * in two ways is refused (RFC 9112), because the bytes go on to a server we did not write.
 * Line ends are CRLF only; no obs-fold; no bare CR, LF or NUL; names are tokens; field values
 * have no control bytes but HTAB; exactly one Host in a request; one way to read the framing.
 */
#ifndef TUNNEL_HTTP1_H
#define TUNNEL_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <tunnel/error.h>
#include <tunnel/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_HTTP1_MAX_FIELDS 200u

/* The fields that framing, forwarding and connection handling look at. */
typedef enum tn_http1_name {
    TN_HTTP1_OTHER = 0,
    TN_HTTP1_HOST,
    TN_HTTP1_CONNECTION,
    TN_HTTP1_CONTENT_LENGTH,
    TN_HTTP1_TRANSFER_ENCODING,
    TN_HTTP1_UPGRADE,
    TN_HTTP1_EXPECT,
    TN_HTTP1_TE,
    TN_HTTP1_TRAILER,
    TN_HTTP1_KEEP_ALIVE,
    TN_HTTP1_PROXY_CONNECTION,
    TN_HTTP1_HTTP2_SETTINGS,
    TN_HTTP1_FORWARDED,
    TN_HTTP1_X_FORWARDED_FOR,
    TN_HTTP1_X_FORWARDED_PROTO,
    TN_HTTP1_X_FORWARDED_HOST,
    TN_HTTP1_X_FORWARDED_PORT,
    TN_HTTP1_X_REAL_IP,
    TN_HTTP1_X_REQUEST_ID
} tn_http1_name;

typedef struct tn_http1_field {
    tn_slice name;  /* as sent */
    tn_slice value; /* without surrounding SP and HTAB */
    uint8_t known;  /* tn_http1_name */
    bool hop; /* hop-by-hop: one of RFC 9110 7.6.1, Proxy-Auth..., or named in Connection (which
                 cannot name Host, Expect, Content-Length, or what says who is asking).
                 Also a Content-Length in a 1xx or 204 response, where it means nothing */
    bool underscore; /* the name has a '_': CGI-style servers confuse it with '-' */
} tn_http1_field;

/* Where the body ends (RFC 9112 6.3). */
typedef enum tn_http1_framing {
    TN_HTTP1_NO_BODY = 0, /* also Content-Length: 0 */
    TN_HTTP1_LENGTH,
    TN_HTTP1_CHUNKED,
    TN_HTTP1_UNTIL_CLOSE, /* responses only */
    TN_HTTP1_SWITCHED     /* 101: what follows is not HTTP */
} tn_http1_framing;

typedef struct tn_http1_limits {
    uint32_t head;       /* bytes of the whole head; default 32 KiB, responses 64 KiB */
    uint32_t start_line; /* bytes of the request or status line; default 8 KiB + 192 */
    uint32_t field_line; /* bytes of one field line; default 16 KiB */
    uint32_t fields; /* number of fields; default 100, responses 200; at most TN_HTTP1_MAX_FIELDS */
} tn_http1_limits;

TN_API void tn_http1_request_limits(tn_http1_limits *limits);  /* the defaults */
TN_API void tn_http1_response_limits(tn_http1_limits *limits); /* the defaults */

/* One parsed head. Every slice points into the parsed bytes (a "*" in `path` may be static). */
typedef struct tn_http1_head {
    uint8_t minor;    /* HTTP/1.minor: 0 or 1 */
    uint16_t status;  /* responses: 100..599; 0 in requests */
    uint16_t refusal; /* after TN_ERR_PROTOCOL: the status that answers a request like this:
                         400, 405 (CONNECT, TRACE), 414, 417, 431, 501, 505. Responses: 502 */
    const char *why;  /* after TN_ERR_PROTOCOL: a few static words for the log */

    tn_slice method;       /* requests */
    tn_slice target;       /* requests: as sent */
    tn_slice path;         /* requests: origin-form of the target ("/…" with query, or "*"); an
                              absolute-form target without path: see `path_needs_slash` */
    bool path_needs_slash; /* "http://h?q": origin-form is "/" + path */
    tn_slice host;   /* requests: authority that routes, as sent: of an absolute-form target, else
                        Host.   Checked: reg-name of letters, digits, '-', '.', or an IP literal,
                        optional port.   Empty only in HTTP/1.0 */
    tn_slice reason; /* responses */

    tn_http1_framing framing;
    uint64_t content_length; /* TN_HTTP1_LENGTH; also what a response to HEAD announced */
    bool has_content_length;
    bool keep_alive;   /* this side wants the connection kept (RFC 9112 9.3) */
    bool is_head;      /* request: the method is HEAD */
    bool is_upgrade;   /* request: Connection: upgrade and Upgrade (one that may be forwarded, not
                          h2c).   response: status 101 */
    bool is_websocket; /* request: is_upgrade to "websocket" */
    bool expects_continue; /* request: Expect: 100-continue, in HTTP/1.1 and with a body */

    size_t field_count;
    tn_http1_field fields[TN_HTTP1_MAX_FIELDS];
} tn_http1_head;

/*
 * Parses the request head at the start of `in[0..size)`. At most two empty lines before the
 * request line are skipped (RFC 9112 2.2; they count as part of the head).
 *
 * Returns the bytes of the head, final empty line included; 0 if it is not complete; or
 * TN_ERR_PROTOCOL with `refusal` and `why` set. The verdict depends only on the bytes, never on
 * how many calls they took to arrive: the first thing wrong in their order decides, and a line or
 * head that is too long is refused as soon as it is.
 */
TN_API ssize_t tn_http1_parse_request(tn_http1_head *head, const tn_http1_limits *limits,
                                      const uint8_t *in, size_t size);

/*
 * The same for a response head. `to_head`: the request was HEAD; `to_upgrade`: it asked for an
 * upgrade (a 101 to any other request is TN_ERR_PROTOCOL). Lenient only where RFC 9112 tells a
 * proxy how: white space before a field's colon and obs-fold in a response are TN_ERR_PROTOCOL.
 */
TN_API ssize_t tn_http1_parse_response(tn_http1_head *head, const tn_http1_limits *limits,
                                       const uint8_t *in, size_t size, bool to_head,
                                       bool to_upgrade);

/* The first field of that name; NULL if there is none. */
TN_API const tn_http1_field *tn_http1_find(const tn_http1_head *head, tn_http1_name name);

#ifdef __cplusplus
}
#endif
#endif
