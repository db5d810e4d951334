/* SPDX-License-Identifier: ISC */
/* A borrowed run of bytes. Who lends it says for how long. */
#ifndef TUNNEL_SLICE_H
#define TUNNEL_SLICE_H

#include <stddef.h>
#include <stdint.h>

typedef struct tn_slice {
    const uint8_t *data;
    size_t len;
} tn_slice;

#endif
