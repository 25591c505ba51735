// How four rows of each quantized format become `four_rows`, with AVX2. Included by avx2.c after scales.h.
#ifndef HYPNOS_AVX2ROWS_H
#define HYPNOS_AVX2ROWS_H

ALWAYS_INLINE __m256i load_256(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

ALWAYS_INLINE __m256i load_two(const void *a, const void *b) {
  __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a));
  return _mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)b), 1);
}

ALWAYS_INLINE __m256i load_twice(const void *p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}

// Shifts the lower 16 bytes right by `low` bits and the upper by `high`, and masks every byte.
ALWAYS_INLINE __m256i shift_and_mask(__m256i x, int low, int high, int mask) {
  __m256i counts = _mm256_set_epi64x(high, high, low, low);
  return _mm256_and_si256(_mm256_srlv_epi64(x, counts), _mm256_set1_epi8((char)mask));
}

// `value` in every byte whose bit is set: bit number `low` in the lower 16 bytes, `high` in the upper.
ALWAYS_INLINE __m256i value_where(__m256i bits, int low, int high, int value) {
  __m128i a = _mm_set1_epi8((char)(1 << low)), b = _mm_set1_epi8((char)(1 << high));
  __m256i mask = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(bits, mask), mask), _mm256_set1_epi8((char)value));
}

// The 16 bytes of nibbles at `a` and at `b`, the ends of two blocks, become codes: low nibbles, then high ones.
ALWAYS_INLINE void split_nibbles(const uint8_t *a, const uint8_t *b, int pair, __m256i codes[2][2]) {
  __m256i x = load_two(a, b), mask = _mm256_set1_epi8(15);
  codes[0][pair] = _mm256_and_si256(x, mask);
  codes[1][pair] = _mm256_and_si256(_mm256_srli_epi16(x, 4), mask);
}

// The nibbles of four blocks of `size` bytes, which start `header` bytes into each.
ALWAYS_INLINE void split_group(const uint8_t *group, size_t size, size_t header, __m256i codes[2][2]) {
  for (int pair = 0; pair < 2; pair++) {
    const uint8_t *qs = group + (size_t)pair * 2 * size + header;
    split_nibbles(qs, qs + size, pair, codes);
  }
}

// The 32 bits at the start of every block of `size` bytes, [block][row]: an f16 scale and, in some formats, a minimum.
// They go straight into registers: a vector read over narrow stores would wait until those have reached the cache.
ALWAYS_INLINE void load_headers(const uint8_t *const rows[4], size_t size, __m128i headers[4]) {
  for (size_t b = 0; b < 4; b++) {
    int32_t h[4];
    for (size_t r = 0; r < 4; r++) memcpy(&h[r], rows[r] + b * size, 4);
    headers[b] = _mm_setr_epi32(h[0], h[1], h[2], h[3]);
  }
}

// Sixteen words, each an f16 number above which are zeros, as floats.
ALWAYS_INLINE floats widen_words(const __m128i words[4]) {
  return widen_sixteen(_mm_packus_epi32(words[0], words[1]), _mm_packus_epi32(words[2], words[3]));
}

ALWAYS_INLINE floats lower_halves(const __m128i headers[4]) {
  __m128i words[4];
  for (int b = 0; b < 4; b++) words[b] = _mm_blend_epi16(headers[b], _mm_setzero_si128(), 0xaa);
  return widen_words(words);
}

ALWAYS_INLINE floats upper_halves(const __m128i headers[4]) {
  __m128i words[4];
  for (int b = 0; b < 4; b++) words[b] = _mm_srli_epi32(headers[b], 16);
  return widen_words(words);
}

// The scales, and for a format with minima those, of blocks of `size` bytes that begin with them, [block][row].
ALWAYS_INLINE void load_scales(const uint8_t *const rows[4], size_t size, int minimum, four_rows *g) {
  __m128i headers[4];
  load_headers(rows, size, headers);
  g->scales[0] = lower_halves(headers);
  if (minimum) g->minima[0] = -upper_halves(headers);
}

ALWAYS_INLINE void load_q4_0(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) split_group(rows[r], 18, 2, g->codes[r]);
  load_scales(rows, 18, 0, g);
}

ALWAYS_INLINE void load_q4_1(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) split_group(rows[r], 20, 4, g->codes[r]);
  load_scales(rows, 20, 1, g);
}

// Adds 16 where the 32 bits that stand `offset` bytes into each block of `size` bytes are set.
ALWAYS_INLINE void add_fifth_bits(const uint8_t *group, size_t size, size_t offset, __m256i codes[2][2]) {
  __m256i low = _mm256_set_epi64x(0x0101010101010101, 0, 0x0101010101010101, 0);
  __m256i mask = _mm256_set1_epi64x((long long)0x8040201008040201), sixteen = _mm256_set1_epi8(16);
  for (size_t pair = 0; pair < 2; pair++) {
    int32_t bits[2];
    for (size_t i = 0; i < 2; i++) memcpy(&bits[i], group + (2 * pair + i) * size + offset, 4);
    __m256i both = _mm256_setr_epi32(bits[0], bits[0], bits[0], bits[0], bits[1], bits[1], bits[1], bits[1]);
    for (int h = 0; h < 2; h++) {
      __m256i spread = _mm256_shuffle_epi8(both, _mm256_add_epi8(low, _mm256_set1_epi8((char)(2 * h))));
      __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, mask), mask);
      codes[h][pair] = _mm256_or_si256(codes[h][pair], _mm256_and_si256(set, sixteen));
    }
  }
}

ALWAYS_INLINE void load_q5_0(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    split_group(rows[r], 22, 6, g->codes[r]);
    add_fifth_bits(rows[r], 22, 2, g->codes[r]);
  }
  load_scales(rows, 22, 0, g);
}

ALWAYS_INLINE void load_q5_1(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    split_group(rows[r], 24, 8, g->codes[r]);
    add_fifth_bits(rows[r], 24, 4, g->codes[r]);
  }
  load_scales(rows, 24, 1, g);
}

ALWAYS_INLINE void load_q8_0(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++)
      for (size_t pair = 0; pair < 2; pair++) {
        const uint8_t *qs = rows[r] + 2 * pair * sizeof(block_q8_0) + 2 + 16 * h;
        g->codes[r][h][pair] = load_two(qs, qs + sizeof(block_q8_0));
      }
  load_scales(rows, 34, 0, g);
}

ALWAYS_INLINE void load_q2_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++) {
      __m256i qs = load_twice(((const block_q2_k *)rows[r])->qs + 32 * half + 16 * h);
      for (int pair = 0; pair < 2; pair++) g->codes[r][h][pair] = shift_and_mask(qs, 4 * pair, 4 * pair + 2, 3);
    }
  scales_q2_k(rows, half, g->scales, g->minima);
}

// `value` where the bits of a super-block's group are set, of the blocks of `pair`.
ALWAYS_INLINE __m256i high_bits(const uint8_t *bits, size_t half, int pair, int value) {
  __m256i twice = load_twice(bits);
  return half ? value_where(twice, 4 + 2 * pair, 5 + 2 * pair, value)
              : value_where(twice, 2 * pair, 1 + 2 * pair, value);
}

ALWAYS_INLINE void load_q3_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++) {
      const block_q3_k *b = (const block_q3_k *)rows[r];
      __m256i qs = load_twice(b->qs + 32 * half + 16 * h);
      for (int pair = 0; pair < 2; pair++)
        g->codes[r][h][pair] = _mm256_or_si256(
          shift_and_mask(qs, 4 * pair, 4 * pair + 2, 3), high_bits(b->hmask + 16 * h, half, pair, 4));
    }
  scales_q3_k(rows, half, g->scales);
}

// The nibbles of Q4_K and Q5_K: 32 low ones make a block, the 32 high ones of the same bytes the next.
ALWAYS_INLINE __m256i k4_nibbles(const uint8_t *qs, size_t h, int pair) {
  return shift_and_mask(load_twice(qs + 32 * pair + 16 * h), 0, 4, 15);
}

ALWAYS_INLINE void load_q4_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++)
      for (int pair = 0; pair < 2; pair++)
        g->codes[r][h][pair] = k4_nibbles(((const block_q4_k *)rows[r])->qs + 64 * half, h, pair);
  scales_k4(rows, half, &g->scales[0], &g->minima[0]);
}

ALWAYS_INLINE void load_q5_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++)
      for (int pair = 0; pair < 2; pair++) {
        const block_q5_k *b = (const block_q5_k *)rows[r];
        g->codes[r][h][pair] = _mm256_or_si256(
          k4_nibbles(b->qs + 64 * half, h, pair), high_bits(b->qh + 16 * h, half, pair, 16));
      }
  scales_k4(rows, half, &g->scales[0], &g->minima[0]);
}

ALWAYS_INLINE void load_q6_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++) {
      const block_q6_k *b = (const block_q6_k *)rows[r];
      const uint8_t *ql = b->ql + 64 * half + 16 * h;
      __m256i low = load_two(ql, ql + 32), high = load_twice(b->qh + 32 * half + 16 * h);
      for (int pair = 0; pair < 2; pair++) {
        __m256i top = _mm256_slli_epi16(shift_and_mask(high, 4 * pair, 4 * pair + 2, 3), 4);
        g->codes[r][h][pair] = _mm256_or_si256(shift_and_mask(low, 4 * pair, 4 * pair, 15), top);
      }
    }
  scales_q6_k(rows, half, g->scales);
}

ALWAYS_INLINE void look_up_iq4(__m256i codes[2][2]) {
  __m256i values = load_twice(iq4_values);
  for (int h = 0; h < 2; h++)
    for (int pair = 0; pair < 2; pair++) codes[h][pair] = _mm256_shuffle_epi8(values, codes[h][pair]);
}

ALWAYS_INLINE void load_iq4_nl(const uint8_t *const rows[4], size_t half, four_rows *g) {
  load_q4_0(rows, half, g);
  for (int r = 0; r < 4; r++) look_up_iq4(g->codes[r]);
}

ALWAYS_INLINE void load_iq4_xs(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    const uint8_t *qs = ((const block_iq4_xs *)rows[r])->qs + 64 * half;
    for (int pair = 0; pair < 2; pair++) split_nibbles(qs + 32 * pair, qs + 32 * pair + 16, pair, g->codes[r]);
    look_up_iq4(g->codes[r]);
  }
  scales_iq4_xs(rows, half, &g->scales[0]);
}

#endif
