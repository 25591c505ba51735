// AVX2 with FMA and F16C: 32 codes in a register, multiplied and added in pairs by vpmaddubsw.
//
// The same two ways as with AVX-512: few columns are streamed, four rows at a time; many go through a panel
// of sixteen rows, four columns at a time. Codes of up to 6 bits are unsigned, and as many products are added
// in 16 bits as cannot overflow; codes of 8 bits are signed, their signs moved to the columns' values.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include <immintrin.h>

enum { HAS_PANELS = 1 };
#include "floats.h"

enum { FLOAT_SUMS = 6, FLOAT_COLUMNS = 2 };
#include "floatrows.h"

enum { GRADIENT_ROWS = 6, GRADIENT_VECTORS = 1 };
#include "gradients.h"

enum { FINE_ROWS = 2 };

ALWAYS_INLINE ints add_pairs(ints sums, ints a, ints b) {
  __m256i s[2], x[2], y[2];
  memcpy(s, &sums, sizeof s);
  memcpy(x, &a, sizeof x);
  memcpy(y, &b, sizeof y);
  for (int i = 0; i < 2; i++) s[i] = _mm256_add_epi32(s[i], _mm256_madd_epi16(x[i], y[i]));
  memcpy(&sums, s, sizeof s);
  return sums;
}

#include "products16.h"

// The sums are of 16 bits, two a lane, until they are widened. They are added in the order of the code: the compiler
// would finish one sum after another and store what all of them share.
ALWAYS_INLINE ints add_bytes(ints sums, ints codes, ints values) {
  __m256i s[2], x[2], y[2];
  memcpy(s, &sums, sizeof s);
  memcpy(x, &codes, sizeof x);
  memcpy(y, &values, sizeof y);
  for (int i = 0; i < 2; i++) {
    s[i] = _mm256_add_epi16(s[i], _mm256_maddubs_epi16(x[i], y[i]));
    __asm__ volatile("" : "+x"(s[i]));
  }
  memcpy(&sums, s, sizeof s);
  return sums;
}

ALWAYS_INLINE ints widen_bytes(ints sums) { return add_pairs((ints){}, sums, (ints){} + 0x00010001); }

enum { ATTEND_SUMS = 6, FACTORS_AGAIN = 1 };
#include "attention.h"
#define HYPNOS_PEAK_AVX2
#include "limits.h"

// Twice eight f16 numbers as floats.
ALWAYS_INLINE floats widen_sixteen(__m128i low, __m128i high) {
  __m256 parts[2] = {_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)};
  floats x;
  memcpy(&x, parts, sizeof x);
  return x;
}

ALWAYS_INLINE floats load_halves(const uint16_t *p) {
  return widen_sixteen(_mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)(p + 8)));
}

ALWAYS_INLINE void store_halves(uint16_t *p, floats x) {
  __m256 parts[2];
  memcpy(parts, &x, 64);
  for (int i = 0; i < 2; i++) {
    __m128i halves = _mm256_cvtps_ph(parts[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128((__m128i *)(p + 8 * i), halves);
  }
}

// Codes of 8 bits are signed here and have no bias.
#define HAS_BIAS(bits) ((bits) < 8)

enum { PANEL_ROWS = 16, PANEL_COLUMNS = 4, FILL_ROWS = 8 };

// Codes [row][half][pair] of two blocks each; scales and minima [block][row], of the blocks or of their halves.
typedef struct {
  __m256i codes[4][2][2];
  floats scales[2], minima[2];
} four_rows;

#include "panel.h"
#include "scales.h"
#include "avx2rows.h"

// Products of 32 codes and values, added in pairs.
ALWAYS_INLINE __m256i multiply_pairs(__m256i codes, __m256i values, int bits) {
  if (bits < 8) return _mm256_maddubs_epi16(codes, values);
  return _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(values, codes));
}

// How many registers of products can be added in 16 bits: each holds pairs of at most 2 * 127 * (2^bits - 1). Eight are a
// block's.
ALWAYS_INLINE int safe_additions(int bits) { return bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1; }

// Neighbours among the 16-bit sums are added to 32-bit ones.
ALWAYS_INLINE __m256i widen(__m256i sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }

// Adds 16-bit integers, or 32-bit ones when `wide`.
ALWAYS_INLINE __m256i add_integers(__m256i a, __m256i b, int wide) {
  return wide ? _mm256_add_epi32(a, b) : _mm256_add_epi16(a, b);
}

// Four rows times one column, two blocks: integer sums [block][row] of half `h`, or of the whole blocks. Additions stay
// in 16 bits as long as they cannot overflow.
ALWAYS_INLINE __m256i sum_pair(
  const four_rows *g, const hypnos_column_group *column, int halves, int bits, int h, int pair) {
  int added = 2 / halves, safe = safe_additions(bits), widens_first = 2 * added > safe, widens_then = 4 * added > safe;
  __m256i sums[4], halved[2];
  for (int r = 0; r < 4; r++)
    for (int i = h; i < h + added; i++) {
      __m256i products = multiply_pairs(g->codes[r][i][pair], load_256(column->values[i][2 * pair]), bits);
      if (widens_first) products = widen(products);
      sums[r] = i == h ? products : add_integers(sums[r], products, widens_first);
    }
  for (int i = 0; i < 2; i++) {
    __m256i a = sums[2 * i], b = sums[2 * i + 1];
    halved[i] = add_integers(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b), widens_first);
    if (widens_then && !widens_first) halved[i] = widen(halved[i]);
  }
  __m256i low = _mm256_unpacklo_epi64(halved[0], halved[1]), high = _mm256_unpackhi_epi64(halved[0], halved[1]);
  __m256i all = add_integers(low, high, widens_then);
  return widens_then ? all : widen(all);
}

// The integer sums [block][row] of the blocks, or of their halves.
ALWAYS_INLINE void sum_rows(
  const four_rows *g, const hypnos_column_group *column, int halves, int bits, ints sums[2]) {
  for (int h = 0; h < halves; h++) {
    typedef int32_t eight __attribute__((vector_size(32)));
    eight low = (eight)sum_pair(g, column, halves, bits, h, 0), high = (eight)sum_pair(g, column, halves, bits, h, 1);
    sums[h] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
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
  const four_rows g[2], int halves, int minimum, size_t row, size_t index, const panel *p) {
  for (size_t half = 0; half < 2; half++)
    for (size_t pair = 0; pair < 2; pair++) {
      __m256i columns[8];
      for (int r = 0; r < 8; r++) columns[r] = g[r / 4].codes[r % 4][half][pair];
      transpose(columns);
      for (size_t w = 0; w < 8; w++) {
        size_t block = (2 * pair + w / 4) * p->groups + index, step = half * 4 + w % 4;
        _mm256_store_si256((__m256i *)(p->codes + ((block * 8 + step) * PANEL_ROWS + row) * 4), columns[w]);
      }
    }
  for (size_t four = 0; four < 2; four++)
    for (int h = 0; h < halves; h++) {
      store_scales(g[four].scales[h], h, row + 4 * four, index, p->groups, p->scales);
      if (minimum) store_scales(g[four].minima[h], h, row + 4 * four, index, p->groups, p->minima);
    }
}

// Eight rows' codes of step `step` of a block, which begins at `codes`. With `nibbles` the second four steps are the
// high halves of the first four's bytes.
ALWAYS_INLINE __m256i load_codes(const uint8_t *codes, int step, int nibbles) {
  __m256i x = _mm256_load_si256((const __m256i *)(codes + (nibbles ? step % 4 : step) * PANEL_ROWS * 4));
  if (nibbles && step >= 4) x = _mm256_srli_epi16(x, 4);
  return nibbles ? _mm256_and_si256(x, _mm256_set1_epi8(15)) : x;
}

// The integer sums of 16 rows and `count` columns over the values of a block, or of its half `h`; the rows' codes begin
// at `codes`, the columns' block is at `place`.
ALWAYS_INLINE void sum_block(
  const uint8_t *codes, int h, int halves, int bits, int nibbles,
  const hypnos_column_block *const columns[PANEL_COLUMNS], size_t place, int count, __m256i dots[2][PANEL_COLUMNS]) {
  int steps = 8 / halves, additions = safe_additions(bits) < steps ? safe_additions(bits) : steps;
  for (int from = 0; from < steps; from += additions) {
    __m256i pairs[2][PANEL_COLUMNS];
    _Pragma("clang loop unroll(full)") for (int s = from; s < from + additions; s++) {
      int step = h * steps + s;
      __m256i rows[2];
      for (int i = 0; i < 2; i++) rows[i] = load_codes(codes + 32 * i, step, nibbles);
      for (int c = 0; c < count; c++) {
        int32_t four;
        memcpy(&four, &columns[c][place].values[step / 4][step % 4 * 4], 4);
        for (int i = 0; i < 2; i++) {
          __m256i product = multiply_pairs(rows[i], _mm256_set1_epi32(four), bits);
          pairs[i][c] = s == from ? product : _mm256_add_epi16(pairs[i][c], product);
          // In the order of the code: the compiler would add up a column's products before it begins the next, and for
          // that store every broadcast of its values and load it again.
          if (additions > 1) KEEP(pairs[i][c]);
        }
      }
    }
    for (int i = 0; i < 2; i++)
      for (int c = 0; c < count; c++) {
        __m256i wide = widen(pairs[i][c]);
        dots[i][c] = from > 0 ? _mm256_add_epi32(dots[i][c], wide) : wide;
      }
  }
}

// Adds one block of 16 rows, at `position` in the panel and at `place` in the columns, times `count` columns to the
// running sums.
ALWAYS_INLINE void multiply_block(
  const panel *p, size_t position, int shift, int halves, int minimum, int bits, int nibbles,
  const hypnos_column_block *const columns[PANEL_COLUMNS], size_t place, int count,
  __m256 sums[2][PANEL_COLUMNS]) {
  const uint8_t *codes = p->codes + position * (nibbles ? 4 : 8) * PANEL_ROWS * 4;
  for (int h = 0; h < halves; h++) {
    int part = halves == 2 ? 1 + h : 0;
    __m256i dots[2][PANEL_COLUMNS];
    sum_block(codes, h, halves, bits, nibbles, columns, place, count, dots);
    size_t at = position * p->block_scales + (size_t)h * PANEL_ROWS;
    for (int i = 0; i < 2; i++) {
      __m256 scales = _mm256_load_ps(p->scales + at + i * 8);
      for (int c = 0; c < count; c++) {
        if (!minimum && HAS_BIAS(bits)) {
          __m256i negative = _mm256_set1_epi32(columns[c][place].sums[part].negative);
          dots[i][c] = _mm256_add_epi32(dots[i][c], _mm256_slli_epi32(negative, shift));
        }
        __m256 factor = _mm256_mul_ps(scales, _mm256_set1_ps(columns[c][place].scale));
        sums[i][c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[i][c]), factor, sums[i][c]);
        if (minimum) {
          __m256 minima = _mm256_load_ps(p->minima + at + i * 8);
          __m256 scaled = _mm256_set1_ps(columns[c][place].sums[part].scaled);
          sums[i][c] = _mm256_fnmadd_ps(minima, scaled, sums[i][c]);
        }
      }
    }
  }
}

ALWAYS_INLINE void multiply_panel_as(
  const panel *p, int shift, int halves, int minimum, int bits, int nibbles, const hypnos_column_block *first,
  int count,
  float out[PANEL_COLUMNS][PANEL_ROWS]) {
  const hypnos_column_block *columns[PANEL_COLUMNS];
  for (int c = 0; c < count; c++) columns[c] = column_at(p, first, (size_t)c);
  const uint8_t *line = p->ahead, *due = line;
  for (size_t lane = 0; lane < 4; lane++) {
    __m256 sums[2][PANEL_COLUMNS];
    for (int c = 0; c < count; c++) sums[0][c] = sums[1][c] = _mm256_setzero_ps();
    for (size_t g = 0; g < blocks_in_lane(p, lane); g++) {
      line = fetch_lines(line, due += p->ahead_step);
      size_t position = p->starts[lane] + g, place = lane * p->groups + g;
      multiply_block(p, position, shift, halves, minimum, bits, nibbles, columns, place, count, sums);
    }
    for (int c = 0; c < count; c++)
      for (int i = 0; i < 2; i++) {
        float *target = out[c] + i * 8;
        _mm256_store_ps(target, lane ? _mm256_add_ps(_mm256_load_ps(target), sums[i][c]) : sums[i][c]);
      }
  }
}

// One function for each shape of format, so that its loops are compiled with the shape as constants.
#define PANEL_SHAPE(name, bits, halves, minimum, nibbles) \
  static void multiply_##name##_##bits##halves##minimum( \
    const panel *p, int shift, const hypnos_column_block *columns, int count, \
    float out[PANEL_COLUMNS][PANEL_ROWS]) { \
    switch (count) { \
      case 4: multiply_panel_as(p, shift, halves, minimum, bits, nibbles, columns, 4, out); break; \
      case 3: multiply_panel_as(p, shift, halves, minimum, bits, nibbles, columns, 3, out); break; \
      case 2: multiply_panel_as(p, shift, halves, minimum, bits, nibbles, columns, 2, out); break; \
      default: multiply_panel_as(p, shift, halves, minimum, bits, nibbles, columns, 1, out); break; \
    } \
  }
PANEL_SHAPE(codes, 4, 1, 0, 0)
PANEL_SHAPE(codes, 4, 1, 1, 0)
PANEL_SHAPE(codes, 5, 1, 0, 0)
PANEL_SHAPE(codes, 5, 1, 1, 0)
PANEL_SHAPE(codes, 8, 1, 0, 0)
PANEL_SHAPE(codes, 2, 2, 1, 0)
PANEL_SHAPE(codes, 3, 2, 0, 0)
PANEL_SHAPE(codes, 6, 2, 0, 0)
PANEL_SHAPE(nibbles, 4, 1, 0, 1)
PANEL_SHAPE(nibbles, 4, 1, 1, 1)
PANEL_SHAPE(nibbles, 2, 2, 1, 1)
PANEL_SHAPE(nibbles, 3, 2, 0, 1)

#define PANEL_FOR(bits, halves, minimum) multiply_codes_##bits##halves##minimum
#define NIBBLE_PANEL_FOR(bits, halves, minimum) multiply_nibbles_##bits##halves##minimum
#include "products.h"
#include "packed.h"

const hypnos_kernels hypnos_avx2_kernels = {
  .name = "avx2", .multiply = multiply, HYPNOS_PACKED_KERNELS, HYPNOS_FLOAT_KERNELS, HYPNOS_FINE_KERNELS,
  HYPNOS_LIMIT_KERNELS};

#pragma clang attribute pop
#endif
