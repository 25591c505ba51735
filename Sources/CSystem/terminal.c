// The terminal's modes while an answer streams, kept here so that a handler can put them back.
#define _GNU_SOURCE  // wcwidth
#include "CSystem.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

static const int ending_signals[] = {SIGTERM, SIGHUP, SIGQUIT};
enum { ENDING_SIGNALS = sizeof ending_signals / sizeof *ending_signals };

static struct termios saved_modes;
static struct sigaction saved_actions[ENDING_SIGNALS];
static int quiet_descriptor = -1;
static bool paste_is_bracketed;
static atomic_bool quiet;

static void write_sequence(const char *sequence) {
  ssize_t written = write(quiet_descriptor, sequence, strlen(sequence));
  (void)written;
}

// Restores the terminal, then lets the signal have the action it had before.
static void handle_ending(int signal_number) {
  hypnos_restore_terminal();
  raise(signal_number);
}

bool hypnos_quiet_terminal(int descriptor, bool bracketed_paste) {
  if (atomic_load(&quiet)) return true;
  if (tcgetattr(descriptor, &saved_modes) != 0) return false;
  quiet_descriptor = descriptor;
  paste_is_bracketed = bracketed_paste;
  struct sigaction action = {0};
  action.sa_handler = handle_ending;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGTTOU);
  for (int place = 0; place < ENDING_SIGNALS; place++) {
    sigaction(ending_signals[place], NULL, &saved_actions[place]);
  }
  atomic_store(&quiet, true);
  for (int place = 0; place < ENDING_SIGNALS; place++) {
    sigaction(ending_signals[place], &action, NULL);
  }
  struct termios modes = saved_modes;
  modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  modes.c_cc[VMIN] = 1;
  modes.c_cc[VTIME] = 0;
  tcsetattr(descriptor, TCSANOW, &modes);
  if (bracketed_paste) write_sequence("\033[?2004h");
  return true;
}

void hypnos_restore_terminal(void) {
  if (!atomic_exchange(&quiet, false)) return;
  if (paste_is_bracketed) write_sequence("\033[?2004l");
  tcsetattr(quiet_descriptor, TCSANOW, &saved_modes);
  for (int place = 0; place < ENDING_SIGNALS; place++) {
    sigaction(ending_signals[place], &saved_actions[place], NULL);
  }
}

int hypnos_terminal_columns(int descriptor) {
  struct winsize size;
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int hypnos_character_columns(uint32_t character) {
  int width = wcwidth((wchar_t)character);
  return width > 0 ? width : 0;
}
