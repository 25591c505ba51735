// Ctrl-C as a flag. The handler only records it; who computes looks at the flag between tokens, and
// who waits for a key polls the wake descriptor as well, so that no interrupt slips in between.
#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
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

void hypnos_ignore_broken_pipes(void) {
  signal(SIGPIPE, SIG_IGN);
}
