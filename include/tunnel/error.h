/* SPDX-License-Identifier: ISC */
/* One set of error codes for the whole core. */
#ifndef TUNNEL_ERROR_H
#define TUNNEL_ERROR_H

#include <stdint.h>

#if defined(__GNUC__)
#define TN_API __attribute__((visibility("default")))
#else
#define TN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define TN_ABI_VERSION 1u

typedef enum tn_error {
    TN_OK = 0,
    TN_ERR_INVAL = -1,     /* bad argument or configuration */
    TN_ERR_NOMEM = -2,     /* the allocator failed; nothing changed */
    TN_ERR_STALE = -3,     /* the handle no longer names a live stream */
    TN_ERR_STATE = -4,     /* not allowed in this state */
    TN_ERR_AGAIN = -5,     /* too many unacknowledged opens: wait for TN_MUX_OPENABLE */
    TN_ERR_LIMIT = -6,     /* a configured limit is reached */
    TN_ERR_GOAWAY = -7,    /* a side said GOAWAY: open elsewhere */
    TN_ERR_EXHAUSTED = -8, /* no stream ids left: start a new link */
    TN_ERR_CLOSED = -9,    /* the mux failed or finished */
    TN_ERR_PROTOCOL = -10  /* decoders: the bytes break the format */
} tn_error;

TN_API uint32_t tn_abi_version(void);

/* A static sentence for `error`; "unknown error" for anything else. */
TN_API const char *tn_strerror(int error);

#ifdef __cplusplus
}
#endif
#endif
