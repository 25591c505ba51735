// GNU Readline as the system has it, 8.1 or newer (bracketed paste, rl_check_signals), and functions
// for what it does through global variables, which Swift 6 rightly refuses to touch.
#ifndef HYPNOS_CREADLINE_H
#define HYPNOS_CREADLINE_H

#include <stdbool.h>
#include <stdio.h>

#include <readline/history.h>
#include <readline/readline.h>

/// Sets Readline up: signals seen to even while the program waits for a key, words that end at spaces
/// alone, `complete` for the tab key, and standard error as its terminal when standard output is none.
static inline void hypnos_configure_readline(bool output_is_terminal, rl_completion_func_t *complete) {
  rl_readline_name = "hypnos";
  rl_catch_signals = 1;
  rl_persistent_signal_handlers = 1;
  rl_change_environment = 0;
  rl_completer_word_break_characters = " ";
  rl_attempted_completion_function = complete;
  if (!output_is_terminal) rl_outstream = stderr;
  rl_initialize();
}

/// The line being edited. Called by a completion function, which thereby also says that its matches
/// are all there are, that they are listed by their last path component, and that nothing follows them.
static inline const char *hypnos_line_to_complete(void) {
  rl_attempted_completion_over = 1;
  rl_filename_completion_desired = 1;
  rl_completion_append_character = 0;
  return rl_line_buffer;
}

/// The newest line of the history, NULL when it is empty.
static inline const char *hypnos_newest_history_line(void) {
  HIST_ENTRY *entry = history_get(history_base + history_length - 1);
  return entry ? entry->line : NULL;
}

#endif
