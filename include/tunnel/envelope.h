/* SPDX-License-Identifier: ISC */
/*
 * What control messages travel in: u32 big-endian length (1..65536), then that many bytes
 * (tunnel-protocol(7), "Control messages"). Framing only: the bytes are tunnel/control.h's
 * business.
 */
#ifndef TUNNEL_ENVELOPE_H
#define TUNNEL_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tunnel/error.h>
#include <tunnel/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_ENVELOPE_PREFIX 4u  /* bytes of the length */
#define TN_ENVELOPE_MAX 65536u /* bytes of a message, without the length */

typedef enum tn_envelope_piece {
    TN_ENVELOPE_MORE = 0, /* all input used, no message is complete */
    TN_ENVELOPE_MESSAGE   /* `message`: one whole message */
} tn_envelope_piece;

typedef struct tn_envelope_decoder {
    /* private */
    uint8_t prefix[TN_ENVELOPE_PREFIX];
    uint8_t prefix_size;
    bool delivered;    /* the last call gave the message that `held` holds */
    int failure;       /* tn_error, once there was one */
    uint32_t max;      /* bytes of a message */
    uint32_t size;     /* bytes of the message in progress */
    uint32_t received; /* of them, in `held` */
    uint32_t capacity; /* of `held`: grows with what arrived, never by what was announced */
    uint8_t *held;     /* a message that comes in pieces; else NULL */
} tn_envelope_decoder;

/* Starts between two messages, which may have up to `max` bytes (1..TN_ENVELOPE_MAX). Nothing is
 * allocated. */
TN_API void tn_envelope_decoder_init(tn_envelope_decoder *decoder, uint32_t max);
TN_API void tn_envelope_decoder_free(tn_envelope_decoder *decoder); /* wipes; idempotent */

/*
 * Reads on until a message is complete; advances `in` past what was used. `*message` is in place if
 * the message came in one piece, else in the decoder, and valid until the next call.
 *
 * Returns a tn_envelope_piece, TN_ERR_PROTOCOL (length 0), TN_ERR_LIMIT (length above `max`; from
 * the length alone) or TN_ERR_NOMEM. After an error, the same again.
 */
TN_API int tn_envelope_next(tn_envelope_decoder *decoder, tn_slice *in, tn_slice *message);

/* Between two messages: a clean place for the stream to end. */
TN_API bool tn_envelope_decoder_idle(const tn_envelope_decoder *decoder);

/* Writes the length of a message of `size` bytes. TN_OK, or TN_ERR_LIMIT if it has none or too
 * many. */
TN_API tn_error tn_envelope_encode_prefix(size_t size, uint8_t out[TN_ENVELOPE_PREFIX]);

#ifdef __cplusplus
}
#endif
#endif
