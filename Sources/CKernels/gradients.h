// What training needs beside generation: products of float32 matrices and rows of weights decoded to float32. Written
// once over vectors of sixteen, like floats.h, and included by each instruction set's file after it; GRADIENT_ROWS and
// GRADIENT_VECTORS are the sums its registers hold.
#ifndef HYPNOS_GRADIENTS_H
#define HYPNOS_GRADIENTS_H

// c[rows][16 * vectors] += a * b, each sum in the order of p.
ALWAYS_INLINE void multiply_add_tile(
  int rows, int vectors, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row,
  float *c, size_t c_row) {
  floats sums[GRADIENT_ROWS][GRADIENT_VECTORS];
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < vectors; v++) sums[i][v] = load(c + (size_t)i * c_row + 16 * v);
  for (size_t p = 0; p < k; p++) {
    floats operand[GRADIENT_VECTORS];
    for (int v = 0; v < vectors; v++) operand[v] = load(b + p * b_row + 16 * v);
    for (int i = 0; i < rows; i++) {
      floats factor = splat(a[(size_t)i * a_row + p * a_step]);
      for (int v = 0; v < vectors; v++) sums[i][v] = fused(factor, operand[v], sums[i][v]);
    }
  }
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < vectors; v++) store(c + (size_t)i * c_row + 16 * v, sums[i][v]);
}

// The same for any number of columns below sixteen.
static void multiply_add_rest(
  size_t rows, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row,
  float *c, size_t c_row) {
  for (size_t i = 0; i < rows; i++) {
    floats sum = load_part(c + i * c_row, n);
    for (size_t p = 0; p < k; p++)
      sum = fused(splat(a[i * a_row + p * a_step]), load_part(b + p * b_row, n), sum);
    store_part(c + i * c_row, sum, n);
  }
}

// `rows` rows of c; the columns in tiles as wide as the registers allow.
ALWAYS_INLINE void multiply_add_rows(
  int rows, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
  size_t c_row) {
  size_t j = 0;
  for (; j + 16 * GRADIENT_VECTORS <= n; j += 16 * GRADIENT_VECTORS)
    multiply_add_tile(rows, GRADIENT_VECTORS, k, a, a_row, a_step, b + j, b_row, c + j, c_row);
  for (; j + 16 <= n; j += 16) multiply_add_tile(rows, 1, k, a, a_row, a_step, b + j, b_row, c + j, c_row);
  if (j < n) multiply_add_rest((size_t)rows, n - j, k, a, a_row, a_step, b + j, b_row, c + j, c_row);
}

static void multiply_add(
  size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
  size_t c_row) {
  // As much of b as stays in the second-level cache while all rows of a pass over it.
  enum { DEPTH = 256, BREADTH = 512 };
  for (size_t p = 0; p < k; p += DEPTH) {
    size_t depth = k - p < DEPTH ? k - p : DEPTH;
    for (size_t j = 0; j < n; j += BREADTH) {
      size_t breadth = n - j < BREADTH ? n - j : BREADTH, i = 0;
      for (; i + GRADIENT_ROWS <= m; i += GRADIENT_ROWS)
        multiply_add_rows(
          GRADIENT_ROWS, breadth, depth, a + i * a_row + p * a_step, a_row, a_step, b + p * b_row + j, b_row,
          c + i * c_row + j, c_row);
      for (; i < m; i++)
        multiply_add_rows(
          1, breadth, depth, a + i * a_row + p * a_step, a_row, a_step, b + p * b_row + j, b_row, c + i * c_row + j,
          c_row);
    }
  }
}

// Values of one group as float32: scale * (code - bias) - minimum, rounded as `decode` rounds.
ALWAYS_INLINE void decode_group(const plain_group *g, int bias, int halves, int minimum, float *out) {
  for (int b = 0; b < 4; b++)
    for (int h = 0; h < 2; h++) {
      int part = halves == 2 ? h : 0;
      floats codes = __builtin_convertvector(
        __builtin_convertvector(*(const ubytes16 *)(g->codes + 32 * b + 16 * h), ints) - bias, floats);
      floats value = splat(g->scales[part][b]) * codes;
      if (minimum) value = value - splat(g->minima[part][b]);
      store(out + 32 * b + 16 * h, value);
    }
}

#define DECODE(name, number, shift, halves, minimum, bits) \
  static void decode_rows_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, float *out, size_t out_row) { \
    for (size_t r = 0; r < row_count; r++) { \
      const uint8_t *row = rows + r * row_bytes; \
      for (size_t done = 0; done < count; done += HYPNOS_GROUP) { \
        size_t index = (first + done) / HYPNOS_GROUP, left = count - done; \
        plain_group group; \
        if (left >= HYPNOS_GROUP) { \
          plain_##name(row, index, &group); \
          decode_group(&group, (shift) < 0 ? 0 : 1 << ((shift) & 7), halves, minimum, out + r * out_row + done); \
        } else { \
          float values[HYPNOS_GROUP]; \
          padded_group padded; \
          pad_group(row, index, left / HYPNOS_BLOCK, number, &padded); \
          plain_##name(padded.bytes, 0, &group); \
          decode_group(&group, (shift) < 0 ? 0 : 1 << ((shift) & 7), halves, minimum, values); \
          memcpy(out + r * out_row + done, values, left * sizeof(float)); \
        } \
      } \
    } \
  }
HYPNOS_QUANTIZED_FORMATS(DECODE)
#undef DECODE

static void decode_plain_rows(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, float *out,
  size_t out_row) {
  for (size_t r = 0; r < row_count; r++)
    for (size_t i = 0; i < count; i += 16) {
      size_t part = count - i < 16 ? count - i : 16;
      floats values = part == 16 ? load_weights(format, rows + r * row_bytes, first + i)
                                 : load_weights_part(format, rows + r * row_bytes, first + i, part);
      store_part(out + r * out_row + i, values, part);
    }
}

static void decode_rows(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, float *out,
  size_t out_row) {
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: decode_rows_##name(rows, row_bytes, row_count, first, count, out, out_row); break;
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: decode_plain_rows(format, rows, row_bytes, row_count, first, count, out, out_row); break;
  }
}

#endif
