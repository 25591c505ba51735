// What an instruction set can do at best, for speeds to be held against: how fast bytes can be read, and how many
// 8-bit multiply-accumulates are done on registers alone, with the instructions this set's kernels use.
//
// The including file defines HYPNOS_PEAK_VNNI or HYPNOS_PEAK_AVX2; without either it is plain C.
#ifndef HYPNOS_LIMITS_H
#define HYPNOS_LIMITS_H

#include "floats.h"

typedef uint64_t words __attribute__((vector_size(64)));
typedef uint64_t words_anywhere __attribute__((vector_size(64), aligned(1)));

// As far ahead as the streaming kernels fetch, in bytes.
enum { READ_AHEAD = 4096 };

// Adds up `count` bytes as 64-bit words, a cache line at a time; a tail shorter than four lines is left out.
static uint64_t read_bytes(const uint8_t *bytes, size_t count) {
  words sums[4] = {0};
  for (size_t at = 0; at + sizeof sums <= count; at += sizeof sums) {
    for (size_t i = 0; i < 4; i++) {
      const uint8_t *line = bytes + at + i * sizeof(words);
      __builtin_prefetch(line + READ_AHEAD);
      sums[i] += *(const words_anywhere *)line;
    }
  }
  words sum = sums[0] + sums[1] + sums[2] + sums[3];
  uint64_t total = 0;
  for (int i = 0; i < 8; i++) total += sum[i];
  return total;
}

// integer_peak runs `rounds` rounds of multiply-accumulates and returns how many that were. KEEP makes a register
// look changed, at no cost, so that no step can be left out, shared with another or put elsewhere.
#if defined(HYPNOS_PEAK_VNNI)

#define KEEP(x) __asm__ volatile("" : "+v"(x))

// Twelve sums hide the latency of vpdpbusd.
static size_t integer_peak(size_t rounds) {
  enum { SUMS = 12 };
  __m512i sums[SUMS], codes = _mm512_set1_epi8(3), values = _mm512_set1_epi8(5);
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_si512();
  for (size_t round = 0; round < rounds; round++) {
    for (int i = 0; i < SUMS; i++) {
      KEEP(codes);
      sums[i] = _mm512_dpbusd_epi32(sums[i], codes, values);
    }
  }
  for (int i = 0; i < SUMS; i++) KEEP(sums[i]);
  return rounds * SUMS * 64;
}

#elif defined(HYPNOS_PEAK_AVX2)

#define KEEP(x) __asm__ volatile("" : "+x"(x))

// Eight products of 32 are added in 16 bits before they are widened, as many as the kernels add of 4-bit codes.
static size_t integer_peak(size_t rounds) {
  enum { SUMS = 4, PRODUCTS = 8 };
  __m256i sums[SUMS], codes = _mm256_set1_epi8(3), values = _mm256_set1_epi8(5), ones = _mm256_set1_epi16(1);
  for (int i = 0; i < SUMS; i++) sums[i] = _mm256_setzero_si256();
  for (size_t round = 0; round < rounds; round++) {
    for (int i = 0; i < SUMS; i++) {
      __m256i pairs = _mm256_setzero_si256();
      for (int p = 0; p < PRODUCTS; p++) {
        KEEP(codes);
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(codes, values));
      }
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
    }
  }
  for (int i = 0; i < SUMS; i++) KEEP(sums[i]);
  return rounds * SUMS * PRODUCTS * 32;
}

#else

static size_t integer_peak(size_t rounds) {
  enum { COUNT = 512 };
  uint8_t codes[COUNT];
  int8_t values[COUNT];
  memset(codes, 3, COUNT);
  memset(values, 5, COUNT);
  for (size_t round = 0; round < rounds; round++) {
    __asm__ volatile("" : : "r"(codes), "r"(values) : "memory");
    int32_t sum = 0;
    for (int i = 0; i < COUNT; i++) sum += codes[i] * values[i];
    __asm__ volatile("" : : "r"(sum));
  }
  return rounds * COUNT;
}

#endif

#define HYPNOS_LIMIT_KERNELS .read_bytes = read_bytes, .integer_peak = integer_peak

#endif
