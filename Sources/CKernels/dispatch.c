// Which tables this processor and operating system can run, and the layout of quantized columns.

#include "CKernels.h"

extern const hypnos_kernels hypnos_scalar_kernels;

_Static_assert(
  sizeof(hypnos_column_group) == HYPNOS_GROUP_BLOCKS * sizeof(hypnos_column_block), "columns are as long either way");

size_t hypnos_column_bytes(size_t width) { return hypnos_group_count(width) * sizeof(hypnos_column_group); }

// A panel of 32 rows: codes, and two scales and two minima for each block of 32.
size_t hypnos_scratch_bytes(size_t width) {
  return hypnos_group_count(width) * HYPNOS_GROUP_BLOCKS * 32 * (HYPNOS_BLOCK + 4 * 4);
}

#if defined(__x86_64__)
#include <cpuid.h>

extern const hypnos_kernels hypnos_avx2_kernels, hypnos_avx512vnni_kernels;

// The register states that the operating system saves, from XCR0: 0xe6 covers AVX-512, 0x06 AVX.
static uint64_t saved_states(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static int can_run_avx2(void) {
  unsigned a, b, c, d, a7, b7, c7, d7;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) return 0;
  unsigned needed = bit_FMA | bit_F16C | bit_AVX;
  return (saved_states() & 0x06) == 0x06 && (c & needed) == needed && (b7 & bit_AVX2);
}

static int can_run_avx512vnni(void) {
  unsigned a, b, c, d;
  if (!can_run_avx2() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  unsigned needed = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  return (saved_states() & 0xe6) == 0xe6 && (b & needed) == needed && (c & bit_AVX512VNNI);
}

const hypnos_kernels *hypnos_available_kernels(size_t index) {
  const hypnos_kernels *tables[4] = {0};
  size_t count = 0;
  if (can_run_avx512vnni()) tables[count++] = &hypnos_avx512vnni_kernels;
  if (can_run_avx2()) tables[count++] = &hypnos_avx2_kernels;
  tables[count++] = &hypnos_scalar_kernels;
  return index < count ? tables[index] : 0;
}
#else
const hypnos_kernels *hypnos_available_kernels(size_t index) {
  return index == 0 ? &hypnos_scalar_kernels : 0;
}
#endif
