// Ctrl-C as a flag. The handler only records it; who computes looks at the flag between tokens, and
// who waits for a key polls the wake descriptor as well, so that no interrupt slips in between.
#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_bool interrupted;
static int wake_pipe[2] = {-1, -1};

static void handle_interrupt(int signal_number) {
  (void)signal_number;
  int saved_errno = errno;
  atomic_store(&interrupted, true);
  // A full pipe is as good as one more byte, so the result does not matter.
  ssize_t written = write(wake_pipe[1], "", 1);
  (void)written;
  errno = saved_errno;
}

void hypnos_install_interrupt_handler(void) {
  if (wake_pipe[0] < 0 && pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
    wake_pipe[0] = wake_pipe[1] = -1;
  }
  struct sigaction action = {0};
  action.sa_handler = handle_interrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}

static char stop_message[256];
// When the first signal came, in milliseconds of a clock that is never set.
static atomic_llong stopped_at;

// A shell passes on to its programs what they have got already, within a millisecond: so soon, nobody has meant the
// second one; and after a hang-up nobody is there to mean it.
enum { ECHO_MILLISECONDS = 300 };

static long long milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void handle_stop(int signal_number) {
  int saved_errno = errno;
  if (!atomic_load(&interrupted)) {
    atomic_store(&stopped_at, milliseconds());
    ssize_t written = write(STDERR_FILENO, stop_message, strlen(stop_message));
    (void)written;
  } else if (signal_number != SIGHUP && milliseconds() - atomic_load(&stopped_at) > ECHO_MILLISECONDS) {
    // Whoever does not want to wait can leave at once.
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
  handle_interrupt(signal_number);
  errno = saved_errno;
}

void hypnos_install_stop_handler(const char *message) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  hypnos_install_interrupt_handler();
  strncpy(stop_message, message, sizeof stop_message - 1);
  for (unsigned place = 0; place < sizeof signals / sizeof *signals; place++) {
    struct sigaction action = {0}, before;
    action.sa_handler = handle_stop;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    bool is_ignored = sigaction(signals[place], NULL, &before) == 0 && before.sa_handler == SIG_IGN;
    if (!is_ignored) sigaction(signals[place], &action, NULL);
  }
}

void hypnos_remove_interrupt_handler(void) {
  signal(SIGINT, SIG_DFL);
}

bool hypnos_interrupted(void) {
  return atomic_load(&interrupted);
}

void hypnos_clear_interrupt(void) {
  char bytes[64];
  atomic_store(&interrupted, false);
  if (wake_pipe[0] < 0) return;
  while (read(wake_pipe[0], bytes, sizeof bytes) > 0) {
  }
}

int hypnos_interrupt_descriptor(void) {
  return wake_pipe[0];
}

void hypnos_ignore_write_signals(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}
