// Products with rows of plain numbers, and both halves of a low-rank product. Written once over vectors of sixteen and
// included by each instruction set's file after floats.h. FLOAT_SUMS says how many vectors of sums the registers hold:
// those of FLOAT_COLUMNS columns and of as many rows as fit.
#ifndef HYPNOS_FLOATROWS_H
#define HYPNOS_FLOATROWS_H

ALWAYS_INLINE floats load_weights(int format, const uint8_t *row, size_t index) {
  if (format == HYPNOS_F32) return load((const float *)row + index);
  if (format == HYPNOS_F16) return load_halves((const uint16_t *)row + index);
  if (format == HYPNOS_I8) {
    typedef int8_t bytes __attribute__((vector_size(16), aligned(1)));
    return __builtin_convertvector(__builtin_convertvector(*(const bytes *)(row + index), ints), floats);
  }
  typedef uint16_t halves __attribute__((vector_size(32), aligned(1)));
  ints wide = __builtin_convertvector(*(const halves *)(row + 2 * index), ints);
  return (floats)(wide << 16);
}

ALWAYS_INLINE floats load_weights_part(int format, const uint8_t *row, size_t index, size_t count) {
  _Alignas(64) uint8_t part[64] = {0};
  size_t size = format == HYPNOS_F32 ? 4 : 2;
  memcpy(part, row + index * size, count * size);
  return load_weights(format, part, 0);
}

// The most rows and columns of a tile of products with plain float rows.
enum { FLOAT_TILE = 4 };

ALWAYS_INLINE void float_tile(
  int format, int rows, int columns, const uint8_t *row, size_t row_bytes, size_t width, const float *column,
  size_t column_stride, float *out, size_t out_stride) {
  floats sums[FLOAT_TILE][FLOAT_TILE] = {};
  size_t k = 0;
  for (; k + 16 <= width; k += 16)
    for (int r = 0; r < rows; r++) {
      floats w = load_weights(format, row + r * row_bytes, k);
      for (int c = 0; c < columns; c++) sums[r][c] = fused(w, load(column + c * column_stride + k), sums[r][c]);
    }
  if (k < width)
    for (int r = 0; r < rows; r++) {
      floats w = load_weights_part(format, row + r * row_bytes, k, width - k);
      for (int c = 0; c < columns; c++)
        sums[r][c] = fused(w, load_part(column + c * column_stride + k, width - k), sums[r][c]);
    }
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) out[c * out_stride + r] = add_lanes(sums[r][c]);
}

// Rows times a few columns, as many rows at once as the registers hold sums.
ALWAYS_INLINE void float_rows(
  int format, int columns, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const float *column,
  size_t column_stride, float *out, size_t out_stride) {
  int together = FLOAT_SUMS / columns < FLOAT_TILE ? FLOAT_SUMS / columns : FLOAT_TILE;
  size_t r = 0;
  for (; r + (size_t)together <= row_count; r += (size_t)together)
    float_tile(
      format, together, columns, rows + r * row_bytes, row_bytes, width, column, column_stride, out + r, out_stride);
  for (; r < row_count; r++)
    float_tile(format, 1, columns, rows + r * row_bytes, row_bytes, width, column, column_stride, out + r, out_stride);
}

ALWAYS_INLINE void multiply_floats_as(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const float *columns,
  size_t column_stride, size_t column_count, float *out, size_t out_stride) {
#define COLUMNS(count) \
  for (; column_count >= (count); column_count -= (count)) { \
    float_rows(format, count, rows, row_bytes, row_count, width, columns, column_stride, out, out_stride); \
    columns += (count) * column_stride; \
    out += (count) * out_stride; \
  }
  COLUMNS(FLOAT_COLUMNS);
  COLUMNS(2);
  COLUMNS(1);
#undef COLUMNS
}

static void multiply_floats(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const float *columns,
  size_t column_stride, size_t column_count, float *out, size_t out_stride) {
#define AS(F) \
  case F: \
    multiply_floats_as( \
      F, rows, row_bytes, row_count, width, columns, column_stride, column_count, out, out_stride); \
    break
  switch (format) {
    AS(HYPNOS_F32);
    AS(HYPNOS_F16);
    AS(HYPNOS_BF16);
    default: break;
  }
#undef AS
}

// One tile of sixteen values for up to four columns; the sum runs over the rank in its order.
ALWAYS_INLINE void low_rank_tile(
  int format, int columns, const uint8_t *tile, size_t rank, size_t count, const float *factors,
  size_t factor_stride, float *out, size_t out_stride) {
  floats sums[4] = {};
  for (size_t j = 0; j < rank; j++) {
    floats row = load_weights(format, tile, 16 * j);
    for (int c = 0; c < columns; c++) sums[c] = fused(splat(factors[c * factor_stride + j]), row, sums[c]);
  }
  for (int c = 0; c < columns; c++) {
    float *target = out + c * out_stride;
    if (count == 16)
      store(target, load(target) + sums[c]);
    else
      store_part(target, load_part(target, count) + sums[c], count);
  }
}

ALWAYS_INLINE void add_low_rank_as(
  int format, const uint8_t *tiles, size_t rank, size_t width, const float *factors, size_t factor_stride,
  size_t column_count, float *out, size_t out_stride) {
  size_t value_bytes = format == HYPNOS_F32 ? 4 : format == HYPNOS_F16 ? 2 : 1;
  for (size_t i = 0; i < width; i += 16) {
    const uint8_t *tile = tiles + i * rank * value_bytes;
    size_t count = width - i < 16 ? width - i : 16, c = 0;
    for (; c + 4 <= column_count; c += 4)
      low_rank_tile(
        format, 4, tile, rank, count, factors + c * factor_stride, factor_stride, out + c * out_stride + i,
        out_stride);
    for (; c < column_count; c++)
      low_rank_tile(
        format, 1, tile, rank, count, factors + c * factor_stride, factor_stride, out + c * out_stride + i,
        out_stride);
  }
}

static void add_low_rank(
  int format, const uint8_t *tiles, size_t rank, size_t width, const float *factors, size_t factor_stride,
  size_t column_count, float *out, size_t out_stride) {
#define AS(F) \
  case F: add_low_rank_as(F, tiles, rank, width, factors, factor_stride, column_count, out, out_stride); break
  switch (format) {
    AS(HYPNOS_F32);
    AS(HYPNOS_F16);
    AS(HYPNOS_I8);
    default: break;
  }
#undef AS
}

#endif
