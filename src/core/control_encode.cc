// SPDX-License-Identifier: ISC
//
// Control messages, written.

#include <jansson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "core/bytes.h"
#include "core/control_rules.h"
#include "core/utf8.h"

namespace tunnel::core {
namespace {

// "2026-01-31T23:59:59.999Z", RFC 3339.
struct Timestamp {
    char text[32];
};

Timestamp now()
{
    timespec time;
    tm parts;
    clock_gettime(CLOCK_REALTIME, &time);
    gmtime_r(&time.tv_sec, &parts);
    Timestamp stamp;
    size_t size = strftime(stamp.text, sizeof stamp.text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(stamp.text + size, sizeof stamp.text - size, ".%03dZ",
             static_cast<int>(time.tv_nsec / 1'000'000 % 1000));
    return stamp;
}

bool is_utf8(const char *text)
{
    auto at = reinterpret_cast<const uint8_t *>(text);
    const uint8_t *end = at + strlen(text);
    while (at < end) {
        size_t size = utf8_size(at, end);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

// Takes `value`, whose NULL means that memory ran out.
tn_error add(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0 ? TN_OK : TN_ERR_NOMEM;
}

tn_error add_text(json_t *object, const char *key, const char *text)
{
    return is_utf8(text) ? add(object, key, json_string_nocheck(text)) : TN_ERR_INVAL;
}

tn_error write_text(json_t *object, const Rule &rule, const char *text)
{
    if (!text && rule.presence == Presence::required)
        return TN_ERR_INVAL;
    if (!text && rule.presence == Presence::optional)
        return TN_OK;
    return add_text(object, rule.key, text ? text : "");
}

tn_error write_integer(json_t *object, const Rule &rule, int64_t value)
{
    if (value == 0 && rule.presence == Presence::optional)
        return TN_OK;
    return add(object, rule.key, json_integer(value));
}

tn_error write_names(json_t *object, const Rule &rule, std::span<const char *const> names)
{
    if (names.empty())
        return TN_OK;
    json_t *array = json_array();
    tn_error error = add(object, rule.key, array);
    for (size_t i = 0; i < names.size() && error == TN_OK; ++i) {
        const char *text = names[i];
        if (!is_utf8(text))
            error = TN_ERR_INVAL;
        else if (json_array_append_new(array, json_string_nocheck(text)) != 0)
            error = TN_ERR_NOMEM;
    }
    return error;
}

tn_error write_members(json_t *object, std::span<const Rule> rules, const void *from,
                       const tn_control &control);

template <class T>
tn_error write_list(json_t *object, const Rule &rule, std::span<const Rule> rules,
                    std::span<const T> items, const tn_control &control)
{
    if (items.empty() && rule.presence == Presence::optional)
        return TN_OK;
    json_t *array = json_array();
    tn_error error = add(object, rule.key, array);
    for (const T &item : items) {
        if (error != TN_OK)
            return error;
        json_t *element = json_object();
        if (json_array_append_new(array, element) != 0)
            return TN_ERR_NOMEM;
        error = write_members(element, rules, &item, control);
    }
    return error;
}

template <class T>
tn_error write_one(json_t *object, const Rule &rule, std::span<const Rule> rules,
                   std::span<const T> items, const tn_control &control)
{
    if (items.empty())
        return rule.presence == Presence::required ? TN_ERR_INVAL : TN_OK;
    json_t *element = json_object();
    tn_error error = add(object, rule.key, element);
    return error == TN_OK ? write_members(element, rules, &items[0], control) : error;
}

tn_error write_value(json_t *object, const Rule &rule, const void *from, const tn_control &control)
{
    std::span<const tn_tunnel_request> tunnels{control.tunnels, control.tunnel_count};
    std::span<const tn_tunnel_status> statuses{control.statuses, control.status_count};
    switch (rule.kind) {
    case Kind::name:
    case Kind::prose:
        return write_text(object, rule, place<const char *>(from, rule));
    case Kind::integer:
    case Kind::milliseconds:
        return write_integer(object, rule, place<int64_t>(from, rule));
    case Kind::boolean:
        return add(object, rule.key, json_boolean(place<bool>(from, rule)));
    case Kind::port:
    case Kind::any_port:
        return write_integer(object, rule, place<uint16_t>(from, rule));
    case Kind::activity:
        return add_text(object, rule.key, place<bool>(from, rule) ? "active" : "error");
    case Kind::names:
        return write_names(object, rule, {control.capabilities, control.capability_count});
    case Kind::patterns:
        return write_names(object, rule, {control.allowed, control.allowed_count});
    case Kind::tunnel:
        return write_one(object, rule, tunnel_rules, tunnels, control);
    case Kind::tunnels:
        return write_list(object, rule, tunnel_rules, tunnels, control);
    case Kind::status:
        return write_one(object, rule, status_rules, statuses, control);
    case Kind::statuses:
        return write_list(object, rule, status_rules, statuses, control);
    }
    return TN_ERR_INVAL;
}

tn_error write_members(json_t *object, std::span<const Rule> rules, const void *from,
                       const tn_control &control)
{
    for (const Rule &rule : rules) {
        if (rule.presence == Presence::alias)
            continue;
        if (tn_error error = write_value(object, rule, from, control))
            return error;
    }
    return TN_OK;
}

tn_error write_message(json_t *root, const MessageRules &rules, tn_control control)
{
    Timestamp stamp = now();
    if (!control.timestamp)
        control.timestamp = stamp.text;

    json_t *payload = json_object();
    tn_error error = add_text(root, "type", rules.name);
    if (error == TN_OK)
        error = add_text(root, "timestamp", control.timestamp);
    if (error == TN_OK && control.request_id)
        error = add_text(root, "request_id", control.request_id);
    tn_error added = add(root, "payload", payload); // from here on `root` owns it
    if (error != TN_OK || added != TN_OK)
        return error != TN_OK ? error : added;
    return write_members(payload, rules.payload, &control, control);
}

tn_error dump(const json_t *root, uint8_t **out, size_t *size)
{
    constexpr size_t flags = JSON_COMPACT;
    size_t length = json_dumpb(root, nullptr, 0, flags);
    if (length == 0)
        return TN_ERR_NOMEM;
    if (length > TN_ENVELOPE_MAX)
        return TN_ERR_LIMIT;
    auto *bytes = static_cast<uint8_t *>(malloc(TN_ENVELOPE_PREFIX + length));
    if (!bytes)
        return TN_ERR_NOMEM;

    put_be32(bytes, static_cast<uint32_t>(length));
    auto *text = reinterpret_cast<char *>(bytes + TN_ENVELOPE_PREFIX);
    if (json_dumpb(root, text, length, flags) != length) {
        tn_control_release(bytes, TN_ENVELOPE_PREFIX + length);
        return TN_ERR_NOMEM;
    }
    *out = bytes;
    *size = TN_ENVELOPE_PREFIX + length;
    return TN_OK;
}

void wipe_token(const json_t *root)
{
    const json_t *token = json_object_get(json_object_get(root, "payload"), "token");
    if (token)
        explicit_bzero(const_cast<char *>(json_string_value(token)), json_string_length(token));
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

tn_error tn_control_encode(const tn_control *message, uint8_t **out, size_t *size)
{
    const MessageRules *rules = find_message(message->type);
    if (!rules)
        return TN_ERR_INVAL;
    json_t *root = json_object();
    if (!root)
        return TN_ERR_NOMEM;

    tn_error error = write_message(root, *rules, *message);
    if (error == TN_OK)
        error = dump(root, out, size);
    wipe_token(root);
    json_decref(root);
    return error;
}

void tn_control_release(uint8_t *bytes, size_t size)
{
    if (!bytes)
        return;
    explicit_bzero(bytes, size);
    free(bytes);
}
