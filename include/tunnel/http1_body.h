/* SPDX-License-Identifier: ISC */
/*
 * Where an HTTP/1 body ends, and what is in it: length, chunked (RFC 9112 7.1), until close.
 * A pull parser over borrowed bytes; it holds no payload, only an unfinished trailer section.
 */
#ifndef TUNNEL_HTTP1_BODY_H
#define TUNNEL_HTTP1_BODY_H

#include <tunnel/http1.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_HTTP1_CHUNK_LINE_MAX 1024u    /* bytes of a chunk-size line with its extensions */
#define TN_HTTP1_EXTENSIONS_MAX 65536u   /* bytes of extensions in one body, all chunks together */
#define TN_HTTP1_TRAILERS_MAX 8192u      /* bytes of a trailer section */
#define TN_HTTP1_TRAILER_FIELDS_MAX 100u /* its field lines */

typedef enum tn_http1_piece {
    TN_HTTP1_MORE = 0, /* all input used, the body goes on */
    TN_HTTP1_DATA,     /* `data`: bytes of the body, in place in the input */
    TN_HTTP1_TRAILERS, /* `data`: field lines, each with CRLF, that may be forwarded; those of
                          RFC 9110 6.5.1 (framing, routing, authentication, …) and '_' names are
                          left out. Valid until the next call. Comes before END, only if any are
                          left */
    TN_HTTP1_END       /* the message is complete; the input stands right behind it */
} tn_http1_piece;

typedef struct tn_http1_body {
    /* private */
    uint8_t framing;
    uint8_t state;
    uint8_t digits;         /* of the chunk size */
    uint32_t line;          /* bytes of the line in progress */
    uint32_t extensions;    /* bytes of extensions so far */
    uint64_t left;          /* of the body or of the chunk */
    uint8_t *trailers;      /* allocated while a trailer section is being read: lines that are kept,
                               then the line in progress */
    uint32_t trailers_size; /* bytes that are kept */
    uint32_t trailers_seen; /* bytes of the section so far */
    uint32_t trailer_fields; /* lines so far */
} tn_http1_body;

/* Starts a body. Nothing is allocated. TN_HTTP1_SWITCHED is read like UNTIL_CLOSE. */
TN_API void tn_http1_body_init(tn_http1_body *body, tn_http1_framing framing, uint64_t length);
TN_API void tn_http1_body_free(tn_http1_body *body); /* gives back what is held; idempotent */

/*
 * Reads on until there is something to say; advances `in` past what was used. TN_HTTP1_DATA and
 * _TRAILERS set `*data`. Returns a tn_http1_piece, TN_ERR_PROTOCOL, TN_ERR_LIMIT (a limit above) or
 * TN_ERR_NOMEM. After END, and after an error, the same again. UNTIL_CLOSE never gives END.
 */
TN_API int tn_http1_body_next(tn_http1_body *body, tn_slice *in, tn_slice *data);

/* Bytes of payload that are sure to come before any framing byte: 0 if unknown. */
TN_API uint64_t tn_http1_body_left(const tn_http1_body *body);
TN_API bool tn_http1_body_done(const tn_http1_body *body);

#ifdef __cplusplus
}
#endif
#endif
