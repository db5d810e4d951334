/* SPDX-License-Identifier: ISC */
/*
 * The messages of the control plane (tunnel-protocol(7)): a JSON envelope
 * {"type", "timestamp", "request_id"?, "payload"}. One struct serves both directions.
 */
#ifndef TUNNEL_CONTROL_H
#define TUNNEL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <tunnel/envelope.h>
#include <tunnel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_PROTOCOL_VERSION 1
#define TN_CONTROL_MAX_TUNNELS 1000u

typedef enum tn_control_type {
    TN_CONTROL_UNKNOWN = 0, /* decode: a type we do not know; answer with `error` PROTOCOL_ERROR */
    TN_CONTROL_HANDSHAKE,
    TN_CONTROL_HANDSHAKE_RESPONSE,
    TN_CONTROL_ADD_TUNNEL,
    TN_CONTROL_REMOVE_TUNNEL,
    TN_CONTROL_TUNNEL_UPDATE,
    TN_CONTROL_PING,
    TN_CONTROL_PONG,
    TN_CONTROL_SHUTDOWN,
    TN_CONTROL_ERROR
} tn_control_type;

/* Strings are NUL-terminated UTF-8; NULL means absent. */
typedef struct tn_tunnel_request {
    const char *subdomain;
    const char *name;
    const char *local_host; /* absent: "127.0.0.1" */
    const char *protocol;   /* absent: "http" */
    uint16_t local_port;
} tn_tunnel_request;

typedef struct tn_tunnel_status {
    const char *subdomain;
    const char *url;
    const char *error;
    const char *error_code;
    uint16_t local_port;
    bool active;
} tn_tunnel_status;

typedef struct tn_control {
    tn_control_type type;
    const char *request_id;
    const char *timestamp; /* encode: NULL is now. ping, pong: that of the payload, if it has one */

    /* handshake */
    int64_t version; /* handshake: version; response: server_version */
    const char *token;
    const char *client_id;
    const tn_tunnel_request *tunnels; /* also add_tunnel: one */
    size_t tunnel_count;
    const char *const *capabilities; /* also the response */
    size_t capability_count;

    /* handshake: the session that this link joins; response: the session */
    const char *session_id;
    /* handshake, capability handover: the session whose names and visitors go over to this one */
    const char *replaces;

    /* handshake_response, with capability "account": whose token it is and what it may do */
    const char *user;
    const char *const *allowed; /* names, with "*"; none: every name */
    size_t allowed_count;
    const char *expires; /* RFC 3339; absent: never */

    /* handshake_response, tunnel_update */
    bool success;
    const tn_tunnel_status *statuses; /* tunnel_update: one */
    size_t status_count;
    int64_t retry_after_ms; /* 0: absent */

    /* error and its code: handshake_response, tunnel_update, error (code, message), and shutdown
     * (reason) */
    const char *error;
    const char *error_code;
    const char *details; /* error */

    /* remove_tunnel */
    const char *subdomain; /* or name */

    /* pong: the timestamp of the ping */
    const char *ping_timestamp;

    /* shutdown */
    int64_t grace_period_ms;
} tn_control;

/*
 * Decodes one message of `size` bytes of JSON (1..TN_ENVELOPE_MAX). UTF-8, no duplicate keys, depth
 * <= 16, nothing behind it; unknown fields are ignored, null is absent; no text has control
 * characters. On TN_OK `*out` is the caller's to free; all it points to lives as long.
 * TN_ERR_PROTOCOL: `problem[0..problem_size)` gets a sentence that names the field and quotes
 * nothing of the input. TN_ERR_NOMEM.
 */
TN_API tn_error tn_control_decode(const char *json, size_t size, tn_control **out, char *problem,
                                  size_t problem_size);
TN_API void tn_control_free(tn_control *message); /* wipes the token first; NULL is fine */

/*
 * Encodes `message` with its 4-byte length in front into a new buffer `*out` of `*size` bytes, to
 * be released by tn_control_release. TN_ERR_INVAL (type, or text that is not UTF-8), TN_ERR_LIMIT
 * (above TN_ENVELOPE_MAX), TN_ERR_NOMEM.
 */
TN_API tn_error tn_control_encode(const tn_control *message, uint8_t **out, size_t *size);
TN_API void tn_control_release(uint8_t *bytes, size_t size); /* wipes */

TN_API const char *tn_control_type_name(tn_control_type type); /* as on the wire */

#ifdef __cplusplus
}
#endif
#endif
