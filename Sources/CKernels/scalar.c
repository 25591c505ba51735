// The plain kernels: what every processor runs, and the definition the others are tested against.
enum { HAS_PANELS = 0 };
#include "floats.h"

enum { FLOAT_SUMS = 4, FLOAT_COLUMNS = 2 };
#include "floatrows.h"

enum { GRADIENT_ROWS = 2, GRADIENT_VECTORS = 1 };
#include "gradients.h"

enum { FINE_ROWS = 2 };

ALWAYS_INLINE ints add_pairs(ints sums, ints a, ints b) {
  unsigneds low = (unsigneds)((a << 16 >> 16) * (b << 16 >> 16)), high = (unsigneds)((a >> 16) * (b >> 16));
  return (ints)((unsigneds)sums + low + high);
}

#include "products16.h"

ALWAYS_INLINE ints add_bytes(ints sums, ints codes, ints values) {
  for (int shift = 0; shift < 32; shift += 8) sums += (codes >> shift & 0xff) * (values << (24 - shift) >> 24);
  return sums;
}

ALWAYS_INLINE ints widen_bytes(ints sums) { return sums; }

enum { ATTEND_SUMS = 8, FACTORS_AGAIN = 0 };
#include "attention.h"
#include "limits.h"

ALWAYS_INLINE floats load_halves(const uint16_t *p) {
  floats x;
  for (int i = 0; i < 16; i++) x[i] = half_to_float(p[i]);
  return x;
}

// Rounds to nearest even, as the F16C instructions do.
ALWAYS_INLINE uint16_t float_to_half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
  if (magnitude < 0x38800000) {
    float small;
    memcpy(&small, &magnitude, 4);
    small += 0.5f;  // aligns the subnormal's last place with the float's, so that the addition rounds it
    uint32_t rounded;
    memcpy(&rounded, &small, 4);
    return (uint16_t)(sign | (rounded - 0x3f000000));
  }
  return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

ALWAYS_INLINE void store_halves(uint16_t *p, floats x) {
  for (int i = 0; i < 16; i++) p[i] = float_to_half(x[i]);
}

ALWAYS_INLINE int32_t dot(const uint8_t *codes, const int8_t *values, int count) {
  int32_t sum = 0;
  for (int i = 0; i < count; i++) sum += codes[i] * values[i];
  return sum;
}

// Adds one group of a row times one column to the column's four partial sums.
ALWAYS_INLINE void add_group(
  int shift, int halves, int minimum, const plain_group *g, const hypnos_column_group *column, float partial[4]) {
  for (int i = 0; i < 4; i++) {
    int32_t sums[2];
    for (int h = 0; h < 2; h++) sums[h] = dot(g->codes + i * 32 + h * 16, column->values[h][i], 16);
    if (halves == 1) sums[0] += sums[1];
    for (int h = 0; h < halves; h++) {
      int part = halves == 2 ? 1 + h : 0;
      if (shift >= 0) sums[h] += column->sums[part].negative[i] * (1 << shift);
      partial[i] = __builtin_fmaf((float)sums[h], g->scales[h][i] * column->scales[i], partial[i]);
      if (minimum) partial[i] = __builtin_fmaf(-g->minima[h][i], column->sums[part].scaled[i], partial[i]);
    }
  }
}

#define COLUMN_TILE 64

#define MULTIPLY(name, number, shift, halves, minimum, bits) \
  static void multiply_##name( \
    const uint8_t *row, size_t width, const uint8_t *columns, size_t column_count, float *out, \
    size_t out_stride) { \
    size_t groups = width / HYPNOS_GROUP, tail = width % HYPNOS_GROUP / HYPNOS_BLOCK; \
    for (size_t from = 0; from < column_count; from += COLUMN_TILE) { \
      size_t count = column_count - from < COLUMN_TILE ? column_count - from : COLUMN_TILE; \
      float partial[COLUMN_TILE][4] = {0}; \
      for (size_t g = 0; g < groups + (tail > 0); g++) { \
        plain_group group; \
        padded_group padded; \
        if (g == groups) { \
          pad_group(row, g, tail, number, &padded); \
          plain_##name(padded.bytes, 0, &group); \
        } else { \
          plain_##name(row, g, &group); \
        } \
        for (size_t c = 0; c < count; c++) { \
          const void *column = columns + (from + c) * hypnos_column_bytes(width); \
          add_group(shift, halves, minimum, &group, (const hypnos_column_group *)column + g, partial[c]); \
        } \
      } \
      for (size_t c = 0; c < count; c++) { \
        float *p = partial[c]; \
        out[(from + c) * out_stride] = ((p[0] + p[1]) + p[2]) + p[3]; \
      } \
    } \
  }
HYPNOS_QUANTIZED_FORMATS(MULTIPLY)

static void multiply(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const void *columns,
  size_t column_count, float *out, size_t out_stride, void *scratch, const uint8_t *next) {
  (void)scratch;
  (void)next;
  for (size_t r = 0; r < row_count; r++) {
    switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: \
    multiply_##name(rows + r * row_bytes, width, columns, column_count, out + r, out_stride); \
    break;
      HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
      default: break;
    }
  }
}

const hypnos_kernels hypnos_scalar_kernels = {
  .name = "scalar", .multiply = multiply, HYPNOS_FLOAT_KERNELS, HYPNOS_FINE_KERNELS, HYPNOS_LIMIT_KERNELS};
