// AVX-512 with VNNI: 64 codes in a register, multiplied and added four at a time by vpdpbusd.
//
// A loader for each format unpacks one group of 128 codes of four rows: in one register the first halves of a row's
// four blocks, in another the second halves. Few columns are streamed, the codes used straight from the registers.
// Many columns go through a panel: 32 rows unpacked and transposed once into the scratch, then multiplied with six
// columns at a time.
#if defined(__x86_64__)
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)
#include <immintrin.h>

enum { HAS_PANELS = 1 };
#include "floats.h"

enum { FLOAT_SUMS = 16, FLOAT_COLUMNS = 4 };
#include "floatrows.h"

enum { GRADIENT_ROWS = 12, GRADIENT_VECTORS = 2 };
#include "gradients.h"

enum { FINE_ROWS = 12 };

// Written out, because the compiler makes a multiplication and an addition of the intrinsic.
ALWAYS_INLINE ints add_pairs(ints sums, ints a, ints b) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
  return sums;
}

#include "products16.h"

ALWAYS_INLINE ints add_bytes(ints sums, ints codes, ints values) {
  return (ints)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)codes, (__m512i)values);
}

ALWAYS_INLINE ints widen_bytes(ints sums) { return sums; }

enum { ATTEND_SUMS = 24, FACTORS_AGAIN = 0 };
#include "attention.h"
#define HYPNOS_PEAK_VNNI
#include "limits.h"

ALWAYS_INLINE floats load_halves(const uint16_t *p) {
  return (floats)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

ALWAYS_INLINE void store_halves(uint16_t *p, floats x) {
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

#define HAS_BIAS(bits) 1

enum { PANEL_ROWS = 32, PANEL_COLUMNS = 6, FILL_ROWS = 16 };

// Codes [row][half] of four blocks each; scales and minima [block][row], of the blocks or of their halves.
typedef struct {
  __m512i codes[4][2];
  floats scales[2], minima[2];
} four_rows;

#include "panel.h"
#include "scales.h"

// Shifts the 16-byte quarters right by `counts` bits and masks every byte.
ALWAYS_INLINE __m512i shift_and_mask(__m512i x, int c0, int c1, int c2, int c3, int mask) {
  __m512i counts = _mm512_set_epi64(c3, c3, c2, c2, c1, c1, c0, c0);
  return _mm512_and_si512(_mm512_srlv_epi64(x, counts), _mm512_set1_epi8((char)mask));
}

ALWAYS_INLINE __m512i broadcast_128(const void *p) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)p));
}

// Bit number `first` + q of each byte in quarter q.
ALWAYS_INLINE __mmask64 bits_from(__m512i x, int first) {
  __m128i one = _mm_set1_epi8((char)(1 << first));
  __m512i bits = _mm512_castsi128_si512(one);
  for (int q = 1; q < 4; q++) bits = _mm512_mask_broadcast_i32x4(
    bits, (__mmask16)(0xf << 4 * q), _mm_set1_epi8((char)(1 << (first + q))));
  return _mm512_test_epi8_mask(x, bits);
}

ALWAYS_INLINE __m512i add_bits(__m512i codes, __mmask64 where, int value) {
  return _mm512_mask_add_epi8(codes, where, codes, _mm512_set1_epi8((char)value));
}

typedef uint16_t indices __attribute__((vector_size(64)));

// The 16-bit words `index` of a group: those below 32 from its first 64 bytes, the rest from the 64 bytes that end
// `last` words after its start.
ALWAYS_INLINE __m512i pick_words(const uint8_t *group, int last, indices index) {
  __m512i first = _mm512_loadu_si512(group), second = _mm512_loadu_si512(group + 2 * (last - 32));
  return _mm512_permutex2var_epi16(first, (__m512i)index, second);
}

// The index of word `word` for pick_words.
ALWAYS_INLINE uint16_t word_index(int word, int last) {
  return (uint16_t)(word < 32 ? word : word - (last - 32) + 32);
}

// The 16 bytes of nibbles of four blocks, which start `header` words into blocks of `size` words, become codes:
// low nibbles, then high ones.
ALWAYS_INLINE void split_nibbles(const uint8_t *group, int size, int header, __m512i codes[2]) {
#define EIGHT(b) \
  WORD(b, 0), WORD(b, 1), WORD(b, 2), WORD(b, 3), WORD(b, 4), WORD(b, 5), WORD(b, 6), WORD(b, 7)
#define WORD(b, j) word_index(b * size + header + j, 4 * size)
  indices index = {EIGHT(0), EIGHT(1), EIGHT(2), EIGHT(3)};
#undef WORD
#undef EIGHT
  __m512i x = pick_words(group, 4 * size, index), mask = _mm512_set1_epi8(15);
  codes[0] = _mm512_and_si512(x, mask);
  codes[1] = _mm512_and_si512(_mm512_srli_epi16(x, 4), mask);
}

// The first word of four rows' blocks of `size` words, and with `minima` the second, negated, as floats [block][row].
ALWAYS_INLINE void small_scales(const uint8_t *const rows[4], int size, int minima, four_rows *g) {
  int last = size > 12 ? 64 : 4 * size;
#define FOUR(b, word) WORD(b, word), WORD(b, word), WORD(b, word), WORD(b, word)
#define WORD(b, word) word_index(b * size + word, last)
  indices index = {
    FOUR(0, 0), FOUR(1, 0), FOUR(2, 0), FOUR(3, 0), FOUR(0, 1), FOUR(1, 1), FOUR(2, 1), FOUR(3, 1)};
#undef WORD
#undef FOUR
  __m512i all = _mm512_setzero_si512();
  for (int r = 0; r < 4; r++) {
    __m512i some = pick_words(rows[r], last, index);
    all = _mm512_mask_mov_epi16(all, 0x11111111u << r, some);
  }
  g->scales[0] = (floats)_mm512_cvtph_ps(_mm512_castsi512_si256(all));
  if (minima) g->minima[0] = -(floats)_mm512_cvtph_ps(_mm512_extracti64x4_epi64(all, 1));
}

ALWAYS_INLINE void load_q4_0(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) split_nibbles(rows[r], 9, 1, g->codes[r]);
  small_scales(rows, 9, 0, g);
}

ALWAYS_INLINE void load_q4_1(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) split_nibbles(rows[r], 10, 2, g->codes[r]);
  small_scales(rows, 10, 1, g);
}

// Adds 16 where the 32 bits that stand `offset` bytes into each block of `size` bytes are set.
ALWAYS_INLINE void add_fifth_bits(const uint8_t *group, size_t size, size_t offset, __m512i codes[2]) {
  uint64_t masks[2] = {0};
  for (size_t b = 0; b < 4; b++) {
    uint32_t bits;
    memcpy(&bits, group + b * size + offset, 4);
    masks[0] |= (uint64_t)(bits & 0xffff) << 16 * b;
    masks[1] |= (uint64_t)(bits >> 16) << 16 * b;
  }
  for (int h = 0; h < 2; h++) codes[h] = add_bits(codes[h], masks[h], 16);
}

ALWAYS_INLINE void load_q5_0(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    split_nibbles(rows[r], 11, 3, g->codes[r]);
    add_fifth_bits(rows[r], 22, 2, g->codes[r]);
  }
  small_scales(rows, 11, 0, g);
}

ALWAYS_INLINE void load_q5_1(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    split_nibbles(rows[r], 12, 4, g->codes[r]);
    add_fifth_bits(rows[r], 24, 4, g->codes[r]);
  }
  small_scales(rows, 12, 1, g);
}

ALWAYS_INLINE void load_q8_0(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++) {
      const uint8_t *qs = rows[r] + 2 + 16 * h;
      __m512i x = broadcast_128(qs);
      for (size_t b = 1; b < 4; b++)
        x = _mm512_mask_broadcast_i32x4(
          x, (__mmask16)(0xf << 4 * b), _mm_loadu_si128((const __m128i *)(qs + b * sizeof(block_q8_0))));
      g->codes[r][h] = _mm512_xor_si512(x, _mm512_set1_epi8((char)0x80));
    }
  small_scales(rows, 17, 0, g);
}

ALWAYS_INLINE void load_q2_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++) {
      const uint8_t *qs = ((const block_q2_k *)rows[r])->qs + 32 * half + 16 * h;
      g->codes[r][h] = shift_and_mask(broadcast_128(qs), 0, 2, 4, 6, 3);
    }
  scales_q2_k(rows, half, g->scales, g->minima);
}

ALWAYS_INLINE void load_q3_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++) {
      const block_q3_k *b = (const block_q3_k *)rows[r];
      __m512i codes = shift_and_mask(broadcast_128(b->qs + 32 * half + 16 * h), 0, 2, 4, 6, 3);
      __m512i high = broadcast_128(b->hmask + 16 * h);
      g->codes[r][h] = add_bits(codes, half ? bits_from(high, 4) : bits_from(high, 0), 4);
    }
  scales_q3_k(rows, half, g->scales);
}

// The nibbles of Q4_K and Q5_K: 32 low ones make a block, the 32 high ones of the same bytes the next.
ALWAYS_INLINE void split_k4_nibbles(const uint8_t *qs, __m512i codes[2]) {
  __m512i x = _mm512_loadu_si512(qs);
  codes[0] = shift_and_mask(_mm512_shuffle_i32x4(x, x, 0xa0), 0, 4, 0, 4, 15);
  codes[1] = shift_and_mask(_mm512_shuffle_i32x4(x, x, 0xf5), 0, 4, 0, 4, 15);
}

ALWAYS_INLINE void load_q4_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) split_k4_nibbles(((const block_q4_k *)rows[r])->qs + 64 * half, g->codes[r]);
  scales_k4(rows, half, &g->scales[0], &g->minima[0]);
}

ALWAYS_INLINE void load_q5_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    const block_q5_k *b = (const block_q5_k *)rows[r];
    split_k4_nibbles(b->qs + 64 * half, g->codes[r]);
    for (size_t h = 0; h < 2; h++) {
      __m512i high = broadcast_128(b->qh + 16 * h);
      g->codes[r][h] = add_bits(g->codes[r][h], half ? bits_from(high, 4) : bits_from(high, 0), 16);
    }
  }
  scales_k4(rows, half, &g->scales[0], &g->minima[0]);
}

ALWAYS_INLINE void load_q6_k(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    const block_q6_k *b = (const block_q6_k *)rows[r];
    __m512i x = _mm512_loadu_si512(b->ql + 64 * half);
    __m512i low[2] = {_mm512_shuffle_i32x4(x, x, 0x88), _mm512_shuffle_i32x4(x, x, 0xdd)};
    for (size_t h = 0; h < 2; h++) {
      __m512i top = shift_and_mask(broadcast_128(b->qh + 32 * half + 16 * h), 0, 2, 4, 6, 3);
      g->codes[r][h] = _mm512_or_si512(shift_and_mask(low[h], 0, 0, 4, 4, 15), _mm512_slli_epi16(top, 4));
    }
  }
  scales_q6_k(rows, half, g->scales);
}

ALWAYS_INLINE void look_up_iq4(__m512i codes[2]) {
  __m128i values = _mm_xor_si128(_mm_loadu_si128((const __m128i *)iq4_values), _mm_set1_epi8((char)0x80));
  for (int h = 0; h < 2; h++) codes[h] = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), codes[h]);
}

ALWAYS_INLINE void load_iq4_nl(const uint8_t *const rows[4], size_t half, four_rows *g) {
  load_q4_0(rows, half, g);
  for (int r = 0; r < 4; r++) look_up_iq4(g->codes[r]);
}

ALWAYS_INLINE void load_iq4_xs(const uint8_t *const rows[4], size_t half, four_rows *g) {
  for (int r = 0; r < 4; r++) {
    __m512i x = _mm512_loadu_si512(((const block_iq4_xs *)rows[r])->qs + 64 * half), mask = _mm512_set1_epi8(15);
    g->codes[r][0] = _mm512_and_si512(x, mask);
    g->codes[r][1] = _mm512_and_si512(_mm512_srli_epi16(x, 4), mask);
    look_up_iq4(g->codes[r]);
  }
  scales_iq4_xs(rows, half, &g->scales[0]);
}

ALWAYS_INLINE __m512i add_unpacked_32(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

// Four rows times one column, one group: the integer sums [block][row] of the blocks, or of their halves. The four
// lanes of each quarter are added while quarters of four rows are interleaved.
ALWAYS_INLINE void sum_rows(
  const four_rows *g, const hypnos_column_group *column, int halves, int bits, ints sums[2]) {
  (void)bits;
  __m512i values[2] = {_mm512_load_si512(column->values[0]), _mm512_load_si512(column->values[1])};
  for (int part = 0; part < halves; part++) {
    __m512i dots[4];
    for (int r = 0; r < 4; r++) {
      dots[r] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), g->codes[r][part], values[part]);
      if (halves == 1) dots[r] = _mm512_dpbusd_epi32(dots[r], g->codes[r][1], values[1]);
    }
    __m512i top = add_unpacked_32(dots[0], dots[1]), bottom = add_unpacked_32(dots[2], dots[3]);
    sums[part] =
      (ints)_mm512_add_epi32(_mm512_unpacklo_epi64(top, bottom), _mm512_unpackhi_epi64(top, bottom));
  }
}

// Sixteen rows' group `index` goes to rows `row` to `row + 15` of the panel.
ALWAYS_INLINE void store_group(
  const four_rows g[4], int halves, int minimum, size_t row, size_t index, const panel *p) {
  for (size_t half = 0; half < 2; half++) {
    ints columns[16];
    for (int r = 0; r < 16; r++) columns[r] = (ints)g[r / 4].codes[r % 4][half];
    transpose_words(columns);
    for (size_t w = 0; w < 16; w++) {
      size_t block = w / 4 * p->groups + index, step = half * 4 + w % 4;
      _mm512_store_si512(p->codes + ((block * 8 + step) * PANEL_ROWS + row) * 4, (__m512i)columns[w]);
    }
  }
  for (size_t four = 0; four < 4; four++)
    for (int h = 0; h < halves; h++) {
      store_scales(g[four].scales[h], h, row + 4 * four, index, p->groups, p->scales);
      if (minimum) store_scales(g[four].minima[h], h, row + 4 * four, index, p->groups, p->minima);
    }
}

// Sixteen rows' codes of step `step` of a block, which begins at `codes`. With `nibbles` the second four steps are the
// high halves of the first four's bytes.
ALWAYS_INLINE __m512i load_codes(const uint8_t *codes, int step, int nibbles) {
  __m512i x = _mm512_load_si512(codes + (nibbles ? step % 4 : step) * PANEL_ROWS * 4);
  if (nibbles && step >= 4) x = _mm512_srli_epi16(x, 4);
  return nibbles ? _mm512_and_si512(x, _mm512_set1_epi8(15)) : x;
}

// Adds one block of 32 rows, at `position` in the panel and at `place` in the columns, times `count` columns to the
// running sums.
ALWAYS_INLINE void multiply_block(
  const panel *p, size_t position, int shift, int halves, int minimum, int nibbles,
  const hypnos_column_block *const columns[PANEL_COLUMNS], size_t place, int count, __m512 sums[2][PANEL_COLUMNS]) {
  for (int h = 0; h < halves; h++) {
    int part = halves == 2 ? 1 + h : 0, steps = 8 / halves;
    __m512i dots[2][PANEL_COLUMNS];
    for (int c = 0; c < count; c++) {
      __m512i start = _mm512_setzero_si512();
      if (!minimum) {
        // Shifted as a number and repeated from memory: what shifts vectors, or repeats a register, multiplies as well.
        int32_t bias = columns[c][place].sums[part].negative * (1 << shift);
        if (halves == 1) __asm__("" : "+m"(bias));
        start = _mm512_set1_epi32(bias);
      }
      dots[0][c] = dots[1][c] = start;
    }
    const uint8_t *codes = p->codes + position * (nibbles ? 4 : 8) * PANEL_ROWS * 4;
    _Pragma("clang loop unroll(full)") for (int s = 0; s < steps; s++) {
      int step = h * steps + s;
      __m512i w0 = load_codes(codes, step, nibbles), w1 = load_codes(codes + 64, step, nibbles);
      for (int c = 0; c < count; c++) {
        int32_t four;
        memcpy(&four, &columns[c][place].values[step / 4][step % 4 * 4], 4);
        __m512i a = _mm512_set1_epi32(four);
        dots[0][c] = _mm512_dpbusd_epi32(dots[0][c], w0, a);
        dots[1][c] = _mm512_dpbusd_epi32(dots[1][c], w1, a);
      }
    }
    size_t at = position * p->block_scales + (size_t)h * PANEL_ROWS;
    for (int i = 0; i < 2; i++) {
      __m512 scales = _mm512_load_ps(p->scales + at + i * 16);
      __m512 minima = minimum ? _mm512_load_ps(p->minima + at + i * 16) : scales;
      for (int c = 0; c < count; c++) {
        const hypnos_column_block *column = columns[c] + place;
        __m512 factor = _mm512_mul_ps(scales, _mm512_set1_ps(column->scale));
        sums[i][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[i][c]), factor, sums[i][c]);
        if (minimum)
          sums[i][c] = _mm512_fnmadd_ps(minima, _mm512_set1_ps(column->sums[part].scaled), sums[i][c]);
      }
    }
  }
}

ALWAYS_INLINE void multiply_panel_as(
  const panel *p, int shift, int halves, int minimum, int nibbles, const hypnos_column_block *first, int count,
  float out[PANEL_COLUMNS][PANEL_ROWS]) {
  const hypnos_column_block *columns[PANEL_COLUMNS];
  for (int c = 0; c < count; c++) columns[c] = column_at(p, first, (size_t)c);
  const uint8_t *line = p->ahead, *due = line;
  for (size_t lane = 0; lane < 4; lane++) {
    __m512 sums[2][PANEL_COLUMNS];
    for (int c = 0; c < count; c++) sums[0][c] = sums[1][c] = _mm512_setzero_ps();
    for (size_t g = 0; g < blocks_in_lane(p, lane); g++) {
      line = fetch_lines(line, due += p->ahead_step);
      size_t position = p->starts[lane] + g, place = lane * p->groups + g;
      multiply_block(p, position, shift, halves, minimum, nibbles, columns, place, count, sums);
    }
    for (int c = 0; c < count; c++)
      for (int i = 0; i < 2; i++) {
        __m512 before = lane ? _mm512_load_ps(out[c] + i * 16) : _mm512_setzero_ps();
        _mm512_store_ps(out[c] + i * 16, lane ? _mm512_add_ps(before, sums[i][c]) : sums[i][c]);
      }
  }
}

ALWAYS_INLINE void multiply_panel(
  const panel *p, int shift, int halves, int minimum, int nibbles, const hypnos_column_block *columns, int count,
  float out[PANEL_COLUMNS][PANEL_ROWS]) {
  switch (count) {
    case 6: multiply_panel_as(p, shift, halves, minimum, nibbles, columns, 6, out); break;
    case 5: multiply_panel_as(p, shift, halves, minimum, nibbles, columns, 5, out); break;
    case 4: multiply_panel_as(p, shift, halves, minimum, nibbles, columns, 4, out); break;
    case 3: multiply_panel_as(p, shift, halves, minimum, nibbles, columns, 3, out); break;
    case 2: multiply_panel_as(p, shift, halves, minimum, nibbles, columns, 2, out); break;
    default: multiply_panel_as(p, shift, halves, minimum, nibbles, columns, 1, out); break;
  }
}

// One set of functions for each shape of format, so that the loops are compiled with it as a constant.
#define PANEL_SHAPE(name, halves, minimum, nibbles) \
  static void multiply_##name##_##halves##minimum( \
    const panel *p, int shift, const hypnos_column_block *columns, int count, \
    float out[PANEL_COLUMNS][PANEL_ROWS]) { \
    multiply_panel(p, shift, halves, minimum, nibbles, columns, count, out); \
  }
PANEL_SHAPE(codes, 1, 0, 0)
PANEL_SHAPE(codes, 1, 1, 0)
PANEL_SHAPE(codes, 2, 0, 0)
PANEL_SHAPE(codes, 2, 1, 0)
PANEL_SHAPE(nibbles, 1, 0, 1)
PANEL_SHAPE(nibbles, 1, 1, 1)
PANEL_SHAPE(nibbles, 2, 0, 1)
PANEL_SHAPE(nibbles, 2, 1, 1)

#define PANEL_FOR(bits, halves, minimum) multiply_codes_##halves##minimum
#define NIBBLE_PANEL_FOR(bits, halves, minimum) multiply_nibbles_##halves##minimum
#include "products.h"
#include "packed.h"

const hypnos_kernels hypnos_avx512vnni_kernels = {
  .name = "avx512vnni", .multiply = multiply, HYPNOS_PACKED_KERNELS, HYPNOS_FLOAT_KERNELS, HYPNOS_FINE_KERNELS,
  HYPNOS_LIMIT_KERNELS};

#pragma clang attribute pop
#endif
