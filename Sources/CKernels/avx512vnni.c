// AVX-512 with VNNI: 64 codes in a register, multiplied and added four at a time by vpdpbusd.
//
// A loader for each format unpacks one group of 128 codes to bytes, in the order of the columns, with their
// scales. Few columns are streamed: four rows at a time, the codes used straight from the registers. Many
// columns go through a panel: 32 rows unpacked and transposed once into the scratch, then multiplied with six
// columns at a time.
#if defined(__x86_64__)
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)
#include <immintrin.h>

#include "floats.h"
#define HYPNOS_PEAK_VNNI
#include "limits.h"

ALWAYS_INLINE floats load_halves(const uint16_t *p) {
  return (floats)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

ALWAYS_INLINE void store_halves(uint16_t *p, floats x) {
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

enum { PANEL_ROWS = 32, PANEL_COLUMNS = 6, STREAM_COLUMNS = 4, STREAM_ROWS = 4, FILL_ROWS = 16, PREFETCH = 4096 };

typedef __m512 partial_sums;

// Codes of blocks 0 and 1, and 2 and 3; scales and minima of the four blocks, or of their halves.
typedef struct {
  __m512i codes[2];
  __m128 scales[2], minima[2];
} group;

#include "panel.h"

ALWAYS_INLINE __m512i broadcast_256(const void *p) {
  return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)p));
}

// Shifts the lower 32 bytes right by `low` bits and the upper by `high`, and masks every byte.
ALWAYS_INLINE __m512i shift_and_mask(__m512i x, int low, int high, int mask) {
  __m512i counts = _mm512_set_epi64(high, high, high, high, low, low, low, low);
  return _mm512_and_si512(_mm512_srlv_epi64(x, counts), _mm512_set1_epi8((char)mask));
}

// Two 16-byte nibble blocks, each given twice in x, become 64 codes: low nibbles, then high ones.
ALWAYS_INLINE __m512i split_nibbles(__m512i x) {
  __m512i counts = _mm512_set_epi64(4, 4, 0, 0, 4, 4, 0, 0);
  return _mm512_and_si512(_mm512_srlv_epi64(x, counts), _mm512_set1_epi8(15));
}

ALWAYS_INLINE __m512i two_blocks(const uint8_t *a, const uint8_t *b) {
  __m256i pair = _mm256_inserti128_si256(
    _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)), _mm_loadu_si128((const __m128i *)b), 1);
  return _mm512_permutexvar_epi64(_mm512_set_epi64(3, 2, 3, 2, 1, 0, 1, 0), _mm512_castsi256_si512(pair));
}

ALWAYS_INLINE __m128 four_halves(const uint8_t *p, size_t stride) {
  uint16_t h[4];
  for (int i = 0; i < 4; i++) memcpy(&h[i], p + i * stride, 2);
  __m128i packed = _mm_cvtsi32_si128(h[0]);
  packed = _mm_insert_epi16(packed, h[1], 1);
  packed = _mm_insert_epi16(packed, h[2], 2);
  packed = _mm_insert_epi16(packed, h[3], 3);
  return _mm_cvtph_ps(packed);
}

ALWAYS_INLINE __m128 negate(__m128 x) { return _mm_xor_ps(x, _mm_set1_ps(-0.0f)); }

ALWAYS_INLINE __m128 times_bytes(float d, uint32_t bytes) {
  return _mm_mul_ps(_mm_set1_ps(d), _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128((int)bytes))));
}

ALWAYS_INLINE __m128 times_biased_bytes(float d, uint32_t bytes, int bias) {
  __m128i wide = _mm_sub_epi32(_mm_cvtepu8_epi32(_mm_cvtsi32_si128((int)bytes)), _mm_set1_epi32(bias));
  return _mm_mul_ps(_mm_set1_ps(d), _mm_cvtepi32_ps(wide));
}

// Scales in pairs (first half, second half) of four blocks become all the first and all the second.
ALWAYS_INLINE void split_pairs(__m256i wide, float d, __m128 out[2]) {
  __m256 scales = _mm256_mul_ps(_mm256_set1_ps(d), _mm256_cvtepi32_ps(wide));
  __m128 low = _mm256_castps256_ps128(scales), high = _mm256_extractf128_ps(scales, 1);
  out[0] = _mm_shuffle_ps(low, high, 0x88);
  out[1] = _mm_shuffle_ps(low, high, 0xdd);
}

ALWAYS_INLINE __m512i add_bits(__m512i codes, __mmask64 where, int value) {
  return _mm512_mask_add_epi8(codes, where, codes, _mm512_set1_epi8((char)value));
}

ALWAYS_INLINE __mmask64 bits_at(__m512i twice, int low, int high) {
  __m256i a = _mm256_set1_epi8((char)(1 << low)), b = _mm256_set1_epi8((char)(1 << high));
  return _mm512_test_epi8_mask(twice, _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1));
}

ALWAYS_INLINE void load_q4_0(const uint8_t *row, size_t index, group *g) {
  const block_q4_0 *b = GROUP32(block_q4_0, row, index);
  g->codes[0] = split_nibbles(two_blocks(b[0].qs, b[1].qs));
  g->codes[1] = split_nibbles(two_blocks(b[2].qs, b[3].qs));
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
}

ALWAYS_INLINE void load_q4_1(const uint8_t *row, size_t index, group *g) {
  const block_q4_1 *b = GROUP32(block_q4_1, row, index);
  g->codes[0] = split_nibbles(two_blocks(b[0].qs, b[1].qs));
  g->codes[1] = split_nibbles(two_blocks(b[2].qs, b[3].qs));
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
  g->minima[0] = negate(four_halves((const uint8_t *)b + 2, sizeof *b));
}

ALWAYS_INLINE __mmask64 fifth_bits(const uint8_t *a, const uint8_t *b) {
  uint32_t low, high;
  memcpy(&low, a, 4);
  memcpy(&high, b, 4);
  return (uint64_t)high << 32 | low;
}

ALWAYS_INLINE void load_q5_0(const uint8_t *row, size_t index, group *g) {
  const block_q5_0 *b = GROUP32(block_q5_0, row, index);
  for (int i = 0; i < 2; i++) {
    __m512i codes = split_nibbles(two_blocks(b[2 * i].qs, b[2 * i + 1].qs));
    g->codes[i] = add_bits(codes, fifth_bits(b[2 * i].qh, b[2 * i + 1].qh), 16);
  }
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
}

ALWAYS_INLINE void load_q5_1(const uint8_t *row, size_t index, group *g) {
  const block_q5_1 *b = GROUP32(block_q5_1, row, index);
  for (int i = 0; i < 2; i++) {
    __m512i codes = split_nibbles(two_blocks(b[2 * i].qs, b[2 * i + 1].qs));
    g->codes[i] = add_bits(codes, fifth_bits(b[2 * i].qh, b[2 * i + 1].qh), 16);
  }
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
  g->minima[0] = negate(four_halves((const uint8_t *)b + 2, sizeof *b));
}

ALWAYS_INLINE void load_q8_0(const uint8_t *row, size_t index, group *g) {
  const block_q8_0 *b = GROUP32(block_q8_0, row, index);
  for (int i = 0; i < 2; i++) {
    __m512i low = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)b[2 * i].qs));
    __m512i both = _mm512_inserti64x4(low, _mm256_loadu_si256((const __m256i *)b[2 * i + 1].qs), 1);
    g->codes[i] = _mm512_xor_si512(both, _mm512_set1_epi8((char)0x80));
  }
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
}

ALWAYS_INLINE void load_q2_k(const uint8_t *row, size_t index, group *g) {
  const block_q2_k *b = SUPER(block_q2_k, row, index);
  size_t half = index % 2;
  __m512i twice = broadcast_256(b->qs + 32 * half);
  g->codes[0] = shift_and_mask(twice, 0, 2, 3);
  g->codes[1] = shift_and_mask(twice, 4, 6, 3);
  __m256i packed = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(b->scales + 8 * half)));
  split_pairs(_mm256_and_si256(packed, _mm256_set1_epi32(15)), _cvtsh_ss(b->d), g->scales);
  split_pairs(_mm256_srli_epi32(packed, 4), _cvtsh_ss(b->dmin), g->minima);
}

ALWAYS_INLINE void load_q3_k(const uint8_t *row, size_t index, group *g) {
  const block_q3_k *b = SUPER(block_q3_k, row, index);
  int half = index % 2;
  __m512i twice = broadcast_256(b->qs + 32 * half), high = broadcast_256(b->hmask);
  for (int i = 0; i < 2; i++) {
    __mmask64 third = bits_at(high, 4 * half + 2 * i, 4 * half + 2 * i + 1);
    g->codes[i] = add_bits(shift_and_mask(twice, 4 * i, 4 * i + 2, 3), third, 4);
  }
  __m128i packed = _mm_cvtsi64_si128((long long)unpack_q3_scales(b->scales, (size_t)half));
  split_pairs(_mm256_sub_epi32(_mm256_cvtepu8_epi32(packed), _mm256_set1_epi32(32)), _cvtsh_ss(b->d), g->scales);
}

ALWAYS_INLINE void load_k4_scales(const uint8_t *packed, size_t half, uint16_t d, uint16_t dmin, group *g) {
  uint32_t scales, minima;
  unpack_k4_scales(packed, half, &scales, &minima);
  g->scales[0] = times_bytes(_cvtsh_ss(d), scales);
  g->minima[0] = times_bytes(_cvtsh_ss(dmin), minima);
}

ALWAYS_INLINE void load_q4_k(const uint8_t *row, size_t index, group *g) {
  const block_q4_k *b = SUPER(block_q4_k, row, index);
  size_t half = index % 2;
  for (int i = 0; i < 2; i++) g->codes[i] = shift_and_mask(broadcast_256(b->qs + 64 * half + 32 * i), 0, 4, 15);
  load_k4_scales(b->scales, half, b->d, b->dmin, g);
}

ALWAYS_INLINE void load_q5_k(const uint8_t *row, size_t index, group *g) {
  const block_q5_k *b = SUPER(block_q5_k, row, index);
  int half = index % 2;
  __m512i high = broadcast_256(b->qh);
  for (int i = 0; i < 2; i++) {
    __m512i codes = shift_and_mask(broadcast_256(b->qs + 64 * half + 32 * i), 0, 4, 15);
    g->codes[i] = add_bits(codes, bits_at(high, 4 * half + 2 * i, 4 * half + 2 * i + 1), 16);
  }
  load_k4_scales(b->scales, (size_t)half, b->d, b->dmin, g);
}

ALWAYS_INLINE void load_q6_k(const uint8_t *row, size_t index, group *g) {
  const block_q6_k *b = SUPER(block_q6_k, row, index);
  size_t half = index % 2;
  __m512i low = _mm512_loadu_si512(b->ql + 64 * half), high = broadcast_256(b->qh + 32 * half);
  for (int i = 0; i < 2; i++) {
    __m512i top = _mm512_slli_epi16(shift_and_mask(high, 4 * i, 4 * i + 2, 3), 4);
    g->codes[i] = _mm512_or_si512(shift_and_mask(low, 4 * i, 4 * i, 15), top);
  }
  __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(b->scales + 8 * half)));
  split_pairs(wide, _cvtsh_ss(b->d), g->scales);
}

ALWAYS_INLINE __m512i look_up_iq4(__m512i codes) {
  __m128i values = _mm_xor_si128(_mm_loadu_si128((const __m128i *)iq4_values), _mm_set1_epi8((char)0x80));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), codes);
}

ALWAYS_INLINE void load_iq4_nl(const uint8_t *row, size_t index, group *g) {
  load_q4_0(row, index, g);
  for (int i = 0; i < 2; i++) g->codes[i] = look_up_iq4(g->codes[i]);
}

ALWAYS_INLINE void load_iq4_xs(const uint8_t *row, size_t index, group *g) {
  const block_iq4_xs *b = SUPER(block_iq4_xs, row, index);
  size_t half = index % 2;
  for (int i = 0; i < 2; i++) {
    const uint8_t *qs = b->qs + 64 * half + 32 * i;
    g->codes[i] = look_up_iq4(split_nibbles(two_blocks(qs, qs + 16)));
  }
  g->scales[0] = times_biased_bytes(_cvtsh_ss(b->d), unpack_iq4_scales(b, half), 32);
}

// The four rows' four numbers in one register, row by row.
ALWAYS_INLINE __m512 gather_rows(__m128 a, __m128 b, __m128 c, __m128 d) {
  __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(a), b, 1);
  __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(c), d, 1);
  return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

ALWAYS_INLINE __m512i add_unpacked_32(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

ALWAYS_INLINE __m512i add_unpacked_64(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

// Four rows times one column, one group: the integer sums of the first and of the second half blocks, row by
// row and within a row block by block.
ALWAYS_INLINE void sum_rows(const group g[4], const int8_t *values, int halves, __m512i sums[2]) {
  __m512i a0 = _mm512_loadu_si512(values), a1 = _mm512_loadu_si512(values + 64), zero = _mm512_setzero_si512();
  __m512i pairs[2];
  for (int p = 0; p < 2; p++) {
    const group *top = g + 2 * p, *bottom = top + 1;
    __m512i r0 = add_unpacked_32(
      _mm512_dpbusd_epi32(zero, top->codes[0], a0), _mm512_dpbusd_epi32(zero, bottom->codes[0], a0));
    __m512i r1 = add_unpacked_32(
      _mm512_dpbusd_epi32(zero, top->codes[1], a1), _mm512_dpbusd_epi32(zero, bottom->codes[1], a1));
    pairs[p] = add_unpacked_64(r0, r1);
  }
  // Quarters 0 and 2 of each pair hold first halves, 1 and 3 second halves.
  __m512i even = _mm512_shuffle_i32x4(pairs[0], pairs[1], 0x88);
  __m512i odd = _mm512_shuffle_i32x4(pairs[0], pairs[1], 0xdd);
  __m512i order = _mm512_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15);
  if (halves == 1) {
    sums[0] = _mm512_permutexvar_epi32(order, _mm512_add_epi32(even, odd));
  } else {
    sums[0] = _mm512_permutexvar_epi32(order, even);
    sums[1] = _mm512_permutexvar_epi32(order, odd);
  }
}

// The same four numbers for each of the four rows.
ALWAYS_INLINE __m512 repeat(const float *four) { return _mm512_broadcast_f32x4(_mm_loadu_ps(four)); }
ALWAYS_INLINE __m512i repeat_ints(const int32_t *four) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)four));
}

// Adds one group of four rows to the partial sums of `count` columns.
ALWAYS_INLINE void stream_group(
  const group g[4], int shift, int halves, int minimum, int bits, const hypnos_column *columns, int count,
  size_t index, __m512 *partial) {
  (void)bits;
  for (int c = 0; c < count; c++) {
    const hypnos_column *column = columns + c;
    __m512i sums[2];
    sum_rows(g, column->values + index * HYPNOS_GROUP, halves, sums);
    __m512 scale = repeat(column->scales + index * 4);
    for (int h = 0; h < halves; h++) {
      int part = halves == 2 ? h : 2;
      __m512i sum = sums[h];
      if (shift >= 0) {
        __m512i offset = _mm512_slli_epi32(repeat_ints(column->sums[part] + index * 4), (unsigned)shift);
        sum = _mm512_sub_epi32(sum, offset);
      }
      __m512 scales = gather_rows(g[0].scales[h], g[1].scales[h], g[2].scales[h], g[3].scales[h]);
      partial[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(scales, scale), partial[c]);
      if (minimum) {
        __m512 minima = gather_rows(g[0].minima[h], g[1].minima[h], g[2].minima[h], g[3].minima[h]);
        partial[c] = _mm512_fnmadd_ps(minima, repeat(column->scaled_sums[part] + index * 4), partial[c]);
      }
    }
  }
}

// Adds each row's four partial sums in order.
ALWAYS_INLINE void finish_rows(__m512 partial, float out[4]) {
  __m128 a = _mm512_extractf32x4_ps(partial, 0), b = _mm512_extractf32x4_ps(partial, 1);
  __m128 c = _mm512_extractf32x4_ps(partial, 2), d = _mm512_extractf32x4_ps(partial, 3);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(_mm_add_ps(a, b), c), d));
}

// Sixteen registers of sixteen 32-bit words, rows become columns.
ALWAYS_INLINE void transpose(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// Sixteen rows' group `index` goes to rows `row` to `row + 15` of the panel.
ALWAYS_INLINE void store_group(const group g[16], int halves, int minimum, size_t row, size_t index, const panel *p) {
  for (size_t pair = 0; pair < 2; pair++) {
    __m512i words[16];
    for (int r = 0; r < 16; r++) words[r] = g[r].codes[pair];
    transpose(words);
    for (size_t w = 0; w < 16; w++) {
      size_t block = (pair * 2 + w / 8) * p->groups + index;
      _mm512_store_si512(p->codes + ((block * 8 + w % 8) * PANEL_ROWS + row) * 4, words[w]);
    }
  }
  for (int h = 0; h < halves; h++) {
    store_scales(g, h, row, index, p->groups, 0, p->scales);
    if (minimum) store_scales(g, h, row, index, p->groups, 1, p->minima);
  }
}

// Adds one block of 32 rows times `count` columns to the running sums.
ALWAYS_INLINE void multiply_block(
  const panel *p, size_t position, size_t block, int shift, int halves, int minimum, const hypnos_column *columns,
  int count, __m512 sums[2][PANEL_COLUMNS]) {
  for (int h = 0; h < halves; h++) {
    int part = halves == 2 ? h : 2, steps = 8 / halves;
    __m512i dots[2][PANEL_COLUMNS];
    for (int c = 0; c < count; c++) {
      __m512i start = _mm512_setzero_si512();
      if (shift >= 0) {
        __m512i sum = _mm512_set1_epi32(columns[c].sums[part][block]);
        start = _mm512_sub_epi32(start, _mm512_slli_epi32(sum, (unsigned)shift));
      }
      dots[0][c] = dots[1][c] = start;
    }
    const uint8_t *codes = p->codes + (position * 8 + (size_t)(h * steps)) * PANEL_ROWS * 4;
    _Pragma("clang loop unroll(full)") for (int s = 0; s < steps; s++) {
      __m512i w0 = _mm512_load_si512(codes + s * PANEL_ROWS * 4);
      __m512i w1 = _mm512_load_si512(codes + s * PANEL_ROWS * 4 + 64);
      for (int c = 0; c < count; c++) {
        int32_t four;
        memcpy(&four, columns[c].values + block * 32 + (h * steps + s) * 4, 4);
        __m512i a = _mm512_set1_epi32(four);
        dots[0][c] = _mm512_dpbusd_epi32(dots[0][c], w0, a);
        dots[1][c] = _mm512_dpbusd_epi32(dots[1][c], w1, a);
      }
    }
    size_t at = (position * 2 + (size_t)h) * PANEL_ROWS;
    for (int i = 0; i < 2; i++) {
      __m512 scales = _mm512_load_ps(p->scales + at + i * 16);
      __m512 minima = minimum ? _mm512_load_ps(p->minima + at + i * 16) : scales;
      for (int c = 0; c < count; c++) {
        __m512 factor = _mm512_mul_ps(scales, _mm512_set1_ps(columns[c].scales[block]));
        sums[i][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[i][c]), factor, sums[i][c]);
        if (minimum) {
          __m512 scaled = _mm512_set1_ps(columns[c].scaled_sums[part][block]);
          sums[i][c] = _mm512_fnmadd_ps(minima, scaled, sums[i][c]);
        }
      }
    }
  }
}

ALWAYS_INLINE void multiply_panel_as(
  const panel *p, int shift, int halves, int minimum, const hypnos_column *columns, int count,
  float out[PANEL_COLUMNS][PANEL_ROWS]) {
  for (size_t lane = 0; lane < 4; lane++) {
    __m512 sums[2][PANEL_COLUMNS];
    for (int c = 0; c < count; c++) sums[0][c] = sums[1][c] = _mm512_setzero_ps();
    for (size_t g = 0; g < p->groups; g++)
      multiply_block(p, lane * p->groups + g, g * 4 + lane, shift, halves, minimum, columns, count, sums);
    for (int c = 0; c < count; c++)
      for (int i = 0; i < 2; i++) {
        __m512 before = lane ? _mm512_load_ps(out[c] + i * 16) : _mm512_setzero_ps();
        _mm512_store_ps(out[c] + i * 16, lane ? _mm512_add_ps(before, sums[i][c]) : sums[i][c]);
      }
  }
}

ALWAYS_INLINE void multiply_panel(
  const panel *p, int shift, int halves, int minimum, const hypnos_column *columns, int count,
  float out[PANEL_COLUMNS][PANEL_ROWS]) {
  switch (count) {
    case 6: multiply_panel_as(p, shift, halves, minimum, columns, 6, out); break;
    case 5: multiply_panel_as(p, shift, halves, minimum, columns, 5, out); break;
    case 4: multiply_panel_as(p, shift, halves, minimum, columns, 4, out); break;
    case 3: multiply_panel_as(p, shift, halves, minimum, columns, 3, out); break;
    case 2: multiply_panel_as(p, shift, halves, minimum, columns, 2, out); break;
    default: multiply_panel_as(p, shift, halves, minimum, columns, 1, out); break;
  }
}

// One set of functions for each shape of format, so that the loops are compiled with it as a constant.
#define PANEL_SHAPE(id, halves, minimum) \
  static void multiply_panel_##id( \
    const panel *p, int shift, const hypnos_column *columns, int count, float out[PANEL_COLUMNS][PANEL_ROWS]) { \
    multiply_panel(p, shift, halves, minimum, columns, count, out); \
  }
PANEL_SHAPE(10, 1, 0)
PANEL_SHAPE(11, 1, 1)
PANEL_SHAPE(20, 2, 0)
PANEL_SHAPE(21, 2, 1)

#define PANEL_FOR(bits, halves, minimum) multiply_panel_##halves##minimum
#include "products.h"

const hypnos_kernels hypnos_avx512vnni_kernels = {
  .name = "avx512vnni", .multiply = multiply, HYPNOS_FLOAT_KERNELS, HYPNOS_LIMIT_KERNELS};

#pragma clang attribute pop
#endif
