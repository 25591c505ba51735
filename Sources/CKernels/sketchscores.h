// The first pass over a sketch: queries rounded, and a chunk's weights from its keys' codes. Included by sketch.h.
#ifndef HYPNOS_SKETCHSCORES_H
#define HYPNOS_SKETCHSCORES_H

#include "sketching.h"

// Queries and weights are rounded so that sums of every other product fit 16 bits: of 16 of a key's block, at most
// 15 * 127 each, or of 32 of a group of tiles, 15 * 63.
enum { QUERY_PEAK = 127, WEIGHT_PEAK = 63 };

// A key's blocks, at most.
enum { MOST_KEY_BLOCKS = HYPNOS_SKETCH_MOST / HYPNOS_KEY_BLOCK };

// Only so many lines can be on their way from memory, so they are fetched as evenly as they can be: three of every four
// lines of the next keys while those of these are multiplied, the others while scores become weights. From the
// second-level cache they are fetched a few tiles ahead.
enum { STEPS_FETCHED = KEY_STEPS - 1, TILES_SOON = 3 };

static const float LOG2_E = 0x1.715476p+0f;

// A block of a query, spread: as it is, as codes of 8 bits, four to a word, with their scale, and what 7.5 of each key's
// code comes to.
typedef struct {
  float values[HYPNOS_KEY_BLOCK];
  int32_t words[HYPNOS_KEY_BLOCK / 4];
  float scale, offset, square;
  int32_t unused[5];
} query_block;
_Static_assert(sizeof(query_block) == HYPNOS_SKETCH_QUERY_BLOCK, "whole cache lines");

// Values times `factor` as codes of 8 bits, four to a word; returns what 7.5 of each code they are multiplied with comes
// to.
ALWAYS_INLINE float round_to_words(const floats *values, size_t vectors, floats factor, int32_t *words) {
  ints sum = {};
  for (size_t v = 0; v < vectors; v++) {
    ints codes = nearest(values[v] * factor);
    bytes16 bytes = __builtin_convertvector(codes, bytes16);
    memcpy(words + 4 * v, &bytes, sizeof bytes);
    sum += codes;
  }
  return -7.5f * (float)__builtin_reduce_add(sum);
}

static void sketch_query(const float *query, size_t size, void *rounded) {
  query_block *to = rounded;
  for (size_t d = 0; d < size; d += HYPNOS_KEY_BLOCK, to++) {
    floats block[2] = {load(query + d), load(query + d + 16)};
    spread(block, block + 1, QUERY_FACTOR);
    ints most = __builtin_elementwise_max(magnitude(block[0]), magnitude(block[1]));
    floats factor = rounding_factor(most, QUERY_PEAK, &to->scale);
    for (int v = 0; v < 2; v++) store(to->values + 16 * v, block[v]);
    to->offset = round_to_words(block, 2, factor, to->words);
    to->square = add_lanes(fused(block[0], block[0], block[1] * block[1]));
  }
}

// A query's product with the mean of a chunk's keys.
ALWAYS_INLINE float multiply_mean(const query_block *query, size_t blocks, const float *means) {
  floats sum = {};
  for (size_t i = 0; i < blocks * HYPNOS_KEY_BLOCK; i += 16)
    sum = fused(load(query[i / HYPNOS_KEY_BLOCK].values + i % HYPNOS_KEY_BLOCK), load(means + i), sum);
  return add_lanes(sum);
}

// The standard deviation of a query's scores, at most, that comes of rounding the keys.
ALWAYS_INLINE float noise_of(const query_block *query, size_t blocks, const float *units) {
  float variance = 0;
  for (size_t b = 0; b < blocks; b++) {
    float coarsest = SCALE_PEAK * units[b];
    variance += query[b].square * (coarsest * coarsest / 12);
  }
  return sqrtf(variance);
}

// Four bytes of codes a lane as two vectors of bytes: the low halves and the high ones.
ALWAYS_INLINE void split_codes(const uint8_t *p, ints *low, ints *high) {
  ints loaded = *(const ints *)p;
  *low = loaded & 0x0f0f0f0f;
  *high = loaded >> 4 & 0x0f0f0f0f;
}

// 2 to the x, of at most 0, within a ten-thousandth, which is nothing beside the rounding of what it is used for; what
// is too small to change a sum stays large enough not to be subnormal in a product. The polynomial is the best of its
// degree on [-1/2, 1/2] that is 1 at 0.
ALWAYS_INLINE floats rough_power(floats x) {
  x = choose(x < splat(-86.0f), splat(-86.0f), x);
  floats shifted = x + splat(0x1.8p23f), r = x - (shifted - splat(0x1.8p23f));
  floats p = fused(splat(0x1.c2a216p-5f), r, splat(0x1.f00c4cp-3f));
  p = fused(p, r, splat(0x1.62f5fap-1f));
  p = fused(p, r, splat(1.0f));
  return (floats)((ints)p + ((ints)shifted << 23));
}

// A query's factor for a block's products, and what is added to these, both times the unit of the keys' scales.
typedef struct {
  float scale, offset;
} key_factor;

// The scores of `count` queries against a tile of sixteen keys, to which `offsets` are added; `tops` become the highest
// of each lane. Meanwhile the tile at `soon` and lines from `ahead` on are fetched.
ALWAYS_INLINE void score_sketched_tile(
  int count, const query_block *queries, size_t blocks, const uint8_t *codes, const uint8_t *soon, const uint8_t *ahead,
  const uint8_t *scales, const key_factor factors[][MOST_KEY_BLOCKS], const float *offsets, floats *tops,
  float *scores) {
  floats sums[HYPNOS_ATTEND_QUERIES];
  for (int q = 0; q < count; q++) sums[q] = splat(offsets[q]);
  for (size_t b = 0; b < blocks; b++) {
    ints parts[HYPNOS_ATTEND_QUERIES] = {};
    for (size_t step = 0; step < KEY_STEPS; step++) {
      ints low, high;
      size_t offset = (b * KEY_STEPS + step) * 64;
      if (step < STEPS_FETCHED) __builtin_prefetch(ahead + (b * STEPS_FETCHED + step) * 64, 0, 2);
      __builtin_prefetch(soon + offset, 0, 3);
      split_codes(codes + offset, &low, &high);
      for (int q = 0; q < count; q++) {
        const int32_t *words = queries[(size_t)q * blocks + b].words + 2 * step;
        parts[q] = add_bytes(add_bytes(parts[q], low, words[0] - (ints){}), high, words[1] - (ints){});
      }
    }
    floats scale = sketched_scales(scales + b * HYPNOS_TILE);
    for (int q = 0; q < count; q++) {
      floats product = __builtin_convertvector(widen_bytes(parts[q]), floats);
      product = fused(product, splat(factors[q][b].scale), splat(factors[q][b].offset));
      sums[q] = fused(product, scale, sums[q]);
    }
  }
  for (int q = 0; q < count; q++) {
    store(scores + q * HYPNOS_CHUNK, sums[q]);
    tops[q] = larger(sums[q], tops[q]);
  }
}

// Turns a query's scores into exponentials less the highest, `top`; returns their sum. With each vector `lines` lines
// are fetched from `ahead` on, but none from `end` on.
ALWAYS_INLINE float weigh_roughly(float *scores, float top, const uint8_t *ahead, const uint8_t *end, size_t lines) {
  floats shift = splat(top == -INFINITY ? 0 : -LOG2_E * top), total = {};
  for (size_t t = 0; t < CHUNK_TILES; t++) {
    for (size_t line = 0; line < lines; line++, ahead += 64)
      if (ahead < end) __builtin_prefetch(ahead, 0, 2);
    floats weights = rough_power(fused(load(scores + t * HYPNOS_TILE), splat(LOG2_E), shift));
    store(scores + t * HYPNOS_TILE, weights);
    total += weights;
  }
  return add_lanes(total);
}

ALWAYS_INLINE void score_sketch_as(
  int count, const query_block *queries, size_t size, const void *sketched, const void *next, float *weights,
  float *maxima, float *sums, float *noises) {
  size_t blocks = size / HYPNOS_KEY_BLOCK, tile_bytes = HYPNOS_TILE * size / 2;
  sketch_parts parts = parts_of(sketched, size), ahead = parts_of(next ? next : sketched, size);
  key_factor factors[HYPNOS_ATTEND_QUERIES][MOST_KEY_BLOCKS];
  float offsets[HYPNOS_ATTEND_QUERIES];
  floats tops[HYPNOS_ATTEND_QUERIES];
  for (int q = 0; q < count; q++) {
    const query_block *query = queries + (size_t)q * blocks;
    for (size_t b = 0; b < blocks; b++) {
      float scale = query[b].scale * parts.key_units[b];
      factors[q][b] = (key_factor){scale, scale * query[b].offset};
    }
    tops[q] = splat(-INFINITY);
    offsets[q] = multiply_mean(query, blocks, parts.key_means);
    noises[q] = noise_of(query, blocks, parts.key_units);
  }
  size_t fetched = tile_bytes / KEY_STEPS * STEPS_FETCHED;
  for (size_t t = 0; t < CHUNK_TILES; t++) {
    const uint8_t *keys = t + TILES_SOON < CHUNK_TILES ? parts.keys : ahead.keys;
    score_sketched_tile(
      count, queries, blocks, parts.keys + t * tile_bytes, keys + (t + TILES_SOON) % CHUNK_TILES * tile_bytes,
      ahead.keys + t * fetched, parts.key_scales + t * HYPNOS_TILE * blocks, factors, offsets, tops,
      weights + t * HYPNOS_TILE);
  }
  // The rest of what the next first pass reads is fetched evenly meanwhile.
  const uint8_t *rest = ahead.keys + CHUNK_TILES * fetched;
  size_t slots = CHUNK_TILES * (size_t)count, lines = ((size_t)(ahead.values - rest) / 64 + slots - 1) / slots;
  for (int q = 0; q < count; q++) {
    maxima[q] = largest_lane(tops[q]);
    sums[q] = weigh_roughly(
      weights + q * HYPNOS_CHUNK, maxima[q], rest + (size_t)q * CHUNK_TILES * lines * 64, ahead.values, lines);
  }
}

static void score_sketch(
  const void *rounded, size_t query_count, size_t size, const void *sketched, const void *next, float *weights,
  float *maxima, float *sums, float *noises) {
  const query_block *queries = rounded;
  FOR_QUERIES(
    query_count, score_sketch_as, queries + before * (size / HYPNOS_KEY_BLOCK), size, sketched, next,
    weights + before * HYPNOS_CHUNK, maxima + before, sums + before, noises + before)
}

#endif
