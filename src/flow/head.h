// SPDX-License-Identifier: ISC
//
// Writes a message head: start line, then fields, copied, left out or added. One allocation
// of the size it may need at most; the result lives until the loop's next flush.

#pragma once

#include <cstring>
#include <span>
#include <string_view>
#include <tunnel/http1.h>
#include <tunnel/stream_header.h>

namespace tunnel {

class Loop;

inline std::string_view text_of(tn_slice slice)
{
    return {reinterpret_cast<const char *>(slice.data), slice.len};
}

inline std::span<const uint8_t> bytes_of(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

// What the reader of a request whose head has `head_size` bytes has to know of it.
tn_request_brief brief_of(const tn_http1_head &head, size_t head_size, bool wants_json);

// Bytes that the fields of `head` take, each on a line of its own.
size_t fields_room(const tn_http1_head &head);

class HeadWriter {
public:
    HeadWriter(Loop &loop, size_t room); // more than `room` is never written

    // Inline, so that a literal is a few stores.
    HeadWriter &add(std::string_view text)
    {
        if (!run_.empty())
            flush();
        if (text.size() > room_ - size_)
            return *this; // cannot happen: `room` is the sum of the parts
        if (text.empty())
            return *this; // of nothing there may be no address
        memcpy(start_ + size_, text.data(), text.size());
        size_ += text.size();
        return *this;
    }
    HeadWriter &add(tn_slice slice) { return add(text_of(slice)); }
    HeadWriter &number(uint64_t value);
    HeadWriter &field(std::string_view name, std::string_view value)
    {
        return add(name).add(": ").add(value).add("\r\n");
    }
    HeadWriter &field(const tn_http1_field &field); // as it came, without odd white space
    HeadWriter &end() { return add("\r\n"); }

    std::span<const uint8_t> bytes()
    {
        flush();
        return {start_, size_};
    }

private:
    HeadWriter &line(std::string_view text);
    void flush();

    uint8_t *start_;
    size_t size_ = 0; // of what has been copied
    size_t room_;
    std::string_view run_; // lines that stand behind one another where they came from: one copy
};

} // namespace tunnel
