/* SPDX-License-Identifier: ISC */
/*
 * A mux under test follows a script and leaves a trace, both one line of text. Steps and traces
 * are separated by "; ". In both, p1 p2 ... are the ids that the peer opens, in order, o1 o2 ...
 * those that we open, so every row runs in the client's and the server's role.
 *
 * Steps:   > TYPE ID LENGTH   a frame arrives; its body too, unless LENGTH ends in "!"
 *          open | accept ID | queue ID N | ready ID | shutdown ID | close ID | reset ID CODE
 *          consume ID N | ping | drain MS | fail CODE | lost | gather | wait MS
 * TYPE:    D W P G (data, window, ping, go away), then flags S A F R, X for an unknown one
 * Traces:  events by their names, "TYPE ID LENGTH" for gathered frames, "=N" for errors
 */
#ifndef MUX_SCRIPT_H
#define MUX_SCRIPT_H

#include <tunnel/mux.h>

struct script_row {
    const char *claim;
    const char *steps;
    const char *trace;
};

enum { script_trace_size = 4096 };

struct script {
    tn_mux_pool *pool;
    tn_mux *mux;
    tn_role role;
    uint64_t now_us;
    unsigned slice; /* input bytes for each call; 0: random */
    unsigned random;
    unsigned opened;
    tn_stream peers[320], ours[320];
    char trace[script_trace_size];
    size_t merge_id, merge_at, merge_sum; /* the DATA events at the end of the trace */
};

/* `config` may be NULL. The first ping has been gathered already. */
void script_begin(struct script *script, tn_role role, const tn_mux_config *config);
void script_end(struct script *script);
void script_run(struct script *script, const char *steps);
/* Runs the row in both roles, with input in one piece, byte by byte and at random. */
void script_check(const struct script_row *row, const tn_mux_config *config);
/* A CMocka program of rows and nothing else. */
int script_main(const struct script_row *rows, size_t count);
/* CMocka's test function for a row as its initial state. */
void script_test(void **state);

#define SCRIPT_TEST(row)                                                                           \
    {                                                                                              \
        (row).claim, script_test, NULL, NULL, (void *)&(row)                                       \
    }

#endif
