// SIGBUS over mapped files. A page of a file that was cut short after it was mapped cannot be read;
// the fault arrives in whichever thread touched it, and all it can do is say so and leave.
#include "CSystem.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { FREE, CLAIMED, WATCHED };

struct watched_mapping {
  _Atomic int state;
  uintptr_t start;
  uintptr_t length;
  char name[1024];
};

// A handler may run at any moment of a change: it looks only at places whose state is WATCHED, which
// is stored after, and withdrawn before, the other members change.
static struct watched_mapping mappings[HYPNOS_WATCHED_MAPPINGS];

bool hypnos_watch_mapping(uintptr_t start, uintptr_t length, const char *name) {
  for (int place = 0; place < HYPNOS_WATCHED_MAPPINGS; place++) {
    struct watched_mapping *mapping = &mappings[place];
    int expected = FREE;
    if (!atomic_compare_exchange_strong(&mapping->state, &expected, CLAIMED)) continue;
    mapping->start = start;
    mapping->length = length;
    strncpy(mapping->name, name, sizeof mapping->name - 1);
    mapping->name[sizeof mapping->name - 1] = 0;
    atomic_store(&mapping->state, WATCHED);
    return true;
  }
  return false;
}

void hypnos_unwatch_mapping(uintptr_t start) {
  for (int place = 0; place < HYPNOS_WATCHED_MAPPINGS; place++) {
    struct watched_mapping *mapping = &mappings[place];
    if (atomic_load(&mapping->state) == WATCHED && mapping->start == start) {
      atomic_store(&mapping->state, FREE);
      return;
    }
  }
}

static void write_text(const char *text) {
  size_t length = strlen(text);
  while (length > 0) {
    ssize_t written = write(STDERR_FILENO, text, length);
    if (written <= 0) return;
    text += written;
    length -= (size_t)written;
  }
}

static void write_number(uintptr_t number) {
  char digits[24];
  char *first = digits + sizeof digits - 1;
  *first = 0;
  do {
    *--first = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  write_text(first);
}

// Set by the first thread whose fault is reported. Threads share out the rows of a product, so that several may meet
// the missing pages at the same moment; the others wait here for the end.
static atomic_flag is_reporting = ATOMIC_FLAG_INIT;

static void handle_fault(int signal_number, siginfo_t *info, void *context) {
  (void)context;
  uintptr_t address = (uintptr_t)info->si_addr;
  for (int place = 0; place < HYPNOS_WATCHED_MAPPINGS; place++) {
    struct watched_mapping *mapping = &mappings[place];
    if (atomic_load(&mapping->state) != WATCHED) continue;
    if (address < mapping->start || address - mapping->start >= mapping->length) continue;
    while (atomic_flag_test_and_set(&is_reporting)) pause();
    hypnos_restore_terminal();
    write_text("hypnos: ");
    write_text(mapping->name);
    write_text(": the file shrank or became unreadable while in use (byte ");
    write_number(address - mapping->start);
    write_text("). Restore it and start again.\n");
    _exit(1);
  }
  // Not ours: the default action takes over as soon as this handler returns and unblocks the signal.
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void hypnos_install_fault_handler(void) {
  struct sigaction action = {0};
  action.sa_sigaction = handle_fault;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGTTOU);  // Restoring the terminal from the background must not stop us.
  sigaction(SIGBUS, &action, NULL);
}
