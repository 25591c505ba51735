// What must be safe inside a signal handler: the message for a mapped file that shrank, the
// interrupt flag, and the terminal's modes, which every violent end must put back. It is C because
// Swift promises nothing about code that runs in a handler.
#ifndef HYPNOS_CSYSTEM_H
#define HYPNOS_CSYSTEM_H

#include <stdbool.h>
#include <stdint.h>

// MARK: Mapped files

/// The number of mappings that can be watched at a time.
#define HYPNOS_WATCHED_MAPPINGS 256

/// Makes SIGBUS inside a watched mapping end the program with a message that names the file and the
/// byte, and exit code 1. Anywhere else SIGBUS keeps its default action.
void hypnos_install_fault_handler(void);

/// Watches `length` bytes at address `start`, the mapping of the file called `name` (a name over 1,023
/// bytes is shortened). False when all places are taken: the file is then not watched.
bool hypnos_watch_mapping(uintptr_t start, uintptr_t length, const char *name);

/// Ends the watch over the mapping that begins at `start`; call it before unmapping.
void hypnos_unwatch_mapping(uintptr_t start);

// MARK: Interrupts

/// Makes SIGINT set a flag and wake whoever polls the wake descriptor, and do nothing else.
void hypnos_install_interrupt_handler(void);

/// Makes SIGINT, SIGTERM and SIGHUP set the same flag, and the first of them write `message` (at most 255 bytes) to
/// standard error. A later SIGINT or SIGTERM ends the program, unless it comes within a third of a second. One that is
/// ignored, as under nohup, stays so.
void hypnos_install_stop_handler(const char *message);

/// Gives SIGINT its default action back.
void hypnos_remove_interrupt_handler(void);

/// Whether SIGINT arrived since the flag was last cleared.
bool hypnos_interrupted(void);

/// Clears the flag and empties the wake descriptor.
void hypnos_clear_interrupt(void);

/// A descriptor that is readable while the flag is set, for poll(2); -1 without the handler.
int hypnos_interrupt_descriptor(void);

/// Makes a write to a closed pipe return EPIPE, and one beyond the largest size of files EFBIG, instead of ending the
/// program.
void hypnos_ignore_write_signals(void);

// MARK: The terminal

/// Turns echo and line buffering off on the terminal `descriptor`, so that what is typed meanwhile
/// neither garbles the output nor is lost; Ctrl-C keeps its meaning. With `bracketed_paste` the
/// terminal goes on marking pasted text. Until the matching call of `hypnos_restore_terminal`,
/// SIGTERM, SIGHUP, SIGQUIT and a fault in a mapping restore the terminal first.
/// False when it is no terminal.
bool hypnos_quiet_terminal(int descriptor, bool bracketed_paste);

/// Undoes `hypnos_quiet_terminal`; does nothing without it. Safe in a signal handler.
void hypnos_restore_terminal(void);

/// The width of the terminal `descriptor` in columns, 0 when it is none or does not say.
int hypnos_terminal_columns(int descriptor);

/// The columns that the Unicode character `character` takes in the current locale: 2 for Chinese ones,
/// 0 for combining marks and for what cannot be shown.
int hypnos_character_columns(uint32_t character);

#endif
