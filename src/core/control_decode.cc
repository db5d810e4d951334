// SPDX-License-Identifier: ISC
//
// Control messages, read. The JSON tree stays alive under the tn_control, whose strings point into
// it.

#include <jansson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/control_rules.h"
#include "core/utf8.h"

namespace tunnel::core {
namespace {

constexpr unsigned depth_max = 16;

struct Message {
    tn_control control; // first: tn_control_free() gets its address
    json_t *root;
    tn_tunnel_request *tunnels;
    tn_tunnel_status *statuses;
    const char **capabilities;
    const char **allowed;
};

struct Decoder {
    Message &message;
    char *problem;
    size_t problem_size;
    const char *where; // "payload.tunnels", say
    int index;         // of the element; -1: `where` is no array
};

// The sentence names the field. It quotes nothing that was sent: it goes to logs.
tn_error complain(const Decoder &decoder, const char *key, const char *what)
{
    if (decoder.problem_size == 0)
        return TN_ERR_PROTOCOL;
    const char *dot = *decoder.where && *key ? "." : "";
    if (decoder.index < 0)
        snprintf(decoder.problem, decoder.problem_size, "%s%s%s %s", decoder.where, dot, key, what);
    else
        snprintf(decoder.problem, decoder.problem_size, "%s[%d]%s%s %s", decoder.where,
                 decoder.index, dot, key, what);
    return TN_ERR_PROTOCOL;
}

// Brackets outside of strings. jansson would go down to 2,048.
bool too_deep(const char *json, size_t size)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; ++i) {
        char byte = json[i];
        if (quoted && byte == '\\')
            ++i;
        else if (byte == '"')
            quoted = !quoted;
        else if (!quoted && (byte == '{' || byte == '[') && ++depth > depth_max)
            return true;
        else if (!quoted && (byte == '}' || byte == ']') && depth > 0)
            --depth;
    }
    return false;
}

// No control characters and nothing that turns the direction of a line: these texts are shown.
bool is_harmless(const char *text, size_t size)
{
    auto at = reinterpret_cast<const uint8_t *>(text);
    const uint8_t *end = at + size;
    while (at < end) {
        size_t length = utf8_size(at, end);
        bool control = *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0); // C0, DEL, C1
        bool turning = *at == 0xe2 && ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
                                       (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
        if (length == 0 || control || turning)
            return false;
        at += length;
    }
    return true;
}

tn_error read_text(const Decoder &decoder, const char *key, const json_t *value, size_t max,
                   const char *&out)
{
    if (!json_is_string(value))
        return complain(decoder, key, "is not a string");
    if (json_string_length(value) > max)
        return complain(decoder, key, "is too long");
    if (!is_harmless(json_string_value(value), json_string_length(value)))
        return complain(decoder, key, "has control characters");
    out = json_string_value(value);
    return TN_OK;
}

tn_error read_integer(const Decoder &decoder, const char *key, const json_t *value, int64_t min,
                      int64_t max, int64_t &out)
{
    if (!json_is_integer(value))
        return complain(decoder, key, "is not an integer");
    out = json_integer_value(value);
    return out < min || out > max ? complain(decoder, key, "is out of range") : TN_OK;
}

tn_error read_port(const Decoder &decoder, const char *key, const json_t *value, int64_t min,
                   uint16_t &out)
{
    int64_t number = 0;
    tn_error error = read_integer(decoder, key, value, min, UINT16_MAX, number);
    out = static_cast<uint16_t>(number);
    return error;
}

tn_error read_boolean(const Decoder &decoder, const char *key, const json_t *value, bool &out)
{
    out = json_is_true(value);
    return json_is_boolean(value) ? TN_OK : complain(decoder, key, "is not true or false");
}

tn_error read_activity(const Decoder &decoder, const char *key, const json_t *value, bool &out)
{
    const char *text = nullptr;
    if (tn_error error = read_text(decoder, key, value, name_max, text))
        return error;
    out = strcmp(text, "active") == 0;
    bool known = out || strcmp(text, "error") == 0;
    return known ? TN_OK : complain(decoder, key, "is neither active nor error");
}

tn_error read_members(Decoder &decoder, const json_t *object, std::span<const Rule> rules,
                      void *out);

tn_error read_object(Decoder &decoder, const char *key, const json_t *value,
                     std::span<const Rule> rules, void *out)
{
    if (!json_is_object(value))
        return complain(decoder, key, "is not an object");
    return read_members(decoder, value, rules, out);
}

// `value` is an array, or the only element where the message has one.
template <class T>
tn_error read_list(const Decoder &decoder, const char *key, const json_t *value, bool single,
                   std::span<const Rule> rules, T *&owned, size_t &count)
{
    if (!single && !json_is_array(value))
        return complain(decoder, key, "is not an array");
    count = single ? 1 : json_array_size(value);
    if (count > TN_CONTROL_MAX_TUNNELS)
        return complain(decoder, key, "has too many elements");
    owned = static_cast<T *>(calloc(count + 1, sizeof(T)));
    if (!owned)
        return TN_ERR_NOMEM;

    const char *where = single ? "payload.tunnel" : "payload.tunnels";
    Decoder element{decoder.message, decoder.problem, decoder.problem_size, where, -1};
    for (size_t i = 0; i < count; ++i) {
        const json_t *item = single ? value : json_array_get(value, i);
        element.index = single ? -1 : static_cast<int>(i);
        if (tn_error error = read_object(element, "", item, rules, &owned[i]))
            return error;
    }
    return TN_OK;
}

tn_error read_tunnels(const Decoder &decoder, const char *key, const json_t *value, bool single)
{
    Message &message = decoder.message;
    tn_error error = read_list(decoder, key, value, single, tunnel_rules, message.tunnels,
                               message.control.tunnel_count);
    message.control.tunnels = message.tunnels;
    return error;
}

tn_error read_statuses(const Decoder &decoder, const char *key, const json_t *value, bool single)
{
    Message &message = decoder.message;
    tn_error error = read_list(decoder, key, value, single, status_rules, message.statuses,
                               message.control.status_count);
    message.control.statuses = message.statuses;
    return error;
}

tn_error read_names(const Decoder &decoder, const char *key, const json_t *value, size_t max,
                    const char **&owned, size_t &count)
{
    if (!json_is_array(value))
        return complain(decoder, key, "is not an array");
    count = json_array_size(value);
    if (count > max)
        return complain(decoder, key, "has too many elements");
    owned = static_cast<const char **>(calloc(count + 1, sizeof(char *)));
    if (!owned)
        return TN_ERR_NOMEM;

    for (size_t i = 0; i < count; ++i)
        if (tn_error error = read_text(decoder, key, json_array_get(value, i), name_max, owned[i]))
            return error;
    return TN_OK;
}

tn_error read_capabilities(const Decoder &decoder, const char *key, const json_t *value)
{
    Message &message = decoder.message;
    tn_error error = read_names(decoder, key, value, capabilities_max, message.capabilities,
                                message.control.capability_count);
    message.control.capabilities = message.capabilities;
    return error;
}

tn_error read_allowed(const Decoder &decoder, const char *key, const json_t *value)
{
    Message &message = decoder.message;
    tn_error error = read_names(decoder, key, value, allowed_max, message.allowed,
                                message.control.allowed_count);
    message.control.allowed = message.allowed;
    return error;
}

tn_error read_value(Decoder &decoder, const Rule &rule, const json_t *value, void *out)
{
    const char *key = rule.key;
    switch (rule.kind) {
    case Kind::name:
        return read_text(decoder, key, value, name_max, place<const char *>(out, rule));
    case Kind::prose:
        return read_text(decoder, key, value, prose_max, place<const char *>(out, rule));
    case Kind::integer:
        return read_integer(decoder, key, value, INT64_MIN, INT64_MAX, place<int64_t>(out, rule));
    case Kind::milliseconds:
        return read_integer(decoder, key, value, 0, INT32_MAX, place<int64_t>(out, rule));
    case Kind::boolean:
        return read_boolean(decoder, key, value, place<bool>(out, rule));
    case Kind::port:
        return read_port(decoder, key, value, 1, place<uint16_t>(out, rule));
    case Kind::any_port:
        return read_port(decoder, key, value, 0, place<uint16_t>(out, rule));
    case Kind::activity:
        return read_activity(decoder, key, value, place<bool>(out, rule));
    case Kind::names:
        return read_capabilities(decoder, key, value);
    case Kind::patterns:
        return read_allowed(decoder, key, value);
    case Kind::tunnel:
    case Kind::tunnels:
        return read_tunnels(decoder, key, value, rule.kind == Kind::tunnel);
    case Kind::status:
    case Kind::statuses:
        return read_statuses(decoder, key, value, rule.kind == Kind::status);
    }
    return TN_ERR_PROTOCOL;
}

bool alias_was_there(const Rule &rule, const void *out)
{
    bool text = rule.kind == Kind::name || rule.kind == Kind::prose;
    return text && place<const char *>(out, rule);
}

// null is absent: Go writes it for an empty list.
tn_error read_members(Decoder &decoder, const json_t *object, std::span<const Rule> rules,
                      void *out)
{
    for (const Rule &rule : rules) {
        const json_t *value = json_object_get(object, rule.key);
        bool absent = !value || json_is_null(value);
        if (absent && rule.presence == Presence::required && !alias_was_there(rule, out))
            return complain(decoder, rule.key, "is missing");
        if (absent)
            continue;
        if (tn_error error = read_value(decoder, rule, value, out))
            return error;
    }
    return TN_OK;
}

tn_error read_envelope(Decoder &decoder, const char *&type, const json_t *&payload)
{
    tn_control &control = decoder.message.control;
    const json_t *root = decoder.message.root;
    auto text = [&](const char *key, const char *&out) {
        const json_t *value = json_object_get(root, key);
        bool absent = !value || json_is_null(value);
        return absent ? TN_OK : read_text(decoder, key, value, name_max, out);
    };
    if (!json_is_object(root))
        return complain(decoder, "the message", "is not an object");
    if (tn_error error = text("type", type))
        return error;
    if (!type)
        return complain(decoder, "type", "is missing");
    if (tn_error error = text("timestamp", control.timestamp))
        return error;
    if (tn_error error = text("request_id", control.request_id))
        return error;
    payload = json_object_get(root, "payload");
    if (payload && !json_is_null(payload) && !json_is_object(payload))
        return complain(decoder, "payload", "is not an object");
    return TN_OK;
}

tn_error read_message(Decoder &decoder)
{
    const char *type = nullptr;
    const json_t *payload = nullptr;
    if (tn_error error = read_envelope(decoder, type, payload))
        return error;
    const MessageRules *rules = find_message(type);
    if (!rules)
        return TN_OK;

    tn_control &control = decoder.message.control;
    control.type = rules->type;
    decoder.where = "payload";
    return read_members(decoder, payload, rules->payload, &control);
}

tn_error load(Decoder &decoder, const char *json, size_t size)
{
    if (size == 0 || size > TN_ENVELOPE_MAX)
        return complain(decoder, "the message", "has a bad size");
    if (too_deep(json, size))
        return complain(decoder, "the message", "is nested too deeply");

    json_error_t error;
    decoder.message.root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
    if (decoder.message.root)
        return TN_OK;
    // Mostly jansson gives up without a word when memory runs out.
    if (!*error.text || json_error_code(&error) == json_error_out_of_memory)
        return TN_ERR_NOMEM;
    bool twice = json_error_code(&error) == json_error_duplicate_key;
    return complain(decoder, "the message", twice ? "has a key twice" : "is not valid JSON");
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

tn_error tn_control_decode(const char *json, size_t size, tn_control **out, char *problem,
                           size_t problem_size)
{
    auto *message = static_cast<Message *>(calloc(1, sizeof(Message)));
    if (!message)
        return TN_ERR_NOMEM;

    Decoder decoder{*message, problem, problem_size, "", -1};
    tn_error error = load(decoder, json, size);
    if (error == TN_OK)
        error = read_message(decoder);
    if (error == TN_OK)
        *out = &message->control;
    else
        tn_control_free(&message->control);
    return error;
}

void tn_control_free(tn_control *control)
{
    if (!control)
        return;
    auto *message = reinterpret_cast<Message *>(control);
    if (control->token)
        explicit_bzero(const_cast<char *>(control->token), strlen(control->token));
    json_decref(message->root);
    free(message->tunnels);
    free(message->statuses);
    free(message->capabilities);
    free(message->allowed);
    free(message);
}
