// The float32 loops, written once over vectors of sixteen and compiled by each instruction set's file under
// its own target: norms, rotary embedding and activations; the quantization of columns, products with plain rows and
// attention have files of their own. The order of every sum is fixed by the width of sixteen, not by the registers.
//
// The including file defines load_halves(const uint16_t *) -> floats and store_halves(uint16_t *, floats).
#ifndef HYPNOS_FLOATS_H
#define HYPNOS_FLOATS_H

#include "formats.h"

typedef float floats __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef float floats_anywhere __attribute__((vector_size(64), aligned(4)));
typedef int8_t bytes16 __attribute__((vector_size(16), aligned(1)));
typedef uint8_t ubytes16 __attribute__((vector_size(16), aligned(1)));

ALWAYS_INLINE floats load_halves(const uint16_t *p);
ALWAYS_INLINE void store_halves(uint16_t *p, floats x);

ALWAYS_INLINE floats load(const float *p) { return *(const floats_anywhere *)p; }
ALWAYS_INLINE void store(float *p, floats x) { *(floats_anywhere *)p = x; }
ALWAYS_INLINE floats splat(float x) { return x - (floats){}; }
ALWAYS_INLINE floats fused(floats a, floats b, floats c) { return __builtin_elementwise_fma(a, b, c); }
ALWAYS_INLINE floats choose(ints mask, floats a, floats b) { return (floats)((mask & (ints)a) | (~mask & (ints)b)); }

// Nearest integers of values below 2^22; whatever is not finite gives any integer.
ALWAYS_INLINE ints nearest(floats x) { return (ints)(x + splat(0x1.8p23f)) - 0x4b400000; }

// The bits of |x|: compared as integers, NaN is the largest of all.
ALWAYS_INLINE ints magnitude(floats x) { return (ints)x & 0x7fffffff; }

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

// The larger of two numbers, lane by lane; of NaN and a number the number, where it stands second.
ALWAYS_INLINE floats larger(floats a, floats b) { return choose(a > b, a, b); }

// The largest lane of x, none of which is NaN: halves of the lanes in turn, so that few comparisons wait for others.
ALWAYS_INLINE float largest_lane(floats x) {
  x = larger(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  x = larger(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  x = larger(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return x[0] > x[1] ? x[0] : x[1];
}

// x / ln 2 as the nearest integer: `shifted` has it in its low bits, since 1.5 * 2^23 is added.
ALWAYS_INLINE floats whole_powers(floats x, floats *shifted) {
  *shifted = fused(x, splat(0x1.715476p+0f), splat(0x1.8p23f));
  return *shifted - splat(0x1.8p23f);
}

// x times 2 to that integer.
ALWAYS_INLINE floats times_powers(floats x, floats shifted) { return x * (floats)(((ints)shifted + 127) << 23); }

// e to the x, within 2 units in the last place, for x between -87 and 88; NaN stays NaN.
// The exponent is split off, the rest is the Taylor series on [-ln 2 / 2, ln 2 / 2].
ALWAYS_INLINE floats exponential_within(floats x) {
  floats shifted, whole = whole_powers(x, &shifted);
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
  return times_powers(p, shifted);
}

// The same for all x, clamped to these bounds.
ALWAYS_INLINE floats exponential(floats x) {
  x = choose(x < splat(-87.0f), splat(-87.0f), x);
  return exponential_within(choose(x > splat(88.0f), splat(88.0f), x));
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

// Sixteen rows of sixteen words become columns.
ALWAYS_INLINE void transpose_words(ints r[16]) {
#define LOW64(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH64(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define EVEN128(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD128(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
  ints t[16];
  for (int i = 0; i < 16; i += 2)
    for (int high = 0; high < 2; high++) t[i + high] = interleave(r[i], r[i + 1], high);
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; j++) {
      r[i + 2 * j] = LOW64(t[i + j], t[i + j + 2]);
      r[i + 2 * j + 1] = HIGH64(t[i + j], t[i + j + 2]);
    }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 2; j++) {
      t[i + 8 * j] = EVEN128(r[i + 8 * j], r[i + 8 * j + 4]);
      t[i + 8 * j + 4] = ODD128(r[i + 8 * j], r[i + 8 * j + 4]);
    }
  for (int i = 0; i < 8; i++) {
    r[i % 4 + i / 4 * 4] = EVEN128(t[i], t[i + 8]);
    r[i % 4 + i / 4 * 4 + 8] = ODD128(t[i], t[i + 8]);
  }
#undef LOW64
#undef HIGH64
#undef EVEN128
#undef ODD128
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

#include "columns.h"

static void rms_norm(const float *values, const float *weights, float epsilon, size_t width, float *out) {
  floats squares = {};
  size_t whole = width / 16 * 16, rest = width - whole;
  for (size_t i = 0; i < whole; i += 16) squares = fused(load(values + i), load(values + i), squares);
  if (rest) squares = fused(load_part(values + whole, rest), load_part(values + whole, rest), squares);
  floats factor = splat(1.0f / sqrtf(add_lanes(squares) / (float)width + epsilon));
  for (size_t i = 0; i < whole; i += 16) {
    floats x = load(values + i) * factor;
    store(out + i, x * load(weights + i));
  }
  if (rest) {
    floats x = load_part(values + whole, rest) * factor;
    store_part(out + whole, x * load_part(weights + whole, rest), rest);
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

ALWAYS_INLINE void rotate_pairs(
  float *a, float *b, size_t step, const float *cosines, const float *sines, size_t pairs) {
  for (size_t i = 0; i < pairs; i++) {
    float x = a[i * step], y = b[i * step];
    a[i * step] = x * cosines[i] - y * sines[i];
    b[i * step] = x * sines[i] + y * cosines[i];
  }
}

static void rotate(float *head, const float *cosines, const float *sines, size_t size, int halves) {
  size_t pairs = size / 2;
  if (halves) rotate_pairs(head, head + pairs, 1, cosines, sines, pairs);
  else rotate_pairs(head, head + 1, 2, cosines, sines, pairs);
}

// The float half of a table; `multiply` is the including file's own.
#define HYPNOS_FLOAT_KERNELS \
  .quantize = quantize, .multiply_floats = multiply_floats, \
  .add_low_rank = add_low_rank, .decode = decode, .rms_norm = rms_norm, .add = add, .scale = scale, \
  .silu_multiply = silu_multiply, .gelu_multiply = gelu_multiply, .rotate = rotate, \
  .store_key = store_key, .store_value = store_value, .attend = attend, .merge = merge, \
  .sketch = sketch, .sketch_query = sketch_query, .score_sketch = score_sketch, .attend_sketched = attend_sketched, \
  HYPNOS_GRADIENT_KERNELS

#endif
