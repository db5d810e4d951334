// SPDX-License-Identifier: ISC
//
// The TLS half of a Connection: records to bytes and back, in memory, no socket. Records
// received are fed in and borrowed; records to send are appended to the loop's cipher_out.
// One thread at a time.

#pragma once

#include "base/byte_queue.h"
#include "net/handles.h"

#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tunnel {

class TlsCodec {
public:
    enum class Life {
        handshake, // nothing but the handshake may pass
        open,
        closed, // the peer's close_notify was read; sending goes on
        failed, // see error()
    };

    TlsCodec(SslPtr ssl, std::vector<uint8_t> &out);

    // Lends received bytes, after all earlier ones were used up; until keep() or the end of
    // the bytes.
    void feed(std::span<const uint8_t> records);
    // Copies what is left of them: the memory that was lent is about to be used by others.
    void keep();
    // Whether read() would have more to give without being fed.
    bool buffered() const;

    // OpenSSL's record buffers, 2 x 17 KiB: kept while traffic flows, since getting them anew for
    // each read costs a connection 2 to 3 % of its time; given back when it has been quiet.
    void keep_buffers();
    void give_back_buffers();

    Life handshake(); // goes on as far as what was fed allows
    // > 0: bytes; 0: wants to be fed; -1: closed or failed, see life().
    ssize_t read(uint8_t *dst, size_t size);
    // Seals `pieces` in full records: small ones are joined, large ones split.
    bool write(std::span<const iovec> pieces);
    bool write_early(); // the same for what waited in early()
    void write_close(); // close_notify, once

    Life life() const { return life_; }
    SSL *ssl() const { return ssl_.get(); }
    const std::string &error() const { return error_; }
    ByteQueue &early() { return early_; } // plain bytes that wait for the handshake's end

private:
    friend struct TlsBio;

    void write_records(std::span<const uint8_t> bytes);
    void fail();

    SslPtr ssl_;
    std::vector<uint8_t> &out_;
    std::span<const uint8_t> in_;
    std::vector<uint8_t> kept_; // where in_ points, unless
    bool buffers_kept_ = false;
    bool lent_ = false; // it points at memory of the caller
    ByteQueue early_;
    Life life_ = Life::handshake;
    std::string error_;
};

} // namespace tunnel
