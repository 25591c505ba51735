// The float32 loops, written once over vectors of sixteen and compiled by each instruction set's file under
// its own target: attention, norms, rotary embedding, activations, products with plain float rows, and the
// quantization of columns. The order of every sum is fixed by the width of sixteen, not by the registers.
//
// The including file defines load_halves(const uint16_t *) -> floats and store_halves(uint16_t *, floats), and
// ATTEND_SUMS, how many vectors of sixteen sums its registers hold beside their operands.
#ifndef HYPNOS_FLOATS_H
#define HYPNOS_FLOATS_H

#include "formats.h"

typedef float floats __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef float floats_anywhere __attribute__((vector_size(64), aligned(4)));
enum { ATTEND_VECTORS = 8 };
typedef int8_t bytes16 __attribute__((vector_size(16), aligned(1)));
typedef uint8_t ubytes16 __attribute__((vector_size(16), aligned(1)));

ALWAYS_INLINE floats load_halves(const uint16_t *p);
ALWAYS_INLINE void store_halves(uint16_t *p, floats x);

ALWAYS_INLINE floats load(const float *p) { return *(const floats_anywhere *)p; }
ALWAYS_INLINE void store(float *p, floats x) { *(floats_anywhere *)p = x; }
ALWAYS_INLINE floats splat(float x) { return x - (floats){}; }
ALWAYS_INLINE floats fused(floats a, floats b, floats c) { return __builtin_elementwise_fma(a, b, c); }
ALWAYS_INLINE floats choose(ints mask, floats a, floats b) { return (floats)((mask & (ints)a) | (~mask & (ints)b)); }

ALWAYS_INLINE floats load_part(const float *p, size_t count) {
  float part[16] = {0};
  memcpy(part, p, count * sizeof(float));
  return load(part);
}

ALWAYS_INLINE void store_part(float *p, floats x, size_t count) {
  float part[16];
  store(part, x);
  memcpy(p, part, count * sizeof(float));
}

// Adds the sixteen lanes pairwise: i and i + 8, then i and i + 4, i + 2, i + 1.
ALWAYS_INLINE float add_lanes(floats x) {
  typedef float eight __attribute__((vector_size(32)));
  typedef float four __attribute__((vector_size(16)));
  eight a = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
            __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  four b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  return (b[0] + b[2]) + (b[1] + b[3]);
}

// e to the x, within 2 units in the last place between -87 and 88, and clamped to them; NaN stays NaN.
// The exponent is split off by adding 1.5 * 2^23, the rest is the Taylor series on [-ln 2 / 2, ln 2 / 2].
ALWAYS_INLINE floats exponential(floats x) {
  x = choose(x < splat(-87.0f), splat(-87.0f), x);
  x = choose(x > splat(88.0f), splat(88.0f), x);
  floats shifted = fused(x, splat(0x1.715476p+0f), splat(0x1.8p23f));
  floats whole = shifted - splat(0x1.8p23f);
  floats r = fused(whole, splat(-0x1.62e4p-1f), x);
  r = fused(whole, splat(-0x1.7f7d1cp-20f), r);
  floats p = splat(1.0f / 5040);
  p = fused(p, r, splat(1.0f / 720));
  p = fused(p, r, splat(1.0f / 120));
  p = fused(p, r, splat(1.0f / 24));
  p = fused(p, r, splat(1.0f / 6));
  p = fused(p, r, splat(0.5f));
  p = fused(p, r, splat(1.0f));
  p = fused(p, r, splat(1.0f));
  ints scale = ((ints)shifted + 127) << 23;
  return p * (floats)scale;
}

ALWAYS_INLINE float exponential1(float x) { return exponential(splat(x))[0]; }

typedef int32_t four_ints __attribute__((vector_size(16)));
typedef float four_floats __attribute__((vector_size(16)));

// Interleaves the lower (high = 0) or upper two lanes of every quarter of a and b.
ALWAYS_INLINE ints interleave(ints a, ints b, int high) {
  if (high)
    return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}

ALWAYS_INLINE four_ints quarter(ints x, int q) {
  switch (q) {
    case 0: return __builtin_shufflevector(x, x, 0, 1, 2, 3);
    case 1: return __builtin_shufflevector(x, x, 4, 5, 6, 7);
    case 2: return __builtin_shufflevector(x, x, 8, 9, 10, 11);
    default: return __builtin_shufflevector(x, x, 12, 13, 14, 15);
  }
}

// One number for each of four vectors: its lanes combined by COMBINE, which must be exact in any order.
#define REDUCE_FOUR(name, COMBINE, ...) \
  ALWAYS_INLINE four_ints name(const ints x[4]) { \
    ints a = COMBINE(interleave(x[0], x[2], 0), interleave(x[0], x[2], 1)); \
    ints b = COMBINE(interleave(x[1], x[3], 0), interleave(x[1], x[3], 1)); \
    ints all = COMBINE(interleave(a, b, 0), interleave(a, b, 1)); \
    return COMBINE(COMBINE(quarter(all, 0), quarter(all, 1)), COMBINE(quarter(all, 2), quarter(all, 3))); \
  }
#define PLUS(a, b) ((a) + (b))
REDUCE_FOUR(largest_of_four, __builtin_elementwise_max)
REDUCE_FOUR(sums_of_four, PLUS)
#undef PLUS
#undef REDUCE_FOUR

// Quantizes the 128 values at `values`: four blocks side by side.
ALWAYS_INLINE void quantize_group(const float *values, hypnos_column_group *group) {
  floats parts[2][4];
  ints magnitudes[4];
  for (int b = 0; b < 4; b++) {
    for (int h = 0; h < 2; h++) parts[h][b] = load(values + b * HYPNOS_BLOCK + h * 16);
    // Compared as integers, so that NaN is the largest of all.
    magnitudes[b] = __builtin_elementwise_max((ints)parts[0][b] & 0x7fffffff, (ints)parts[1][b] & 0x7fffffff);
  }
  four_floats peaks = (four_floats)largest_of_four(magnitudes), scales = peaks / 127.0f;
  four_ints present = peaks > 0.0f;
  four_floats inverses = (four_floats)((four_ints)(127.0f / peaks) & present);
  four_ints sums[3];
  for (int h = 0; h < 2; h++) {
    ints whole[4];
    for (int b = 0; b < 4; b++) {
      whole[b] = (ints)(parts[h][b] * splat(inverses[b]) + splat(0x1.8p23f)) - 0x4b400000;
      *(bytes16 *)group->values[h][b] = __builtin_convertvector(whole[b], bytes16);
    }
    sums[h] = sums_of_four(whole);
  }
  sums[2] = sums[0] + sums[1];
  memcpy(group->scales, &scales, 16);
  for (int s = 0; s < 3; s++) {
    four_ints negative = -sums[s];
    four_floats scaled = scales * __builtin_convertvector(sums[s], four_floats);
    memcpy(group->negative_sums[s], &negative, 16);
    memcpy(group->scaled_sums[s], &scaled, 16);
  }
}

static void quantize(const float *values, size_t width, void *base) {
  hypnos_column_group *groups = base;
  size_t whole = width / HYPNOS_GROUP, rest = width % HYPNOS_GROUP;
  for (size_t g = 0; g < whole; g++) quantize_group(values + g * HYPNOS_GROUP, groups + g);
  if (rest) {
    float padded[HYPNOS_GROUP] = {0};
    memcpy(padded, values + whole * HYPNOS_GROUP, rest * sizeof(float));
    quantize_group(padded, groups + whole);
  }
}

ALWAYS_INLINE floats load_weights(int format, const uint8_t *row, size_t index) {
  if (format == HYPNOS_F32) return load((const float *)row + index);
  if (format == HYPNOS_F16) return load_halves((const uint16_t *)row + index);
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

// A tile of up to four rows by up to four columns.
ALWAYS_INLINE void float_tile(
  int format, int rows, int columns, const uint8_t *row, size_t row_bytes, size_t width, const float *column,
  size_t column_stride, float *out, size_t out_stride) {
  floats sums[4][4] = {};
  size_t k = 0;
  for (; k + 16 <= width; k += 16) {
    floats x[4];
    for (int c = 0; c < columns; c++) x[c] = load(column + c * column_stride + k);
    for (int r = 0; r < rows; r++) {
      floats w = load_weights(format, row + r * row_bytes, k);
      for (int c = 0; c < columns; c++) sums[r][c] = fused(w, x[c], sums[r][c]);
    }
  }
  if (k < width) {
    for (int r = 0; r < rows; r++) {
      floats w = load_weights_part(format, row + r * row_bytes, k, width - k);
      for (int c = 0; c < columns; c++)
        sums[r][c] = fused(w, load_part(column + c * column_stride + k, width - k), sums[r][c]);
    }
  }
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) out[c * out_stride + r] = add_lanes(sums[r][c]);
}

ALWAYS_INLINE void multiply_floats_as(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const float *columns,
  size_t column_stride, size_t column_count, float *out, size_t out_stride) {
  for (size_t c = 0; c < column_count; c += 4) {
    for (size_t r = 0; r < row_count; r += 4) {
      const uint8_t *row = rows + r * row_bytes;
      const float *column = columns + c * column_stride;
      float *target = out + c * out_stride + r;
      int height = row_count - r < 4 ? (int)(row_count - r) : 4;
      int breadth = column_count - c < 4 ? (int)(column_count - c) : 4;
      if (height == 4 && breadth == 4)
        float_tile(format, 4, 4, row, row_bytes, width, column, column_stride, target, out_stride);
      else if (height == 4 && breadth == 1)
        float_tile(format, 4, 1, row, row_bytes, width, column, column_stride, target, out_stride);
      else
        for (int i = 0; i < height; i++)
          for (int j = 0; j < breadth; j++)
            float_tile(
              format, 1, 1, row + i * row_bytes, row_bytes, width, column + j * column_stride, column_stride,
              target + j * out_stride + i, out_stride);
    }
  }
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
  size_t value_bytes = format == HYPNOS_F32 ? 4 : 2;
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
  if (format == HYPNOS_F16)
    add_low_rank_as(HYPNOS_F16, tiles, rank, width, factors, factor_stride, column_count, out, out_stride);
  else
    add_low_rank_as(HYPNOS_F32, tiles, rank, width, factors, factor_stride, column_count, out, out_stride);
}

static void rms_norm(const float *values, const float *weights, float epsilon, size_t width, float *out) {
  floats squares = {};
  size_t whole = width / 16 * 16, rest = width - whole;
  for (size_t i = 0; i < whole; i += 16) squares = fused(load(values + i), load(values + i), squares);
  if (rest) squares = fused(load_part(values + whole, rest), load_part(values + whole, rest), squares);
  floats factor = splat(1.0f / sqrtf(add_lanes(squares) / (float)width + epsilon));
  for (size_t i = 0; i < whole; i += 16) {
    floats x = load(values + i) * factor;
    store(out + i, weights ? x * load(weights + i) : x);
  }
  if (rest) {
    floats x = load_part(values + whole, rest) * factor;
    store_part(out + whole, weights ? x * load_part(weights + whole, rest) : x, rest);
  }
}

static void add(float *values, const float *addend, size_t width) {
  for (size_t i = 0; i < width; i++) values[i] += addend[i];
}

static void scale(float *values, float factor, size_t width) {
  for (size_t i = 0; i < width; i++) values[i] *= factor;
}

ALWAYS_INLINE floats silu(floats x) { return x / (splat(1.0f) + exponential(-x)); }

// x * (1 + tanh(u)) / 2 with u = sqrt(2 / pi) * (x + 0.044715 x^3), which is x * sigmoid(2 u).
ALWAYS_INLINE floats gelu(floats x) {
  floats inner = x * fused(splat(0.044715f) * x, x, splat(1.0f));
  return x / (splat(1.0f) + exponential(splat(-1.5957691216f) * inner));
}

#define GATED(name, function) \
  static void name(float *gate, const float *up, size_t width) { \
    size_t i = 0; \
    for (; i + 16 <= width; i += 16) store(gate + i, function(load(gate + i)) * load(up + i)); \
    if (i < width) { \
      floats rest = function(load_part(gate + i, width - i)) * load_part(up + i, width - i); \
      store_part(gate + i, rest, width - i); \
    } \
  }
GATED(silu_multiply, silu)
GATED(gelu_multiply, gelu)
#undef GATED

static void rotate(float *head, const float *cosines, const float *sines, size_t size, int halves) {
  size_t pairs = size / 2, step = halves ? 1 : 2, distance = halves ? pairs : 1;
  for (size_t i = 0; i < pairs; i++) {
    float *a = head + i * step, *b = a + distance, x = *a, y = *b;
    *a = x * cosines[i] - y * sines[i];
    *b = x * sines[i] + y * cosines[i];
  }
}

// Eight bits for `count` values of a block of up to 32, and their scale as it is stored.
ALWAYS_INLINE uint16_t quantize_cached(const float *values, size_t count, int8_t codes[32]) {
  floats low = load_part(values, count < 16 ? count : 16), high = load_part(values + 16, count < 16 ? 0 : count - 16);
  ints magnitude = __builtin_elementwise_max((ints)low & 0x7fffffff, (ints)high & 0x7fffffff);
  int32_t largest = __builtin_reduce_max(magnitude);
  float peak;
  memcpy(&peak, &largest, 4);
  uint16_t halves[16];
  store_halves(halves, splat(peak / 127.0f));
  float scale = half_to_float(halves[0]), inverse = scale > 0 ? 1 / scale : 0;
  ints bound = (ints){} + 127;
  ints rounded[2] = {
    (ints)(low * splat(inverse) + splat(0x1.8p23f)) - 0x4b400000,
    (ints)(high * splat(inverse) + splat(0x1.8p23f)) - 0x4b400000};
  for (int h = 0; h < 2; h++) {
    rounded[h] = __builtin_elementwise_max(__builtin_elementwise_min(rounded[h], bound), -bound);
    *(bytes16 *)(codes + 16 * h) = __builtin_convertvector(rounded[h], bytes16);
  }
  return halves[0];
}

static void store_value(int cache, const float *value, size_t size, size_t position, void *tiles) {
  uint8_t *tile = (uint8_t *)tiles + position / HYPNOS_TILE * hypnos_tile_bytes(cache, size);
  size_t place = position % HYPNOS_TILE;
  if (cache == HYPNOS_CACHE_F16) {
    uint16_t *out = (uint16_t *)tile + place * size;
    for (size_t i = 0; i < size; i += 16) {
      uint16_t part[16];
      size_t count = size - i < 16 ? size - i : 16;
      store_halves(part, load_part(value + i, count));
      memcpy(out + i, part, count * 2);
    }
    return;
  }
  uint16_t *scales = (uint16_t *)(tile + HYPNOS_TILE * size) + place;
  for (size_t b = 0; b * 32 < size; b++) {
    int8_t codes[32];
    size_t count = size - b * 32 < 32 ? size - b * 32 : 32;
    scales[b * HYPNOS_TILE] = quantize_cached(value + b * 32, count, codes);
    memcpy(tile + place * size + b * 32, codes, count);
  }
}

static void store_key(int cache, const float *key, size_t size, size_t position, void *tiles) {
  uint8_t *tile = (uint8_t *)tiles + position / HYPNOS_TILE * hypnos_tile_bytes(cache, size);
  size_t place = position % HYPNOS_TILE;
  if (cache == HYPNOS_CACHE_F16) {
    uint16_t *out = (uint16_t *)tile + place;
    for (size_t i = 0; i < size; i += 16) {
      uint16_t part[16];
      size_t count = size - i < 16 ? size - i : 16;
      store_halves(part, load_part(key + i, count));
      for (size_t j = 0; j < count; j++) out[(i + j) * HYPNOS_TILE] = part[j];
    }
    return;
  }
  uint16_t *scales = (uint16_t *)(tile + HYPNOS_TILE * size) + place;
  for (size_t b = 0; b * 32 < size; b++) {
    int8_t codes[32];
    size_t count = size - b * 32 < 32 ? size - b * 32 : 32;
    scales[b * HYPNOS_TILE] = quantize_cached(key + b * 32, count, codes);
    for (size_t j = 0; j < count; j++) tile[(b * 32 + j) * HYPNOS_TILE + place] = (uint8_t)codes[j];
  }
}

ALWAYS_INLINE floats load_codes(const uint8_t *p) { return __builtin_convertvector(*(const bytes16 *)p, floats); }

// Scores of `count` queries against `tiles` tiles of sixteen keys, side by side: the lanes are the keys.
ALWAYS_INLINE void score_tiles(
  int cache, int count, int tiles, const float *queries, size_t size, const uint8_t *keys, float *scores) {
  floats sums[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS] = {};
  size_t tile_bytes = hypnos_tile_bytes(cache, size), step = cache == HYPNOS_CACHE_F16 ? size : 32;
  for (size_t from = 0; from < size; from += step) {
    floats parts[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS] = {};
    size_t to = from + step < size ? from + step : size;
    for (size_t d = from; d < to; d++) {
      for (int t = 0; t < tiles; t++) {
        const uint8_t *key = keys + (size_t)t * tile_bytes + d * HYPNOS_TILE * (cache == HYPNOS_CACHE_F16 ? 2 : 1);
        __builtin_prefetch(key + (size_t)tiles * tile_bytes, 0, 2);
        floats loaded = cache == HYPNOS_CACHE_F16 ? load_halves((const uint16_t *)key) : load_codes(key);
        for (int q = 0; q < count; q++)
          parts[q][t] = fused(splat(queries[(size_t)q * size + d]), loaded, parts[q][t]);
      }
    }
    for (int t = 0; t < tiles; t++) {
      const uint16_t *scales = (const uint16_t *)(keys + (size_t)t * tile_bytes + HYPNOS_TILE * size);
      floats scale = cache == HYPNOS_CACHE_F16 ? splat(1) : load_halves(scales + from / 32 * HYPNOS_TILE);
      for (int q = 0; q < count; q++)
        sums[q][t] = cache == HYPNOS_CACHE_F16 ? parts[q][t] : fused(parts[q][t], scale, sums[q][t]);
    }
  }
  for (int q = 0; q < count; q++)
    for (int t = 0; t < tiles; t++) store(scores + q * HYPNOS_CHUNK + t * HYPNOS_TILE, sums[q][t]);
}

// Turns one query's scores into exponentials; those outside its window become zero.
ALWAYS_INLINE void soften(float *scores, size_t tiles, int32_t first, int32_t last, float *maximum, float *sum) {
  ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  floats top = splat(-INFINITY), total = {};
  for (size_t t = 0; t < tiles; t++) {
    ints position = lane + (int32_t)(t * 16);
    ints seen = (position >= first) & (position < last);
    floats x = choose(seen, load(scores + t * 16), splat(-INFINITY));
    store(scores + t * 16, x);
    top = choose(x > top, x, top);
  }
  float highest = top[0];
  for (int i = 1; i < 16; i++) highest = top[i] > highest ? top[i] : highest;
  for (size_t t = 0; t < tiles; t++) {
    floats x = load(scores + t * 16);
    floats e = choose(x == splat(-INFINITY), (floats){}, exponential(x - splat(highest)));
    store(scores + t * 16, e);
    total += e;
  }
  *maximum = highest;
  *sum = add_lanes(total);
}

// How many positions ahead values are fetched to the second-level cache. Behind the last ones of a chunk the next
// head's keys lie.
enum { AHEAD = 32 };

// The f16 scales of block `block` of a tile's sixteen keys or values.
ALWAYS_INLINE const uint16_t *cached_scales(const uint8_t *tile, size_t size, size_t block) {
  return (const uint16_t *)(tile + HYPNOS_TILE * size) + block * HYPNOS_TILE;
}

// Sixteen of the dimensions, from `d` on, of the value at `place` of a tile, its scale left out.
ALWAYS_INLINE floats load_value(int cache, const uint8_t *tile, size_t size, size_t place, size_t d) {
  if (cache == HYPNOS_CACHE_F16) return load_halves((const uint16_t *)tile + place * size + d);
  return load_codes(tile + place * size + d);
}

ALWAYS_INLINE float load_one_value(int cache, const uint8_t *tile, size_t size, size_t place, size_t d) {
  if (cache == HYPNOS_CACHE_F16) return half_to_float(((const uint16_t *)tile)[place * size + d]);
  return (float)(int8_t)tile[place * size + d] * half_to_float(cached_scales(tile, size, d / 32)[place]);
}

// Weighted sums of `vectors` times sixteen of the values' dimensions, from `d` on, for all queries. With 8 bits the
// scales go into the weights, a tile at a time.
ALWAYS_INLINE void weigh_vectors(
  int cache, int count, int vectors, const float *weights, size_t from, size_t to, const uint8_t *values,
  size_t size, size_t d, float *outputs) {
  floats sums[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS] = {};
  float scaled[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS / 2 + 1][HYPNOS_TILE];
  size_t tile_bytes = hypnos_tile_bytes(cache, size);
  for (size_t first = from / HYPNOS_TILE * HYPNOS_TILE; first < to; first += HYPNOS_TILE) {
    const uint8_t *tile = values + first / HYPNOS_TILE * tile_bytes;
    if (cache != HYPNOS_CACHE_F16)
      for (size_t b = d / 32; b <= (d + 16 * (size_t)vectors - 1) / 32; b++)
        for (int q = 0; q < count; q++)
          store(scaled[q][b - d / 32], load(weights + q * HYPNOS_CHUNK + first) * load_halves(cached_scales(tile, size, b)));
    size_t start = first < from ? from : first, end = to - first < HYPNOS_TILE ? to : first + HYPNOS_TILE;
    for (size_t t = start; t < end; t++) {
      const uint8_t *ahead = values + (t + AHEAD) * tile_bytes / HYPNOS_TILE;
      for (size_t line = 0; line < tile_bytes / HYPNOS_TILE; line += 64) __builtin_prefetch(ahead + line, 0, 2);
      for (int v = 0; v < vectors; v++) {
        floats loaded = load_value(cache, tile, size, t - first, d + 16 * (size_t)v);
        size_t block = (d + 16 * (size_t)v) / 32 - d / 32;
        for (int q = 0; q < count; q++) {
          float weight = cache == HYPNOS_CACHE_F16 ? weights[q * HYPNOS_CHUNK + t] : scaled[q][block][t - first];
          sums[q][v] = fused(splat(weight), loaded, sums[q][v]);
        }
      }
    }
  }
  for (int q = 0; q < count; q++)
    for (int v = 0; v < vectors; v++) store(outputs + (size_t)q * size + d + 16 * (size_t)v, sums[q][v]);
}

// How many vectors are summed side by side, so that the sums of all queries stay in registers and no sum waits for
// itself.
ALWAYS_INLINE int vectors_together(int count) {
  int together = ATTEND_SUMS / count;
  return together < 1 ? 1 : together > ATTEND_VECTORS ? ATTEND_VECTORS : together;
}

ALWAYS_INLINE void weigh_values(
  int cache, int count, const float *weights, size_t from, size_t to, const uint8_t *values, size_t size,
  float *outputs) {
  size_t d = 0, together = (size_t)vectors_together(count);
  for (; d + 16 * together <= size; d += 16 * together)
    weigh_vectors(cache, count, (int)together, weights, from, to, values, size, d, outputs);
  for (; d + 16 <= size; d += 16) weigh_vectors(cache, count, 1, weights, from, to, values, size, d, outputs);
  for (; d < size; d++) {
    for (int q = 0; q < count; q++) {
      float sum = 0;
      for (size_t t = from; t < to; t++) {
        const uint8_t *tile = values + t / HYPNOS_TILE * hypnos_tile_bytes(cache, size);
        float value = load_one_value(cache, tile, size, t % HYPNOS_TILE, d);
        sum = __builtin_fmaf(weights[q * HYPNOS_CHUNK + t], value, sum);
      }
      outputs[(size_t)q * size + d] = sum;
    }
  }
}

ALWAYS_INLINE void attend_as(
  int cache, int count, const float *queries, size_t size, const uint8_t *keys, const uint8_t *values,
  const int32_t *firsts, const int32_t *lasts, float *maxima, float *sums, float *outputs, float *scratch) {
  int32_t from = HYPNOS_CHUNK, to = 0;
  for (int q = 0; q < count; q++) {
    from = firsts[q] < from ? firsts[q] : from;
    to = lasts[q] > to ? lasts[q] : to;
  }
  size_t tiles = ((size_t)to + HYPNOS_TILE - 1) / HYPNOS_TILE, t = (size_t)from / HYPNOS_TILE;
  size_t tile_bytes = hypnos_tile_bytes(cache, size), together = (size_t)vectors_together(count);
  // An 8-bit block needs a second sum for each.
  if (cache != HYPNOS_CACHE_F16) together = (together + 1) / 2;
  for (int q = 0; q < count; q++) memset(scratch + q * HYPNOS_CHUNK, 0, t * HYPNOS_TILE * sizeof(float));
  for (; t + together <= tiles; t += together)
    score_tiles(cache, count, (int)together, queries, size, keys + t * tile_bytes, scratch + t * HYPNOS_TILE);
  for (; t < tiles; t++)
    score_tiles(cache, count, 1, queries, size, keys + t * tile_bytes, scratch + t * HYPNOS_TILE);
  for (int q = 0; q < count; q++)
    soften(scratch + q * HYPNOS_CHUNK, tiles, firsts[q], lasts[q], maxima + q, sums + q);
  weigh_values(cache, count, scratch, (size_t)from, (size_t)to, values, size, outputs);
}

static void attend(
  int cache, const float *queries, size_t query_count, size_t size, const void *keys, const void *values,
  const int32_t *firsts, const int32_t *lasts, float *maxima, float *sums, float *outputs, float *scratch) {
#define AS(N) \
  case N: \
    if (cache == HYPNOS_CACHE_F16) \
      attend_as( \
        HYPNOS_CACHE_F16, N, queries, size, keys, values, firsts, lasts, maxima, sums, outputs, scratch); \
    else \
      attend_as(HYPNOS_CACHE_Q8, N, queries, size, keys, values, firsts, lasts, maxima, sums, outputs, scratch); \
    break
  switch (query_count) {
    AS(1);
    AS(2);
    AS(3);
    AS(4);
    AS(5);
    AS(6);
    AS(7);
    AS(8);
    default: break;
  }
#undef AS
}

static void merge(
  float *maximum, float *sum, float *output, float chunk_maximum, float chunk_sum, const float *chunk_output,
  size_t size) {
  float top = *maximum > chunk_maximum ? *maximum : chunk_maximum;
  float old = *sum == 0 ? 0 : exponential1(*maximum - top);
  float new = chunk_sum == 0 ? 0 : exponential1(chunk_maximum - top);
  for (size_t i = 0; i < size; i++) output[i] = output[i] * old + chunk_output[i] * new;
  *sum = *sum * old + chunk_sum * new;
  *maximum = top;
}

static void decode(int format, const uint8_t *row, size_t width, float *out) {
  if (format == HYPNOS_F32 || format == HYPNOS_F16 || format == HYPNOS_BF16) {
    for (size_t i = 0; i < width; i += 16) {
      size_t count = width - i < 16 ? width - i : 16;
      store_part(out + i, load_weights_part(format, row, i, count), count);
    }
    return;
  }
  for (size_t g = 0; g * HYPNOS_GROUP < width; g++) {
    size_t rest = width - g * HYPNOS_GROUP, count = rest < HYPNOS_GROUP ? rest : HYPNOS_GROUP;
    padded_group padded;
    const uint8_t *source = row;
    size_t index = g;
    if (count < HYPNOS_GROUP) {
      pad_group(row, g, count / HYPNOS_BLOCK, format, &padded);
      source = padded.bytes;
      index = 0;
    }
    plain_group group;
    int bias = 0, halves = 1, minimum = 0;
    switch (format) {
#define AS(name, number, shift, half_count, has_minimum, bits) \
  case number: \
    plain_##name(source, index, &group); \
    bias = shift < 0 ? 0 : 1 << (shift < 0 ? 0 : shift); \
    halves = half_count; \
    minimum = has_minimum; \
    break;
      HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
      default: return;
    }
    for (size_t i = 0; i < count; i++) {
      size_t half = halves == 2 ? i % 32 / 16 : 0;
      float value = group.scales[half][i / 32] * (float)(group.codes[i] - bias);
      out[g * HYPNOS_GROUP + i] = minimum ? value - group.minima[half][i / 32] : value;
    }
  }
}

// The float half of a table; `multiply` is the including file's own.
#define HYPNOS_FLOAT_KERNELS \
  .quantize = quantize, .multiply_floats = multiply_floats, .add_low_rank = add_low_rank, .decode = decode, \
  .rms_norm = rms_norm, .add = add, .scale = scale, .silu_multiply = silu_multiply, \
  .gelu_multiply = gelu_multiply, .rotate = rotate, \
  .store_key = store_key, .store_value = store_value, .attend = attend, .merge = merge, \
  HYPNOS_GRADIENT_KERNELS

#endif
