/* SPDX-License-Identifier: ISC */
/* tunnel/envelope.h - length-prefixed JSON envelopes: 4-byte big-endian length, then that
 * many bytes (1..max, max <= 65536) of UTF-8 JSON. Framing only: whether the
 * bytes are valid JSON is the JSON parser's business. Independent of tunnel/mux.h.  */
#ifndef TUNNEL_ENVELOPE_H
#define TUNNEL_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_ENVELOPE_PREFIX_LEN 4u
#define TN_ENVELOPE_MAX        65536u   /* inclusive, as AnyHost's codec has it      */

typedef enum tn_envelope_err {
    TN_ENVELOPE_OK        =  0,
    TN_ENVELOPE_MESSAGE   =  1,  /* *msg / *msg_len hold one whole message           */
    TN_ENVELOPE_E_EMPTY   = -1,  /* length 0                                         */
    TN_ENVELOPE_E_TOO_BIG = -2,  /* length above the decoder's max                   */
    TN_ENVELOPE_E_INVAL   = -3   /* bad argument, or decoder already failed          */
} tn_envelope_err;

/* Plain struct, no allocation, no destructor. Fields are private. */
typedef struct tn_envelope_decoder {
    uint8_t *buf;        /* caller's, `max` bytes; used only for messages that
                            arrive in pieces                                  */
    uint32_t max, need, have;
    uint8_t  prefix[TN_ENVELOPE_PREFIX_LEN], prefix_have, failed;
} tn_envelope_decoder;

/* `buf` must hold `max` bytes and outlive the decoder. max 1..TN_ENVELOPE_MAX. */
tn_envelope_err tn_envelope_decoder_init(tn_envelope_decoder *d, uint8_t *buf, uint32_t max);
/* Feed bytes; the pair (data, len) advances past what was used.
 * TN_ENVELOPE_MESSAGE: one message is ready (in place in the input when it was
 * contiguous, else in buf; valid until the next call or until the input memory
 * is reused); call again with the rest. TN_ENVELOPE_OK: all input used, need more.
 * <0: fatal, close the stream. */
tn_envelope_err tn_envelope_decode(tn_envelope_decoder *d, const uint8_t **data, size_t *len,
                     const uint8_t **msg, size_t *msg_len);
/* 1 if the decoder is between messages (a clean place for end of stream). */
int      tn_envelope_decoder_idle(const tn_envelope_decoder *d);
/* Write the prefix for a message of `len` bytes. */
tn_envelope_err tn_envelope_encode_prefix(size_t len, uint8_t out[TN_ENVELOPE_PREFIX_LEN]);

#ifdef __cplusplus
}
#endif
#endif /* TUNNEL_ENVELOPE_H */
