// AVX2 with FMA and F16C: 32 codes in a register, multiplied and added in pairs by vpmaddubsw.
//
// The same two ways as with AVX-512: few columns are streamed, two rows at a time; many go through a panel
// of sixteen rows, three columns at a time. Codes of up to 6 bits are unsigned, and as many products are added
// in 16 bits as cannot overflow; codes of 8 bits are signed, their signs moved to the columns' values.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include <immintrin.h>

#include "floats.h"
#define HYPNOS_PEAK_AVX2
#include "limits.h"

ALWAYS_INLINE floats load_halves(const uint16_t *p) {
  __m256 low = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
  __m256 high = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)));
  floats x;
  memcpy(&x, &low, 32);
  memcpy((char *)&x + 32, &high, 32);
  return x;
}

ALWAYS_INLINE void store_halves(uint16_t *p, floats x) {
  __m256 parts[2];
  memcpy(parts, &x, 64);
  for (int i = 0; i < 2; i++) {
    __m128i halves = _mm256_cvtps_ph(parts[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128((__m128i *)(p + 8 * i), halves);
  }
}

enum { PANEL_ROWS = 16, PANEL_COLUMNS = 3, STREAM_COLUMNS = 4, STREAM_ROWS = 2, FILL_ROWS = 8, PREFETCH = 4096 };

typedef __m256 partial_sums;

// Codes of the four blocks; scales and minima of the four blocks, or of their halves.
typedef struct {
  __m256i codes[4];
  __m128 scales[2], minima[2];
} group;

#include "panel.h"

ALWAYS_INLINE __m256i load_256(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

// Sixteen bytes of nibbles become 32 codes: low nibbles, then high ones.
ALWAYS_INLINE __m256i split_nibbles(const uint8_t *qs) {
  __m128i x = _mm_loadu_si128((const __m128i *)qs);
  __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(x), _mm_srli_epi16(x, 4), 1);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

ALWAYS_INLINE __m256i shift_and_mask(__m256i x, int count, int mask) {
  return _mm256_and_si256(_mm256_srl_epi16(x, _mm_cvtsi32_si128(count)), _mm256_set1_epi8((char)mask));
}

// `value` in every byte whose bit number `bit` is set.
ALWAYS_INLINE __m256i value_where(__m256i bits, int bit, int value) {
  __m256i mask = _mm256_set1_epi8((char)(1 << bit));
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(bits, mask), mask), _mm256_set1_epi8((char)value));
}

// 16 in every byte whose bit among the 32 at `qh` is set.
ALWAYS_INLINE __m256i fifth_bits(const uint8_t *qh) {
  int32_t word;
  memcpy(&word, qh, 4);
  __m256i order = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
  __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(word), order);
  __m256i mask = _mm256_set1_epi64x((long long)0x8040201008040201);
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(spread, mask), mask), _mm256_set1_epi8(16));
}

ALWAYS_INLINE __m128 four_halves(const uint8_t *p, size_t stride) {
  uint16_t h[4];
  for (int i = 0; i < 4; i++) memcpy(&h[i], p + i * stride, 2);
  return _mm_cvtph_ps(_mm_setr_epi16((short)h[0], (short)h[1], (short)h[2], (short)h[3], 0, 0, 0, 0));
}

ALWAYS_INLINE __m128 negate(__m128 x) { return _mm_xor_ps(x, _mm_set1_ps(-0.0f)); }

ALWAYS_INLINE __m128 times_bytes(float d, uint32_t bytes, int bias) {
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

ALWAYS_INLINE void load_q4_0(const uint8_t *row, size_t index, group *g) {
  const block_q4_0 *b = GROUP32(block_q4_0, row, index);
  for (int i = 0; i < 4; i++) g->codes[i] = split_nibbles(b[i].qs);
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
}

ALWAYS_INLINE void load_q4_1(const uint8_t *row, size_t index, group *g) {
  const block_q4_1 *b = GROUP32(block_q4_1, row, index);
  for (int i = 0; i < 4; i++) g->codes[i] = split_nibbles(b[i].qs);
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
  g->minima[0] = negate(four_halves((const uint8_t *)b + 2, sizeof *b));
}

ALWAYS_INLINE void load_q5_0(const uint8_t *row, size_t index, group *g) {
  const block_q5_0 *b = GROUP32(block_q5_0, row, index);
  for (int i = 0; i < 4; i++) g->codes[i] = _mm256_or_si256(split_nibbles(b[i].qs), fifth_bits(b[i].qh));
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
}

ALWAYS_INLINE void load_q5_1(const uint8_t *row, size_t index, group *g) {
  const block_q5_1 *b = GROUP32(block_q5_1, row, index);
  for (int i = 0; i < 4; i++) g->codes[i] = _mm256_or_si256(split_nibbles(b[i].qs), fifth_bits(b[i].qh));
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
  g->minima[0] = negate(four_halves((const uint8_t *)b + 2, sizeof *b));
}

ALWAYS_INLINE void load_q8_0(const uint8_t *row, size_t index, group *g) {
  const block_q8_0 *b = GROUP32(block_q8_0, row, index);
  for (int i = 0; i < 4; i++) g->codes[i] = load_256(b[i].qs);
  g->scales[0] = four_halves((const uint8_t *)b, sizeof *b);
}

ALWAYS_INLINE void load_q2_k(const uint8_t *row, size_t index, group *g) {
  const block_q2_k *b = SUPER(block_q2_k, row, index);
  size_t half = index % 2;
  __m256i qs = load_256(b->qs + 32 * half);
  for (int i = 0; i < 4; i++) g->codes[i] = shift_and_mask(qs, 2 * i, 3);
  __m256i packed = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(b->scales + 8 * half)));
  split_pairs(_mm256_and_si256(packed, _mm256_set1_epi32(15)), _cvtsh_ss(b->d), g->scales);
  split_pairs(_mm256_srli_epi32(packed, 4), _cvtsh_ss(b->dmin), g->minima);
}

ALWAYS_INLINE void load_q3_k(const uint8_t *row, size_t index, group *g) {
  const block_q3_k *b = SUPER(block_q3_k, row, index);
  int half = index % 2;
  __m256i qs = load_256(b->qs + 32 * half), high = load_256(b->hmask);
  for (int i = 0; i < 4; i++)
    g->codes[i] = _mm256_or_si256(shift_and_mask(qs, 2 * i, 3), value_where(high, 4 * half + i, 4));
  __m128i packed = _mm_cvtsi64_si128((long long)unpack_q3_scales(b->scales, (size_t)half));
  split_pairs(_mm256_sub_epi32(_mm256_cvtepu8_epi32(packed), _mm256_set1_epi32(32)), _cvtsh_ss(b->d), g->scales);
}

ALWAYS_INLINE void load_k4_scales(const uint8_t *packed, size_t half, uint16_t d, uint16_t dmin, group *g) {
  uint32_t scales, minima;
  unpack_k4_scales(packed, half, &scales, &minima);
  g->scales[0] = times_bytes(_cvtsh_ss(d), scales, 0);
  g->minima[0] = times_bytes(_cvtsh_ss(dmin), minima, 0);
}

ALWAYS_INLINE void load_q4_k(const uint8_t *row, size_t index, group *g) {
  const block_q4_k *b = SUPER(block_q4_k, row, index);
  size_t half = index % 2;
  for (int i = 0; i < 4; i++)
    g->codes[i] = shift_and_mask(load_256(b->qs + 64 * half + 32 * (i / 2)), 4 * (i % 2), 15);
  load_k4_scales(b->scales, half, b->d, b->dmin, g);
}

ALWAYS_INLINE void load_q5_k(const uint8_t *row, size_t index, group *g) {
  const block_q5_k *b = SUPER(block_q5_k, row, index);
  int half = index % 2;
  __m256i high = load_256(b->qh);
  for (int i = 0; i < 4; i++) {
    __m256i low = shift_and_mask(load_256(b->qs + 64 * half + 32 * (i / 2)), 4 * (i % 2), 15);
    g->codes[i] = _mm256_or_si256(low, value_where(high, 4 * half + i, 16));
  }
  load_k4_scales(b->scales, (size_t)half, b->d, b->dmin, g);
}

ALWAYS_INLINE void load_q6_k(const uint8_t *row, size_t index, group *g) {
  const block_q6_k *b = SUPER(block_q6_k, row, index);
  size_t half = index % 2;
  __m256i high = load_256(b->qh + 32 * half);
  for (int i = 0; i < 4; i++) {
    __m256i low = shift_and_mask(load_256(b->ql + 64 * half + 32 * (i % 2)), 4 * (i / 2), 15);
    g->codes[i] = _mm256_or_si256(low, _mm256_slli_epi16(shift_and_mask(high, 2 * i, 3), 4));
  }
  __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(b->scales + 8 * half)));
  split_pairs(wide, _cvtsh_ss(b->d), g->scales);
}

ALWAYS_INLINE __m256i look_up_iq4(__m256i codes) {
  __m128i values = _mm_loadu_si128((const __m128i *)iq4_values);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), codes);
}

ALWAYS_INLINE void load_iq4_nl(const uint8_t *row, size_t index, group *g) {
  load_q4_0(row, index, g);
  for (int i = 0; i < 4; i++) g->codes[i] = look_up_iq4(g->codes[i]);
}

ALWAYS_INLINE void load_iq4_xs(const uint8_t *row, size_t index, group *g) {
  const block_iq4_xs *b = SUPER(block_iq4_xs, row, index);
  size_t half = index % 2;
  for (int i = 0; i < 4; i++) g->codes[i] = look_up_iq4(split_nibbles(b->qs + 64 * half + 16 * (size_t)i));
  g->scales[0] = times_bytes(_cvtsh_ss(b->d), unpack_iq4_scales(b, half), 32);
}

// Products of 32 codes and values, added in pairs.
ALWAYS_INLINE __m256i multiply_pairs(__m256i codes, __m256i values, int bits) {
  if (bits < 8) return _mm256_maddubs_epi16(codes, values);
  return _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(values, codes));
}

// Integer sums of one row's four blocks: lanes 0 to 3 the first halves, 4 to 7 the second.
ALWAYS_INLINE __m256i sum_row(const group *g, const int8_t *values, int bits) {
  __m256i ones = _mm256_set1_epi16(1), dots[4];
  for (int i = 0; i < 4; i++)
    dots[i] = _mm256_madd_epi16(multiply_pairs(g->codes[i], load_256(values + 32 * i), bits), ones);
  return _mm256_hadd_epi32(_mm256_hadd_epi32(dots[0], dots[1]), _mm256_hadd_epi32(dots[2], dots[3]));
}

ALWAYS_INLINE __m256 pair(__m128 a, __m128 b) { return _mm256_insertf128_ps(_mm256_castps128_ps256(a), b, 1); }
ALWAYS_INLINE __m256 repeat(const float *four) { return _mm256_broadcast_ps((const __m128 *)four); }
ALWAYS_INLINE __m256i repeat_ints(const int32_t *four) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)four));
}

// Adds one group of two rows to the partial sums of `count` columns.
ALWAYS_INLINE void stream_group(
  const group g[2], int shift, int halves, int minimum, int bits, const hypnos_column *columns, int count,
  size_t index, __m256 *partial) {
  for (int c = 0; c < count; c++) {
    const hypnos_column *column = columns + c;
    __m256i top = sum_row(&g[0], column->values + index * HYPNOS_GROUP, bits);
    __m256i bottom = sum_row(&g[1], column->values + index * HYPNOS_GROUP, bits);
    __m256i sums[2] = {
      _mm256_permute2x128_si256(top, bottom, 0x20), _mm256_permute2x128_si256(top, bottom, 0x31)};
    if (halves == 1) sums[0] = _mm256_add_epi32(sums[0], sums[1]);
    __m256 scale = repeat(column->scales + index * 4);
    for (int h = 0; h < halves; h++) {
      int part = halves == 2 ? h : 2;
      __m256i sum = sums[h];
      if (shift >= 0 && bits < 8)
        sum = _mm256_sub_epi32(sum, _mm256_slli_epi32(repeat_ints(column->sums[part] + index * 4), shift));
      __m256 factor = _mm256_mul_ps(pair(g[0].scales[h], g[1].scales[h]), scale);
      partial[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), factor, partial[c]);
      if (minimum) {
        __m256 minima = pair(g[0].minima[h], g[1].minima[h]);
        partial[c] = _mm256_fnmadd_ps(minima, repeat(column->scaled_sums[part] + index * 4), partial[c]);
      }
    }
  }
}

// Adds one row's four partial sums in order.
ALWAYS_INLINE float finish_row(__m128 p) { return ((p[0] + p[1]) + p[2]) + p[3]; }

ALWAYS_INLINE void finish_rows(__m256 partial, float out[2]) {
  out[0] = finish_row(_mm256_castps256_ps128(partial));
  out[1] = finish_row(_mm256_extractf128_ps(partial, 1));
}

// Eight registers of eight 32-bit words, rows become columns.
ALWAYS_INLINE void transpose(__m256i r[8]) {
  __m256i t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x20);
    t[i + 4] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x31);
  }
  for (int i = 0; i < 8; i++) r[i] = t[i];
}

// Eight rows' group `index` goes to rows `row` to `row + 7` of the panel.
ALWAYS_INLINE void store_group(
  const group g[8], int halves, int minimum, size_t row, size_t index, const panel *p) {
  for (size_t i = 0; i < 4; i++) {
    __m256i words[8];
    for (int r = 0; r < 8; r++) words[r] = g[r].codes[i];
    transpose(words);
    for (size_t w = 0; w < 8; w++) {
      uint8_t *target = p->codes + (((i * p->groups + index) * 8 + w) * PANEL_ROWS + row) * 4;
      _mm256_store_si256((__m256i *)target, words[w]);
    }
  }
  for (int h = 0; h < halves; h++) {
    store_scales(g, h, row, index, p->groups, 0, p->scales);
    if (minimum) store_scales(g, h, row, index, p->groups, 1, p->minima);
  }
}

// Products that can be added in 16 bits: pairs of at most 2 * 127 * (2^bits - 1) each.
ALWAYS_INLINE int safe_additions(int bits, int halves) {
  int safe = bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1, steps = 8 / halves;
  return safe < steps ? safe : steps;
}

// Adds one block of 16 rows times `count` columns to the running sums.
ALWAYS_INLINE void multiply_block(
  const panel *p, size_t position, size_t block, int shift, int halves, int minimum, int bits,
  const hypnos_column *columns, int count, __m256 sums[2][PANEL_COLUMNS]) {
  __m256i ones = _mm256_set1_epi16(1);
  int steps = 8 / halves, additions = safe_additions(bits, halves);
  for (int h = 0; h < halves; h++) {
    int part = halves == 2 ? h : 2;
    __m256i dots[2][PANEL_COLUMNS];
    for (int c = 0; c < count; c++) {
      int offset = shift >= 0 && bits < 8 ? -columns[c].sums[part][block] * (1 << shift) : 0;
      dots[0][c] = dots[1][c] = _mm256_set1_epi32(offset);
    }
    for (int from = 0; from < steps; from += additions) {
      __m256i pairs[2][PANEL_COLUMNS];
      for (int s = from; s < from + additions; s++) {
        const uint8_t *codes = p->codes + (position * 8 + (size_t)(h * steps + s)) * PANEL_ROWS * 4;
        for (int i = 0; i < 2; i++) {
          __m256i w = _mm256_load_si256((const __m256i *)(codes + 32 * i));
          for (int c = 0; c < count; c++) {
            int32_t four;
            memcpy(&four, columns[c].values + block * 32 + (size_t)(h * steps + s) * 4, 4);
            __m256i product = multiply_pairs(w, _mm256_set1_epi32(four), bits);
            pairs[i][c] = s == from ? product : _mm256_add_epi16(pairs[i][c], product);
          }
        }
      }
      for (int i = 0; i < 2; i++)
        for (int c = 0; c < count; c++)
          dots[i][c] = _mm256_add_epi32(dots[i][c], _mm256_madd_epi16(pairs[i][c], ones));
    }
    size_t at = (position * 2 + (size_t)h) * PANEL_ROWS;
    for (int i = 0; i < 2; i++) {
      __m256 scales = _mm256_load_ps(p->scales + at + i * 8);
      for (int c = 0; c < count; c++) {
        __m256 factor = _mm256_mul_ps(scales, _mm256_set1_ps(columns[c].scales[block]));
        sums[i][c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[i][c]), factor, sums[i][c]);
        if (minimum) {
          __m256 minima = _mm256_load_ps(p->minima + at + i * 8);
          sums[i][c] = _mm256_fnmadd_ps(minima, _mm256_set1_ps(columns[c].scaled_sums[part][block]), sums[i][c]);
        }
      }
    }
  }
}

ALWAYS_INLINE void multiply_panel_as(
  const panel *p, int shift, int halves, int minimum, int bits, const hypnos_column *columns, int count,
  float out[PANEL_COLUMNS][PANEL_ROWS]) {
  for (size_t lane = 0; lane < 4; lane++) {
    __m256 sums[2][PANEL_COLUMNS];
    for (int c = 0; c < count; c++) sums[0][c] = sums[1][c] = _mm256_setzero_ps();
    for (size_t g = 0; g < p->groups; g++)
      multiply_block(p, lane * p->groups + g, g * 4 + lane, shift, halves, minimum, bits, columns, count, sums);
    for (int c = 0; c < count; c++)
      for (int i = 0; i < 2; i++) {
        float *target = out[c] + i * 8;
        _mm256_store_ps(target, lane ? _mm256_add_ps(_mm256_load_ps(target), sums[i][c]) : sums[i][c]);
      }
  }
}

// One function for each shape of format, so that its loops are compiled with the shape as constants.
#define PANEL_SHAPE(bits, halves, minimum) \
  static void multiply_panel_##bits##halves##minimum( \
    const panel *p, int shift, const hypnos_column *columns, int count, float out[PANEL_COLUMNS][PANEL_ROWS]) { \
    switch (count) { \
      case 3: multiply_panel_as(p, shift, halves, minimum, bits, columns, 3, out); break; \
      case 2: multiply_panel_as(p, shift, halves, minimum, bits, columns, 2, out); break; \
      default: multiply_panel_as(p, shift, halves, minimum, bits, columns, 1, out); break; \
    } \
  }
PANEL_SHAPE(4, 1, 0)
PANEL_SHAPE(4, 1, 1)
PANEL_SHAPE(5, 1, 0)
PANEL_SHAPE(5, 1, 1)
PANEL_SHAPE(8, 1, 0)
PANEL_SHAPE(2, 2, 1)
PANEL_SHAPE(3, 2, 0)
PANEL_SHAPE(6, 2, 0)

#define PANEL_FOR(bits, halves, minimum) multiply_panel_##bits##halves##minimum
#include "products.h"

const hypnos_kernels hypnos_avx2_kernels = {
  .name = "avx2", .multiply = multiply, HYPNOS_FLOAT_KERNELS, HYPNOS_LIMIT_KERNELS};

#pragma clang attribute pop
#endif
