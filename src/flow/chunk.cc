// SPDX-License-Identifier: ISC

#include "flow/chunk.h"

#include <charconv>
#include <cstring>

namespace tunnel {

namespace {

constexpr uint8_t crlf[] = {'\r', '\n'};
constexpr uint8_t last_chunk[] = {'0', '\r', '\n'};

} // namespace

size_t chunk_line(uint8_t *dst, size_t size)
{
    char *text = reinterpret_cast<char *>(dst);
    char *end = std::to_chars(text, text + 16, size, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    return size_t(end - text);
}

void ChunkWriter::add(std::span<const uint8_t> bytes)
{
    if (bytes.size() > room_ - size_) {
        overflow_ = true;
        return;
    }
    memcpy(dst_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
}

void ChunkWriter::add_chunk(std::span<const uint8_t> bytes)
{
    payload_ += bytes.size();
    if (!chunked_)
        return add(bytes);
    uint8_t line[chunk_line_max];
    add({line, chunk_line(line, bytes.size())});
    add(bytes);
    add(crlf);
}

Message::Found ChunkWriter::pass(Message &message, std::span<const uint8_t> &in)
{
    bool trailers = false;
    for (;;) {
        std::span<const uint8_t> bytes;
        Message::Found found = message.next(in, bytes);
        if (overflow_)
            return Message::Found::broken;
        switch (found) {
        case Message::Found::data:
            add_chunk(bytes);
            break;
        case Message::Found::trailers:
            trailers = true;
            add(last_chunk);
            add(bytes);
            break;
        case Message::Found::end:
            if (chunked_ && !trailers)
                add(last_chunk);
            if (chunked_)
                add(crlf);
            return overflow_ ? Message::Found::broken : found;
        case Message::Found::more:
        case Message::Found::broken:
        case Message::Found::head:
            return found;
        }
    }
}

} // namespace tunnel
