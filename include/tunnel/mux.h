/* SPDX-License-Identifier: ISC */
/* tunnel/mux.h - sans-I/O yamux (v0) core: C11, also valid C++20.
 *
 * The core never touches a socket, a clock, a thread, libevent or OpenSSL, and
 * it never stores or copies payload bytes. It parses and produces 12-byte
 * headers and keeps the accounts: states, windows, deadlines, send order.
 *
 * Conventions
 *  - Sizes are bytes. Times are microseconds (_us) or milliseconds (_ms).
 *  - `now_us` is the caller's monotonic clock; it must never go back.
 *  - A pool and all its sessions belong to one thread. No locks inside.
 *  - Nothing throws, aborts or longjmps. Fallible calls return tn_error (<0 bad).
 *  - No callback ever runs from the core, except the allocator and the one
 *    pull function passed to tn_mux_gather_copy() for that one call.
 *  - Every function may be called between two tn_mux_next() calls.
 *  - Config structs start with struct_size; call the *_init function first.
 */
#ifndef TUNNEL_MUX_H
#define TUNNEL_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tunnel/error.h>
#include <tunnel/frame.h>
#include <tunnel/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- constants */
#define TN_INITIAL_WINDOW 262144u    /* fixed by the protocol */
#define TN_SMALL_WINDOW 65536u       /* for tn_mux_set_initial_credit() */
#define TN_MAX_STREAM_ID 0xfffffffdu /* Go stops at MaxUint32-1 */

/* Why a session failed (tn_mux_event.reason of TN_MUX_SESSION_ERROR). */
typedef enum tn_mux_reason {
    TN_MUX_ERR_NONE = 0,
    TN_MUX_ERR_VERSION,      /* header version != 0 */
    TN_MUX_ERR_TYPE,         /* header type > 3 */
    TN_MUX_ERR_STREAM_ID,    /* SYN: id 0, wrong parity. DATA, WU: id 0. PING: other */
    TN_MUX_ERR_DUP_SYN,      /* SYN on a live stream */
    TN_MUX_ERR_FLOOD,        /* a bucket, ring or the discard budget is used up */
    TN_MUX_ERR_DEAD,         /* nothing received for ping_timeout after ping */
    TN_MUX_ERR_GOAWAY_ERROR, /* peer sent GOAWAY != 0; code in tn_mux_event.code */
    TN_MUX_ERR_NOMEM,
    TN_MUX_ERR_TRANSPORT, /* caller said so: tn_mux_transport_lost() */
    TN_MUX_ERR_LOCAL      /* tn_mux_fail() */
} tn_mux_reason;

/* Why a stream ended (tn_mux_event.reason of TN_MUX_CLOSED). Only TN_CR_FIN is
 * a clean end: everything else must not be shown to an application as EOF. */
typedef enum tn_close_reason {
    TN_CR_FIN = 0,        /* both directions finished */
    TN_CR_REFUSED,        /* RST before any ACK/frame: safe to retry */
    TN_CR_RESET_REMOTE,   /* RST after acceptance; peer's code in .code */
    TN_CR_RESET_LOCAL,    /* tn_stream_reset() or refused by limits */
    TN_CR_WINDOW,         /* peer sent more than its credit; we sent RST */
    TN_CR_PROTOCOL,       /* peer sent data after FIN; we sent RST */
    TN_CR_OPEN_TIMEOUT,   /* no ACK within ack_timeout_ms; we sent RST */
    TN_CR_ACCEPT_TIMEOUT, /* not accepted within accept_timeout_ms */
    TN_CR_STALLED,        /* peer sent FIN, then gave no credit */
    TN_CR_LINGER,         /* our linger/half-close-idle time ran out */
    TN_CR_EVICTED,        /* buffered_hard exceeded; this was the worst */
    TN_CR_SESSION         /* the session died first: data may be missing */
} tn_close_reason;

/* RST codes we put in the Length of WINDOW_UPDATE|RST. Plain yamux peers
 * ignore it; libp2p go-yamux v5 reports it. */
enum {
    TN_RST_UNSPECIFIED = 0,
    TN_RST_PROTOCOL = 1,
    TN_RST_INTERNAL = 2,
    TN_RST_REFUSED = 3,
    TN_RST_FLOW_CONTROL = 4,
    TN_RST_CANCEL = 5,
    TN_RST_TIMEOUT = 6,
    TN_RST_OVERLOAD = 7
};

TN_API const char *tn_close_reason_name(int reason); /* static string */
TN_API const char *tn_mux_reason_name(int reason);   /* static string */

/* ------------------------------------------------------------------- pool
 * One per event-loop thread. Holds the stream slabs (64 B each), the id
 * tables and the memory budget shared by all its sessions, so that 100 000
 * sessions of one stream cost the same as one session of 100 000. */
typedef struct tn_mux_pool tn_mux_pool;
typedef struct tn_mux tn_mux;

typedef struct tn_alloc {
    /* Return NULL on failure. `align` is a power of two <= 64. */
    void *(*alloc)(void *ctx, size_t size, size_t align);
    void (*free)(void *ctx, void *ptr, size_t size);
    void *ctx;
} tn_alloc;

typedef struct tn_mux_pool_config {
    size_t struct_size;
    tn_alloc alloc;         /* zeroed: malloc/free */
    uint32_t max_streams;   /* all sessions together; default 1 048 576 */
    uint64_t window_budget; /* receive window promised above the credit that
                               a stream begins with, all sessions; default
                               256 MiB */
    uint64_t buffered_soft; /* delivered-but-unconsumed bytes above which no
                               window grows and grants are throttled, to an
                               eighth at a quarter of buffered_hard; default
                               256 MiB */
    uint64_t buffered_hard; /* above which the worst streams are reset;
                               default 1 GiB */
} tn_mux_pool_config;

TN_API void tn_mux_pool_config_init(tn_mux_pool_config *c);
TN_API tn_error tn_mux_pool_create(const tn_mux_pool_config *c, tn_mux_pool **out);
/* All sessions must be freed first, else TN_ERR_STATE and nothing happens. */
TN_API tn_error tn_mux_pool_destroy(tn_mux_pool *p);

typedef struct tn_mux_pool_stats {
    uint32_t sessions, streams;
    uint64_t slab_bytes;     /* memory held by the pool itself */
    uint64_t window_granted; /* part of window_budget in use */
    uint64_t buffered;       /* delivered, not yet consumed */
    uint64_t evicted;        /* streams reset for memory since start */
} tn_mux_pool_stats;
TN_API void tn_mux_pool_get_stats(const tn_mux_pool *p, tn_mux_pool_stats *out);

/* ---------------------------------------------------------------- session */
typedef enum tn_role { TN_CLIENT = 0 /* odd ids */, TN_SERVER = 1 /* even ids */ } tn_role;

/* tn_mux_config.peer_quirks */
enum {
    TN_Q_GOAWAY_FATAL = 1u << 0, /* libp2p: any GOAWAY ends the session, so a
                                     drain must not send it before the end */
    TN_Q_NO_EARLY_FIN = 1u << 1, /* hold FIN of a stream we opened until the
                                     peer's first frame, but at most 250 ms:
                                     peers that ACK lazily may wait for EOF */
    TN_Q_NO_RST_CODE = 1u << 2   /* always send RST with Length 0 */
};

typedef struct tn_mux_config {
    size_t struct_size;
    uint32_t peer_quirks; /* 0: hashicorp behaviour */

    /* stream limits */
    uint32_t max_inbound;    /* live peer-opened streams; default 16 384;
                                more are refused with RST */
    uint32_t max_outbound;   /* live streams we opened; default 16 384.
                                Use 512 for rust-yamux, 1000 for go-yamux */
    uint32_t accept_backlog; /* delivered but not accepted; default 256 */
    uint32_t ack_backlog;    /* opened but not acknowledged; default 256.
                                Never above the peer's AcceptBacklog */

    /* receive side. Windows follow what rtt probes find; without probes they
     * stay as they begin */
    uint32_t initial_window; /* >= 262144; default 262144 */
    uint32_t max_window;     /* how far one may grow; initial_window is at most
                                this; default 16 MiB */
    uint64_t window_budget;  /* above the credit of the beginning, all streams;
                                default 32 MiB */
    uint64_t buffered_soft;  /* default 16 MiB */
    uint64_t buffered_hard;  /* default 64 MiB */

    /* send side */
    uint32_t max_frame;            /* payload bytes; default 262144. Where streams
                                      contend, frame_time_us makes it less */
    uint32_t contended_frame;      /* the most where streams contend; default
                                      262144, 65536 until the rate is known */
    uint32_t min_frame;            /* default 2048 */
    uint32_t frame_time_us;        /* with several streams ready a frame should
                                      not take longer on the wire; default 1000 */
    uint32_t pending_high;         /* per stream: stop producing; def. 262144 */
    uint32_t pending_low;          /* per stream: TN_MUX_WRITABLE; def. 65536 */
    uint64_t session_pending_high; /* all streams; default 4 MiB */

    /* timers; 0 turns one off */
    uint32_t ping_interval_ms;   /* idle time before a keepalive; def. 10000 */
    uint32_t ping_timeout_ms;    /* dead if NOTHING arrives; default 10000 */
    uint32_t rtt_probe_ms;       /* min. gap between RTT probes under load;
                                    default 100 */
    uint32_t ack_timeout_ms;     /* default 0 = off: some peers never ACK a
                                    stream they only read. Fails the stream,
                                    never the session */
    uint32_t accept_timeout_ms;  /* default 10000; peers may kill the session
                                    after 30-75 s without an ACK */
    uint32_t fin_stall_ms;       /* default 30000 */
    uint32_t linger_ms;          /* tn_stream_close(); default 5000 */
    uint32_t linger_bytes;       /* default 1 MiB */
    uint32_t half_close_idle_ms; /* default 300000 */

    /* abuse limits: token buckets, burst and refill per second; burst 0: no limit.
     * Resets are those of streams that the peer opened itself. */
    uint32_t glitch_burst, glitch_rate; /* 10000 / 330 */
    uint32_t reset_burst, reset_rate;   /* 1000 / 33 */
} tn_mux_config;

TN_API void tn_mux_config_init(tn_mux_config *c);
/* Queues the first RTT ping at once. `user` is returned by
 * tn_mux_user() and never looked at. */
TN_API tn_error tn_mux_create(tn_mux_pool *p, tn_role role, const tn_mux_config *c, uint64_t now_us,
                              void *user, tn_mux **out);
/* Frees everything silently; live handles become stale, no events. */
TN_API void tn_mux_free(tn_mux *s);
TN_API void *tn_mux_user(const tn_mux *s);
/* Both ends have agreed, by a capability of the handshake say, that streams which the TN_SERVER
 * end opens begin with `bytes` of credit in either direction instead of 256 KiB: 65536, 131072,
 * 196608 or 262144. Streams of the TN_CLIENT end keep 256 KiB. It holds for streams opened (or
 * their SYN received) after this call. There is no race if the server calls it before it answers
 * the handshake and opens no stream until it has, and the client on reading the answer: what the
 * server opens comes behind it. TN_ERR_STATE: another value holds, or the server has opened a
 * stream whose SYN has not been gathered. */
TN_API tn_error tn_mux_set_initial_credit(tn_mux *s, uint32_t bytes);

/* ---------------------------------------------------------------- streams
 * A handle is a value. It stays valid until TN_MUX_CLOSED for it has been
 * returned, or until tn_stream_reset() returned TN_OK; after that every
 * call with it gives TN_ERR_STALE, never undefined behaviour. */
typedef struct tn_stream {
    uint32_t slot, gen;
} tn_stream;
#define TN_STREAM_NONE_SLOT 0xffffffffu

/* Priority class: 0 control, 1 interactive, 2 normal (default), 3 bulk.
 * Weight 1..255 (16 default) within the class. Local matter: nothing is sent. */

/* Open a stream. Nothing is on the wire until the next gather: if bytes are
 * queued by then, SYN rides on the first DATA frame, else on WINDOW_UPDATE.
 * Errors: AGAIN, LIMIT, GOAWAY, EXHAUSTED, CLOSED, NOMEM. */
TN_API tn_error tn_stream_open(tn_mux *s, void *user, tn_stream *out);
/* Accept a TN_MUX_NEW stream: the ACK goes out with the next gather. Do it
 * before dialling the local service, and reset later if the dial fails. */
TN_API tn_error tn_stream_accept(tn_mux *s, tn_stream st, void *user);
TN_API tn_error tn_stream_set_user(tn_mux *s, tn_stream st, void *user);
TN_API tn_error tn_stream_set_priority(tn_mux *s, tn_stream st, uint8_t prio_class, uint8_t weight);

/* Bytes the caller may append to its own send queue for this stream now
 * (pending_high and session_pending_high minus what is queued). 0: stop
 * reading the producer until TN_MUX_WRITABLE. */
TN_API size_t tn_stream_space(const tn_mux *s, tn_stream st);
/* Tell the core that the caller appended `n` bytes to its send queue. The
 * bytes stay the caller's until a gathered frame names them. More than
 * tn_stream_space() is accepted, up to 1 GiB per stream; then TN_ERR_LIMIT.
 * After shutdown/close: TN_ERR_STATE. */
TN_API tn_error tn_stream_queued(tn_mux *s, tn_stream st, size_t n);
/* The stream's source has bytes that nobody has counted yet (a readable
 * socket): schedule it; `pull` of gather_copy says how many there were. */
TN_API tn_error tn_stream_ready(tn_mux *s, tn_stream st);
/* Half-close: FIN follows the last queued byte, as a zero-length DATA frame of
 * its own (never on a frame with payload: go-yamux loses it). Idempotent. */
TN_API tn_error tn_stream_shutdown(tn_mux *s, tn_stream st);
/* Full close by an owner that is gone: shutdown, then inbound bytes are
 * dropped and re-granted for linger_ms/linger_bytes, then RST. No DATA or FIN
 * events follow; TN_MUX_CLOSED does. */
TN_API tn_error tn_stream_close(tn_mux *s, tn_stream st);
/* Abort: RST overtakes queued data; the handle is dead on return and no event
 * follows. The caller drops its queue. `code` is TN_RST_*. */
TN_API tn_error tn_stream_reset(tn_mux *s, tn_stream st, uint32_t code);
/* `n` delivered bytes have left the caller's memory (written to the local
 * socket, not merely buffered). This is what re-opens the peer's window.
 * More than was delivered: TN_ERR_INVAL. */
TN_API tn_error tn_stream_consumed(tn_mux *s, tn_stream st, size_t n);

typedef struct tn_stream_info {
    uint32_t id; /* 0 while SYN has not been gathered */
    void *user;
    uint8_t outbound, acked, fin_sent, fin_received, prio_class, weight;
    uint32_t send_credit; /* bytes the peer still allows */
    uint32_t pending;     /* queued by the caller, not yet gathered */
    uint32_t recv_credit; /* bytes the peer may still send */
    uint32_t unconsumed;  /* delivered, not consumed */
    uint32_t window;      /* what recv_credit and unconsumed may add up to */
} tn_stream_info;
TN_API tn_error tn_stream_get_info(const tn_mux *s, tn_stream st, tn_stream_info *out);
/* Walk the streams whose handles are valid: *cursor starts at 0; false at the end. Safe if
 * streams open or close meanwhile, but then some may be missed. */
TN_API bool tn_mux_iter(const tn_mux *s, uint32_t *cursor, tn_stream *out);

/* ----------------------------------------------------------------- input */
typedef enum tn_mux_event_type {
    TN_MUX_NONE = 0,      /* input used up, nothing to report */
    TN_MUX_NEW,           /* peer opened .stream: accept, reset, or later */
    TN_MUX_ACKED,         /* peer accepted .stream (explicitly or by a frame) */
    TN_MUX_DATA,          /* .data/.len for .stream, see below */
    TN_MUX_FIN,           /* peer will send no more on .stream */
    TN_MUX_WRITABLE,      /* tn_stream_space() > 0 again after it was 0 */
    TN_MUX_CLOSED,        /* .stream is over: .reason, .code. Last event; what was
                             delivered and not consumed is the caller's own now */
    TN_MUX_OPENABLE,      /* tn_stream_open() will not say AGAIN any more */
    TN_MUX_PONG,          /* answer to tn_mux_ping(): .rtt_us */
    TN_MUX_GOAWAY,        /* peer said GOAWAY 0: no new streams, go on */
    TN_MUX_DRAINED,       /* tn_mux_drain(): nothing left, GOAWAY gathered: close now */
    TN_MUX_SESSION_ERROR, /* .reason, .code: gather once more (GOAWAY), close.
                             TN_MUX_CLOSED for every stream follows */
    TN_MUX_REPLIES        /* a ring of replies is half full: gather now if the
                             output has room. Else go on; overfull is a flood */
} tn_mux_event_type;

typedef struct tn_mux_event {
    tn_mux_event_type type;
    tn_stream stream;    /* for stream events */
    void *user;          /* that stream's user pointer */
    const uint8_t *data; /* DATA: points into the caller's input slice;
                            valid until the caller reuses that memory */
    size_t len;          /* DATA: 1..; a frame may come in many pieces */
    uint32_t id;         /* NEW: wire id */
    uint32_t reason;     /* tn_close_reason or tn_mux_reason */
    uint32_t code;       /* RST or GOAWAY code */
    uint64_t rtt_us;     /* PONG */
} tn_mux_event;

/* Parse on until there is something to say. Advances `in`; call again until
 * TN_MUX_NONE. `in` may be NULL or empty: then only pending events and due
 * timers are reported. Never needs output space, so reading never has to wait
 * for writing. After TN_MUX_SESSION_ERROR input is ignored. */
TN_API tn_mux_event_type tn_mux_next(tn_mux *s, tn_slice *in, uint64_t now_us, tn_mux_event *ev);

/* Direct placement: if the parser stands inside a DATA payload, gives the
 * number of payload bytes still to come and whose they are; 0 otherwise (or
 * if they will be discarded). The caller may then read up to that many bytes
 * from the transport straight into the stream's buffer ... */
TN_API size_t tn_mux_rx_hint(const tn_mux *s, tn_stream *st, void **user);
/* ... and report them here instead of passing them through next(). They count
 * as delivered. More than the hint: TN_ERR_INVAL. Call next() afterwards. */
TN_API tn_error tn_mux_rx_placed(tn_mux *s, size_t n, uint64_t now_us);

/* ---------------------------------------------------------------- output
 * Late binding: ask for frames only when the transport can take them. What
 * has been gathered must be sent completely, in order, or the session failed. */
typedef struct tn_mux_frame {
    uint8_t hdr[TN_FRAME_SIZE];
    uint32_t payload_len; /* take this many bytes from the head of the
                             caller's send queue of `stream`; 0: none */
    tn_stream stream;     /* slot == TN_STREAM_NONE_SLOT for session frames */
    void *user;           /* stream user pointer */
} tn_mux_frame;

/* Fill up to max_frames frames totalling at most max_bytes (headers included; at least one
 * frame if anything is ready and max_bytes >= 2060; in less room only what fits whole).
 * Order: PONG/PING/GOAWAY, RST, WINDOW_UPDATE, then data by deficit round robin, with at most
 * 4 KiB of control between two frames of data. Serves queued bytes only: a stream that is just
 * ready loses that mark here. */
TN_API size_t tn_mux_gather(tn_mux *s, uint64_t now_us, size_t max_bytes, tn_mux_frame *frames,
                            size_t max_frames);
/* Same, into one contiguous buffer (the link's output). `pull` writes the next bytes of the
 * stream to dst and returns how many: at least those announced by tn_stream_queued(), up to
 * `len`. After tn_stream_ready() `len` is all that credit, frame and room allow; fewer means
 * that nothing is left, counted or not, and the stream is not ready any more. No frame is made
 * of 0 bytes. A ready stream that lacks credit stays ready. `pull` must not call the core. */
typedef size_t (*tn_pull_fn)(void *ctx, tn_stream st, void *user, uint8_t *dst, size_t len);
TN_API size_t tn_mux_gather_copy(tn_mux *s, uint64_t now_us, uint8_t *dst, size_t cap,
                                 tn_pull_fn pull, void *ctx);
/* Whether a gather with room enough would make a frame (or ask a ready source for one). */
TN_API bool tn_mux_want_write(const tn_mux *s);
/* Absolute time for the next tn_mux_next(s, NULL, ...): not later than now if a gather or a
 * call has left events to report; UINT64_MAX: none. */
TN_API uint64_t tn_mux_next_timeout(const tn_mux *s);
/* Optional knowledge from the transport (TCP_INFO). 0 = unknown. Used for frame sizes until the
 * mux has measured for itself, and for the least round-trip time, never instead of pings. */
TN_API void tn_mux_transport_hint(tn_mux *s, uint32_t min_rtt_us, uint64_t delivery_bytes_per_s);

/* --------------------------------------------------------------- control */
TN_API tn_error tn_mux_ping(tn_mux *s, uint64_t now_us);
/* Stop accepting; let live streams finish; after deadline_ms reset the rest
 * (0: no deadline). Sends GOAWAY 0 now, or at the end with
 * TN_Q_GOAWAY_FATAL. TN_MUX_DRAINED when done. */
TN_API tn_error tn_mux_drain(tn_mux *s, uint64_t now_us, uint32_t deadline_ms);
/* Fail the session: GOAWAY goaway_code (0..2) is gathered, streams close. */
TN_API tn_error tn_mux_fail(tn_mux *s, uint32_t goaway_code);
/* The transport broke: streams close with TN_CR_SESSION. */
TN_API void tn_mux_transport_lost(tn_mux *s);
/* For a resumable carrier under the session: freeze and thaw all timers. The
 * parser keeps its position; gathered bytes are the carrier's to replay. */
TN_API void tn_mux_suspend(tn_mux *s, uint64_t now_us);
TN_API void tn_mux_resume(tn_mux *s, uint64_t now_us);

typedef struct tn_mux_stats {
    uint32_t streams_in, streams_out, unacked, unaccepted;
    uint64_t opened, accepted, refused_by_peer, refused_by_us;
    uint64_t resets_in, resets_out;
    uint64_t frames_in, frames_out, header_bytes_in, header_bytes_out;
    uint64_t payload_in, payload_out, discarded_in, unknown_stream_frames;
    uint64_t pending, buffered, window_granted;
    uint64_t rtt_last_us, rtt_smoothed_us;
    uint64_t rtt_min_us; /* of the last 30 s, or older if the link was never quiet since */
    uint64_t glitches, evicted;
    uint64_t blocked_on_credit; /* streams with bytes to send and no credit */
    uint64_t rate_in;           /* bytes/s received, the best of late */
    uint64_t bdp;               /* that times rtt_min */
    uint64_t rate_out;          /* bytes/s gathered while more was waiting; 0: never for 0.1 s */
    uint64_t windows_grown, windows_shrunk;
} tn_mux_stats;
TN_API void tn_mux_get_stats(const tn_mux *s, tn_mux_stats *out);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* TUNNEL_MUX_H */
