// SPDX-License-Identifier: ISC
//
// The control messages as tables: what each field is called, what it must be, and where it lives in
// tn_control. Reading and writing both follow them.

#ifndef CORE_CONTROL_RULES_H
#define CORE_CONTROL_RULES_H

#include <span>

#include <tunnel/control.h>

namespace tunnel::core {

enum class Kind {
    name,         // text of up to name_max bytes
    prose,        // text of up to prose_max bytes
    integer,      // int64_t
    milliseconds, // int64_t, 0..INT32_MAX
    boolean,      // bool
    port,         // uint16_t, 1..65535
    any_port,     // uint16_t, 0..65535
    activity,     // bool, "active" or "error"
    names,        // capabilities
    patterns,     // allowed
    tunnel,       // one, in tunnels
    tunnels,      //
    status,       // one, in statuses
    statuses,     //
};

enum class Presence {
    required, // must be there, unless an alias was
    written,  // always written; may be missing when read
    optional, // not written if it is empty or 0
    alias,    // read into the place of the field behind it; never written
};

struct Rule {
    const char *key;
    Kind kind;
    Presence presence;
    size_t offset; // in tn_control, tn_tunnel_request or tn_tunnel_status
};

struct MessageRules {
    const char *name;
    tn_control_type type;
    std::span<const Rule> payload;
};

// NULL for a type that is not in the table.
const MessageRules *find_message(const char *name);
const MessageRules *find_message(tn_control_type type);

extern const std::span<const Rule> tunnel_rules;
extern const std::span<const Rule> status_rules;

constexpr size_t name_max = 1024;
constexpr size_t prose_max = 4096;
constexpr size_t capabilities_max = 64;
constexpr size_t allowed_max = 256;

template <class T> T &place(void *object, const Rule &rule)
{
    return *reinterpret_cast<T *>(static_cast<char *>(object) + rule.offset);
}

template <class T> const T &place(const void *object, const Rule &rule)
{
    return *reinterpret_cast<const T *>(static_cast<const char *>(object) + rule.offset);
}

} // namespace tunnel::core

#endif
