// SPDX-License-Identifier: ISC
//
// Big-endian integers, as every header on the wire has them.

#pragma once

#include <cstdint>

namespace tunnel::core {

inline uint16_t get_be16(const uint8_t *in) { return static_cast<uint16_t>(in[0] << 8 | in[1]); }

inline uint32_t get_be32(const uint8_t *in)
{
    return static_cast<uint32_t>(in[0]) << 24 | static_cast<uint32_t>(in[1]) << 16 |
           static_cast<uint32_t>(in[2]) << 8 | in[3];
}

inline void put_be16(uint8_t *out, uint16_t value)
{
    out[0] = static_cast<uint8_t>(value >> 8);
    out[1] = static_cast<uint8_t>(value);
}

inline void put_be32(uint8_t *out, uint32_t value)
{
    out[0] = static_cast<uint8_t>(value >> 24);
    out[1] = static_cast<uint8_t>(value >> 16);
    out[2] = static_cast<uint8_t>(value >> 8);
    out[3] = static_cast<uint8_t>(value);
}

} // namespace tunnel::core
