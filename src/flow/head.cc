// SPDX-License-Identifier: ISC

#include "flow/head.h"

#include "net/loop.h"

#include <charconv>
#include <cstring>
#include <utility>

namespace tunnel {

namespace {

// Safe methods (RFC 9110 9.2.1) may be sent again without asking anybody (9.2.2).
bool is_safe(std::string_view method)
{
    return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

} // namespace

tn_request_brief brief_of(const tn_http1_head &head, size_t head_size, bool wants_json)
{
    tn_request_brief brief = {};
    brief.head_size = uint32_t(head_size);
    brief.framing = head.framing;
    brief.content_length = head.content_length;
    brief.is_head = head.is_head;
    brief.is_upgrade = head.is_upgrade;
    brief.is_safe = is_safe(text_of(head.method));
    brief.wants_json = wants_json;
    return brief;
}

size_t fields_room(const tn_http1_head &head)
{
    size_t room = 0;
    for (size_t i = 0; i < head.field_count; i++)
        room += head.fields[i].name.len + head.fields[i].value.len + 4; // ": ", CRLF
    return room;
}

HeadWriter::HeadWriter(Loop &loop, size_t room) : start_(loop.borrow(room)), room_(room) {}

// A whole line, copied later.
HeadWriter &HeadWriter::line(std::string_view text)
{
    if (run_.data() + run_.size() != text.data())
        flush();
    run_ = run_.empty() ? text : std::string_view(run_.data(), run_.size() + text.size());
    return *this;
}

void HeadWriter::flush() { add(std::exchange(run_, {})); }

HeadWriter &HeadWriter::number(uint64_t value)
{
    char digits[20];
    auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return add({digits, size_t(end - digits)});
}

HeadWriter &HeadWriter::field(const tn_http1_field &field)
{
    // As most write it, "Name: value": one copy, the line end of the head it stands in included.
    const uint8_t *name_end = field.name.data + field.name.len;
    const uint8_t *value_end = field.value.data + field.value.len;
    if (field.value.len && field.value.data == name_end + 2 && name_end[1] == ' ' &&
        value_end[0] == '\r')
        return line({reinterpret_cast<const char *>(field.name.data),
                     size_t(value_end + 2 - field.name.data)});
    return this->field(text_of(field.name), text_of(field.value));
}

} // namespace tunnel
