/* SPDX-License-Identifier: ISC */
/*
 * The 12-byte header in front of every yamux frame. Stateless: tests, proxies and dissectors
 * use it without a mux.
 * Source: hashicorp/yamux spec.md, "Framing". Fields are big-endian on the wire.
 */
#ifndef TUNNEL_FRAME_H
#define TUNNEL_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <tunnel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_FRAME_SIZE 12u

typedef enum tn_frame_type {
    TN_FRAME_DATA = 0,
    TN_FRAME_WINDOW = 1,
    TN_FRAME_PING = 2,
    TN_FRAME_GO_AWAY = 3
} tn_frame_type;

typedef enum tn_frame_flag {
    TN_FRAME_SYN = 1,
    TN_FRAME_ACK = 2,
    TN_FRAME_FIN = 4,
    TN_FRAME_RST = 8
} tn_frame_flag;

typedef struct tn_frame {
    uint8_t type;    /* tn_frame_type */
    uint16_t flags;  /* tn_frame_flag, or-ed; unknown bits are kept */
    uint32_t stream; /* 0 is the session itself; the client's ids are odd */
    uint32_t length; /* DATA: payload bytes. WINDOW: credit in bytes, or the reason of an RST.
                        PING: opaque. GO_AWAY: code. */
} tn_frame;

/*
 * Reads one header from `in[0..size)` into `*frame`.
 *
 * Returns the bytes read (always 12), 0 if `size` is still too small, or TN_ERR_PROTOCOL if
 * the version or the type is unknown. Borrows nothing.
 */
TN_API ssize_t tn_frame_decode(tn_frame *frame, const uint8_t *in, size_t size);

/* Writes `*frame` as version 0. */
TN_API void tn_frame_encode(const tn_frame *frame, uint8_t out[TN_FRAME_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
