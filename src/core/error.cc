// SPDX-License-Identifier: ISC
//
// The sentences behind the core's error codes.

#include <tunnel/error.h>

uint32_t tn_abi_version(void) { return TN_ABI_VERSION; }

const char *tn_strerror(int error)
{
    switch (error) {
    case TN_OK:
        return "success";
    case TN_ERR_INVAL:
        return "bad argument or configuration";
    case TN_ERR_NOMEM:
        return "out of memory";
    case TN_ERR_STALE:
        return "the stream is gone";
    case TN_ERR_STATE:
        return "not allowed in this state";
    case TN_ERR_AGAIN:
        return "too many unacknowledged opens";
    case TN_ERR_LIMIT:
        return "limit reached";
    case TN_ERR_GOAWAY:
        return "the link takes no new streams";
    case TN_ERR_EXHAUSTED:
        return "no stream ids left";
    case TN_ERR_CLOSED:
        return "the mux is closed";
    case TN_ERR_PROTOCOL:
        return "protocol error";
    default:
        return "unknown error";
    }
}
