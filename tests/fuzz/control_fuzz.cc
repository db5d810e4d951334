// SPDX-License-Identifier: ISC
//
// Control messages: what is taken can be written, and then says the same again.

#include <tunnel/control.h>

#include <cstring>

#include "expect.h"

namespace {

std::string encoded(const tn_control &message)
{
    uint8_t *bytes;
    size_t size;
    tn_error error = tn_control_encode(&message, &bytes, &size);
    EXPECT(error == TN_OK || error == TN_ERR_LIMIT);
    if (error != TN_OK)
        return {};
    std::string text(reinterpret_cast<char *>(bytes) + TN_ENVELOPE_PREFIX,
                     size - TN_ENVELOPE_PREFIX);
    tn_control_release(bytes, size);
    return text;
}

void check_again(tn_control &message)
{
    char problem[200];
    if (!message.timestamp)
        message.timestamp = "2026-01-01T00:00:00Z";
    std::string text = encoded(message);
    if (text.empty())
        return;
    tn_control *again;
    EXPECT(tn_control_decode(text.data(), text.size(), &again, problem, sizeof problem) == TN_OK);
    EXPECT(again->type == message.type && again->tunnel_count == message.tunnel_count);
    EXPECT(encoded(*again) == text);
    tn_control_free(again);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char problem[200] = "";
    tn_control *message;
    tn_error error = tn_control_decode(reinterpret_cast<const char *>(data), size, &message,
                                       problem, sizeof problem);
    if (error == TN_ERR_PROTOCOL) {
        EXPECT(*problem != '\0');
        for (const char *at = problem; *at; ++at)
            EXPECT(*at >= ' ' && *at < 0x7f);
        return 0;
    }
    EXPECT(error == TN_OK);
    if (message->type != TN_CONTROL_UNKNOWN)
        check_again(*message);
    tn_control_free(message);
    return 0;
}
