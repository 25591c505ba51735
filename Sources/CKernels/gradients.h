// What training needs beside generation: products of float32 matrices, rows of weights decoded to float32, and the
// backward twins of the loops in floats.h. Written once over vectors of sixteen, like those, and included by each
// instruction set's file after them; GRADIENT_ROWS and GRADIENT_VECTORS are the sums its registers hold.
#ifndef HYPNOS_GRADIENTS_H
#define HYPNOS_GRADIENTS_H

// How much of the summed index is gone through at a time.
enum { GRADIENT_DEPTH = 256, GRADIENT_AHEAD = 16 };

// c[rows][16 * vectors] = a * b, or += where it `adds`, each sum in the order of p; `rows` is at most GRADIENT_ROWS.
ALWAYS_INLINE void multiply_add_tile(
  int rows, int vectors, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row,
  float *c, size_t c_row, int adds) {
  floats sums[GRADIENT_ROWS][GRADIENT_VECTORS];
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < vectors; v++) sums[i][v] = adds ? load(c + (size_t)i * c_row + 16 * v) : (floats){};
  for (size_t p = 0; p < k; p++) {
    floats operand[GRADIENT_VECTORS];
    for (int v = 0; v < vectors; v++) {
      operand[v] = load(b + p * b_row + 16 * v);
      __builtin_prefetch(b + (p + GRADIENT_AHEAD) * b_row + 16 * v);
    }
    for (int i = 0; i < rows; i++) {
      floats factor = splat(a[(size_t)i * a_row + p * a_step]);
      for (int v = 0; v < vectors; v++) sums[i][v] = fused(factor, operand[v], sums[i][v]);
    }
  }
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < vectors; v++) store(c + (size_t)i * c_row + 16 * v, sums[i][v]);
}

// `rows` rows of c, whole vectors of columns; in tiles as wide as the registers allow.
ALWAYS_INLINE void multiply_add_rows(
  int rows, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
  size_t c_row, int adds) {
  size_t j = 0;
  for (; j + 16 * GRADIENT_VECTORS <= n; j += 16 * GRADIENT_VECTORS)
    multiply_add_tile(rows, GRADIENT_VECTORS, k, a, a_row, a_step, b + j, b_row, c + j, c_row, adds);
  for (; j + 16 <= n; j += 16) multiply_add_tile(rows, 1, k, a, a_row, a_step, b + j, b_row, c + j, c_row, adds);
}

// Whole vectors of columns; as many rows at a time as the registers hold, and fewer at the end.
static void multiply_add_whole(
  size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
  size_t c_row, int adds) {
  size_t i = 0;
#define ROWS(count) \
  for (; i + (count) <= m; i += (count)) \
    multiply_add_rows(count, n, k, a + i * a_row, a_row, a_step, b, b_row, c + i * c_row, c_row, adds)
  ROWS(GRADIENT_ROWS);
  ROWS(4);
  ROWS(2);
  ROWS(1);
#undef ROWS
}

// Fewer than sixteen columns: b is filled up with zeros, and so is c on its way.
static void multiply_add_rest(
  size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
  size_t c_row, int adds) {
  enum { TOGETHER = 16 };
  float padded[GRADIENT_DEPTH * 16], sums[TOGETHER * 16];
  for (size_t p = 0; p < k; p++) store(padded + 16 * p, load_part(b + p * b_row, n));
  for (size_t i = 0; i < m; i += TOGETHER) {
    size_t rows = m - i < TOGETHER ? m - i : TOGETHER;
    if (adds)
      for (size_t r = 0; r < rows; r++) store(sums + 16 * r, load_part(c + (i + r) * c_row, n));
    multiply_add_whole(rows, 16, k, a + i * a_row, a_row, a_step, padded, 16, sums, 16, adds);
    for (size_t r = 0; r < rows; r++) store_part(c + (i + r) * c_row, load(sums + 16 * r), n);
  }
}

static void multiply_add(
  size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
  size_t c_row, int adds) {
  // As much of b as stays in the second-level cache while all rows of a pass over it.
  enum { BREADTH = 512 };
  for (size_t p = 0; p < k; p += GRADIENT_DEPTH) {
    size_t depth = k - p < GRADIENT_DEPTH ? k - p : GRADIENT_DEPTH;
    const float *left = a + p * a_step;
    for (size_t j = 0; j < n; j += BREADTH) {
      size_t breadth = n - j < BREADTH ? n - j : BREADTH, rest = breadth % 16;
      const float *right = b + p * b_row + j;
      int adding = adds || p > 0;
      multiply_add_whole(m, breadth - rest, depth, left, a_row, a_step, right, b_row, c + j, c_row, adding);
      if (rest) {
        size_t whole = breadth - rest;
        multiply_add_rest(m, rest, depth, left, a_row, a_step, right + whole, b_row, c + j + whole, c_row, adding);
      }
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

// Rows of weights lie far apart, and a piece of each does not keep the processor's own prefetching going: while a group
// is decoded, the bytes `ahead` of it, which are wanted next, are fetched into the second-level cache.
ALWAYS_INLINE void fetch_group(int format, const uint8_t *row, size_t index, ptrdiff_t ahead) {
  uintptr_t start = (uintptr_t)group_at(format, row, index) + (uintptr_t)ahead;
  size_t bytes = has_super_blocks(format) ? block_bytes(format) : 4 * block_bytes(format);
  for (size_t line = 0; line < bytes + 63; line += 64) __builtin_prefetch((const void *)(start + line), 0, 2);
}

#define DECODE(name, number, shift, halves, minimum, bits) \
  static void decode_rows_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, ptrdiff_t ahead, float *out, \
    size_t out_row) { \
    for (size_t r = 0; r < row_count; r++) { \
      const uint8_t *row = rows + r * row_bytes; \
      for (size_t done = 0; done < count; done += HYPNOS_GROUP) { \
        size_t index = (first + done) / HYPNOS_GROUP, left = count - done; \
        plain_group group; \
        if (ahead) fetch_group(number, row, index, ahead); \
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
      if (part == 16) store(out + r * out_row + i, load_weights(format, rows + r * row_bytes, first + i));
      else store_part(out + r * out_row + i, load_weights_part(format, rows + r * row_bytes, first + i, part), part);
    }
}

static void decode_rows_ahead(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, ptrdiff_t ahead,
  float *out, size_t out_row) {
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: decode_rows_##name(rows, row_bytes, row_count, first, count, ahead, out, out_row); break;
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: decode_plain_rows(format, rows, row_bytes, row_count, first, count, out, out_row); break;
  }
}

static void decode_rows(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, float *out,
  size_t out_row) {
  decode_rows_ahead(format, rows, row_bytes, row_count, first, count, 0, out, out_row);
}

static void decode(int format, const uint8_t *row, size_t width, float *out) {
  decode_rows(format, row, 0, 1, 0, width, out, width);
}

// Calls BODY(load, store) for whole vectors, with `i` where each starts, and once for what is left of `count` values.
#define FOR_VECTORS(count, BODY) \
  do { \
    size_t i = 0, rest = (count) % 16; \
    for (; i + 16 <= (count); i += 16) BODY(LOAD_WHOLE, STORE_WHOLE); \
    if (rest) BODY(LOAD_REST, STORE_REST); \
  } while (0)
#define LOAD_WHOLE(p) load((p) + i)
#define STORE_WHOLE(p, x) store((p) + i, x)
#define LOAD_REST(p) load_part((p) + i, rest)
#define STORE_REST(p, x) store_part((p) + i, x, rest)

static float largest(const float *values, size_t count) {
  floats most = splat(-INFINITY);
  size_t i = 0;
  for (; i + 16 <= count; i += 16) most = larger(load(values + i), most);
  float result = largest_lane(most);
  for (; i < count; i++) result = values[i] > result ? values[i] : result;
  return result;
}

static float exponentials(float *values, float factor, float shift, size_t count) {
  floats sums = {};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    floats x = exponential(fused(load(values + i), splat(factor), splat(-shift)));
    store(values + i, x);
    sums += x;
  }
  float sum = add_lanes(sums);
  for (; i < count; i++) sum += values[i] = exponential1(__builtin_fmaf(values[i], factor, -shift));
  return sum;
}

static void softmax_backward(const float *probabilities, float *gradients, float factor, size_t count) {
  floats sums = {};
#define SUM(LOAD, STORE) sums = fused(LOAD(probabilities), LOAD(gradients), sums)
  FOR_VECTORS(count, SUM);
#undef SUM
  floats mean = splat(add_lanes(sums));
#define SET(LOAD, STORE) \
  STORE(gradients, LOAD(probabilities) * (LOAD(gradients) - mean) * splat(factor))
  FOR_VECTORS(count, SET);
#undef SET
}

static void rms_norm_backward(
  const float *values, const float *weights, float epsilon, size_t width, float *gradients) {
  floats squares = {}, products = {};
#define SUM(LOAD, STORE) \
  do { \
    floats x = LOAD(values); \
    squares = fused(x, x, squares); \
    products = fused(x, LOAD(gradients) * LOAD(weights), products); \
  } while (0)
  FOR_VECTORS(width, SUM);
#undef SUM
  float factor = 1.0f / sqrtf(add_lanes(squares) / (float)width + epsilon);
  floats along = splat(add_lanes(products) / (float)width * factor * factor);
#define SET(LOAD, STORE) \
  STORE(gradients, (LOAD(gradients) * LOAD(weights) - LOAD(values) * along) * splat(factor))
  FOR_VECTORS(width, SET);
#undef SET
}

// The activation's value and its derivative.
typedef struct { floats value, slope; } value_and_slope;

ALWAYS_INLINE value_and_slope silu_and_slope(floats x) {
  floats sigmoid = splat(1.0f) / (splat(1.0f) + exponential(-x));
  return (value_and_slope){x * sigmoid, sigmoid * fused(x, splat(1.0f) - sigmoid, splat(1.0f))};
}

ALWAYS_INLINE value_and_slope gelu_and_slope(floats x) {
  floats cubic = splat(0.044715f) * x * x, twice = splat(1.5957691216f);
  floats sigmoid = splat(1.0f) / (splat(1.0f) + exponential(-twice * x * (cubic + splat(1.0f))));
  floats inner = twice * fused(splat(3.0f), cubic, splat(1.0f));
  return (value_and_slope){x * sigmoid, sigmoid * fused(x * inner, splat(1.0f) - sigmoid, splat(1.0f))};
}

#define GATED_BACKWARD(name, function) \
  static void name(const float *gradients, float *gate, float *up, size_t width) { \
    FOR_VECTORS(width, GATED_STEP_##function); \
  }
#define GATED_STEP(function, LOAD, STORE) \
  do { \
    value_and_slope activation = function(LOAD(gate)); \
    floats gradient = LOAD(gradients), factor = LOAD(up); \
    STORE(gate, gradient * factor * activation.slope); \
    STORE(up, gradient * activation.value); \
  } while (0)
#define GATED_STEP_silu_and_slope(LOAD, STORE) GATED_STEP(silu_and_slope, LOAD, STORE)
#define GATED_STEP_gelu_and_slope(LOAD, STORE) GATED_STEP(gelu_and_slope, LOAD, STORE)
GATED_BACKWARD(silu_multiply_backward, silu_and_slope)
GATED_BACKWARD(gelu_multiply_backward, gelu_and_slope)
#undef GATED_BACKWARD
#undef GATED_STEP
#undef GATED_STEP_silu_and_slope
#undef GATED_STEP_gelu_and_slope

typedef uint32_t unsigneds __attribute__((vector_size(64)));

// MurmurHash3's finalizer: every bit of the result depends on every bit of x.
ALWAYS_INLINE unsigneds mixed(unsigneds x) {
  x = (x ^ x >> 16) * 0x85ebca6bu;
  x = (x ^ x >> 13) * 0xc2b2ae35u;
  return x ^ x >> 16;
}

static void drop(float *values, uint64_t key, uint32_t threshold, float factor, size_t width) {
  const unsigneds lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#define SET(LOAD, STORE) \
  do { \
    unsigneds random = mixed(mixed(lanes + (uint32_t)i + (uint32_t)key) ^ (uint32_t)(key >> 32)); \
    STORE(values, choose((ints)(random >= threshold), LOAD(values) * splat(factor), (floats){})); \
  } while (0)
  FOR_VECTORS(width, SET);
#undef SET
}

#undef FOR_VECTORS
#undef LOAD_WHOLE
#undef STORE_WHOLE
#undef LOAD_REST
#undef STORE_REST

// The entries of a table.
#define HYPNOS_GRADIENT_KERNELS \
  .multiply_add = multiply_add, .decode_rows = decode_rows, .largest = largest, .exponentials = exponentials, \
  .softmax_backward = softmax_backward, .rms_norm_backward = rms_norm_backward, \
  .silu_multiply_backward = silu_multiply_backward, .gelu_multiply_backward = gelu_multiply_backward, .drop = drop

#endif
