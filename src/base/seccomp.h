// SPDX-License-Identifier: ISC
//
// A filter of system calls for a process that no init system gave one.

#pragma once

namespace tunnel {

// From now on the calls that a network server never needs fail with EPERM in this thread and
// all that it starts: running programs, looking into processes, mounting, loading code into the
// kernel, setting clocks. For good. Needs harden_process() before. Returns false, and changes
// nothing, if there is a filter already, or none can be had here: an old kernel, another
// processor, a build with a sanitizer, which traces itself.
bool forbid_system_calls();

} // namespace tunnel
