// Scales and minima of super-blocks for four rows at a time, [block][row], the same for every x86 instruction set.
// Included by each set's file after `floats.h`.
#ifndef HYPNOS_SCALES_H
#define HYPNOS_SCALES_H

// Four numbers, each repeated four times, or the four repeated as a whole.
ALWAYS_INLINE floats repeat_each(const float *p) {
  __m128 x = _mm_loadu_ps(p);
  return __builtin_shufflevector(x, x, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
}

ALWAYS_INLINE ints repeat_each_int(const int32_t *p) {
  typedef int32_t four __attribute__((vector_size(16)));
  four x = (four)_mm_loadu_si128((const __m128i *)p);
  return __builtin_shufflevector(x, x, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
}

ALWAYS_INLINE floats repeat_all(__m128 x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
}

// The f16 numbers at byte `offset` of each row's block.
ALWAYS_INLINE __m128 row_halves(const uint8_t *const rows[4], size_t offset) {
  uint16_t h[4];
  for (int r = 0; r < 4; r++) memcpy(&h[r], rows[r] + offset, 2);
  return _mm_cvtph_ps(_mm_setr_epi16((short)h[0], (short)h[1], (short)h[2], (short)h[3], 0, 0, 0, 0));
}

// Sixteen bytes [row][block] become floats [block][row].
ALWAYS_INLINE floats widen_rows(__m128i bytes) {
  __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return __builtin_convertvector((bytes16)_mm_shuffle_epi8(bytes, order), floats);
}

// Eight bytes for each row, [block][half], become floats [block][row] of both halves.
ALWAYS_INLINE void widen_pairs(const __m128i rows[4], floats out[2]) {
  __m128i a = _mm_unpacklo_epi8(rows[0], rows[1]), b = _mm_unpacklo_epi8(rows[2], rows[3]);
  __m128 low = _mm_castsi128_ps(_mm_unpacklo_epi16(a, b)), high = _mm_castsi128_ps(_mm_unpackhi_epi16(a, b));
  out[0] = __builtin_convertvector((bytes16)_mm_shuffle_ps(low, high, 0x88), floats);
  out[1] = __builtin_convertvector((bytes16)_mm_shuffle_ps(low, high, 0xdd), floats);
}

// Q4_K and Q5_K: d, dmin and twelve bytes of packed scales and minima stand at the start of a block.
ALWAYS_INLINE void scales_k4(const uint8_t *const rows[4], size_t half, floats *scales, floats *minima) {
  __m128 x[4];
  for (int r = 0; r < 4; r++) x[r] = _mm_loadu_ps((const float *)(const void *)rows[r]);
  _MM_TRANSPOSE4_PS(x[0], x[1], x[2], x[3]);
  __m128i word[4];
  for (int i = 0; i < 4; i++) word[i] = _mm_castps_si128(x[i]);
  __m128i low = _mm_set1_epi8(0x0f), top = _mm_set1_epi8(0x03), six = _mm_set1_epi8(0x3f), s, m;
  if (half == 0) {
    s = _mm_and_si128(word[1], six);
    m = _mm_and_si128(word[2], six);
  } else {
    __m128i high_s = _mm_slli_epi16(_mm_and_si128(_mm_srli_epi16(word[1], 6), top), 4);
    __m128i high_m = _mm_slli_epi16(_mm_and_si128(_mm_srli_epi16(word[2], 6), top), 4);
    s = _mm_or_si128(_mm_and_si128(word[3], low), high_s);
    m = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(word[3], 4), low), high_m);
  }
  __m128i d = _mm_shuffle_epi8(word[0], _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
  *scales = repeat_all(_mm_cvtph_ps(d)) * widen_rows(s);
  *minima = repeat_all(_mm_cvtph_ps(_mm_srli_si128(d, 8))) * widen_rows(m);
}

ALWAYS_INLINE void scales_q2_k(const uint8_t *const rows[4], size_t half, floats scales[2], floats minima[2]) {
  __m128i low[4], high[4], mask = _mm_set1_epi8(15);
  for (int r = 0; r < 4; r++) {
    __m128i x = _mm_loadl_epi64((const __m128i *)(rows[r] + offsetof(block_q2_k, scales) + 8 * half));
    low[r] = _mm_and_si128(x, mask);
    high[r] = _mm_and_si128(_mm_srli_epi16(x, 4), mask);
  }
  widen_pairs(low, scales);
  widen_pairs(high, minima);
  floats d = repeat_all(row_halves(rows, offsetof(block_q2_k, d)));
  floats dmin = repeat_all(row_halves(rows, offsetof(block_q2_k, dmin)));
  for (int h = 0; h < 2; h++) {
    scales[h] = d * scales[h];
    minima[h] = dmin * minima[h];
  }
}

ALWAYS_INLINE void scales_q3_k(const uint8_t *const rows[4], size_t half, floats scales[2]) {
  __m128i x[4];
  for (int r = 0; r < 4; r++)
    x[r] = _mm_cvtsi64_si128((long long)unpack_q3_scales(rows[r] + offsetof(block_q3_k, scales), half));
  widen_pairs(x, scales);
  floats d = repeat_all(row_halves(rows, offsetof(block_q3_k, d)));
  for (int h = 0; h < 2; h++) scales[h] = d * (scales[h] - splat(32));
}

ALWAYS_INLINE void scales_q6_k(const uint8_t *const rows[4], size_t half, floats scales[2]) {
  __m128i x[4];
  for (int r = 0; r < 4; r++)
    x[r] = _mm_loadl_epi64((const __m128i *)(rows[r] + offsetof(block_q6_k, scales) + 8 * half));
  widen_pairs(x, scales);
  floats d = repeat_all(row_halves(rows, offsetof(block_q6_k, d)));
  for (int h = 0; h < 2; h++) scales[h] = d * scales[h];
}

ALWAYS_INLINE void scales_iq4_xs(const uint8_t *const rows[4], size_t half, floats *scales) {
  uint32_t x[4];
  for (int r = 0; r < 4; r++) x[r] = unpack_iq4_scales((const block_iq4_xs *)rows[r], half);
  floats wide = widen_rows(_mm_setr_epi32((int)x[0], (int)x[1], (int)x[2], (int)x[3]));
  *scales = repeat_all(row_halves(rows, offsetof(block_iq4_xs, d))) * (wide - splat(32));
}

#endif
