// The first pass over a sketch: queries rounded, and a chunk's weights from its keys' codes. Included by sketch.h.
#ifndef HYPNOS_SKETCHSCORES_H
#define HYPNOS_SKETCHSCORES_H

#include "sketching.h"

// Queries and weights are rounded so that sums of every other product fit 16 bits: of 16 of a key's block, at most
// 15 * 127 each, or of 32 of a group of tiles, 15 * 63.
enum { QUERY_PEAK = 127, WEIGHT_PEAK = 63 };

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
ALWAYS_INLINE float noise_of(const query_block *query, size_t blocks, const float *coarsest) {
  float variance = 0;
  for (size_t b = 0; b < blocks; b++) variance += query[b].square * (coarsest[b] * coarsest[b] / 12);
  return sqrtf(variance);
}

// Four bytes of codes a lane as two vectors of bytes: the low halves and the high ones.
ALWAYS_INLINE void split_codes(const uint8_t *p, ints *low, ints *high) {
  ints loaded = *(const ints *)p;
  *low = loaded & 0x0f0f0f0f;
  *high = loaded >> 4 & 0x0f0f0f0f;
}

// What weight_exponential gives, within 3 parts in a million, which is nothing beside the rounding of what it is used
// for. The polynomial is the best of its degree on [-ln 2 / 2, ln 2 / 2] that is 1 at 0.
ALWAYS_INLINE floats rough_exponential(floats x) {
  floats shifted, r = fused(whole_powers(x, &shifted), splat(-0x1.62e430p-1f), x);
  floats p = fused(splat(0x1.5414dap-5f), r, splat(0x1.57ceb6p-3f));
  p = fused(p, r, splat(0x1.0003f4p-1f));
  p = fused(p, r, splat(0x1.fffba8p-1f));
  p = fused(p, r, splat(1.0f));
  return weight_or_zero(x, times_powers(p, shifted));
}

// The scores of `count` queries against a tile of sixteen keys, to which `offsets` are added; `tops` become the highest
// of each lane.
ALWAYS_INLINE void score_sketched_tile(
  int count, const query_block *queries, size_t blocks, const uint8_t *codes, const uint8_t *ahead,
  const uint16_t *scales, const float *offsets, floats *tops, float *scores) {
  floats sums[HYPNOS_ATTEND_QUERIES];
  for (int q = 0; q < count; q++) sums[q] = splat(offsets[q]);
  for (size_t b = 0; b < blocks; b++) {
    ints parts[HYPNOS_ATTEND_QUERIES] = {};
    for (size_t step = 0; step < KEY_STEPS; step++) {
      ints low, high;
      size_t offset = (b * KEY_STEPS + step) * 64;
      __builtin_prefetch(ahead + offset, 0, 2);
      split_codes(codes + offset, &low, &high);
      for (int q = 0; q < count; q++) {
        const int32_t *words = queries[(size_t)q * blocks + b].words + 2 * step;
        parts[q] = add_bytes(add_bytes(parts[q], low, words[0] - (ints){}), high, words[1] - (ints){});
      }
    }
    floats scale = load_halves(scales + b * HYPNOS_TILE);
    for (int q = 0; q < count; q++) {
      const query_block *query = queries + (size_t)q * blocks + b;
      floats product = __builtin_convertvector(widen_bytes(parts[q]), floats) + splat(query->offset);
      sums[q] = fused(product * scale, splat(query->scale), sums[q]);
    }
  }
  for (int q = 0; q < count; q++) {
    store(scores + q * HYPNOS_CHUNK, sums[q]);
    tops[q] = larger(sums[q], tops[q]);
  }
}

ALWAYS_INLINE void score_sketch_as(
  int count, const query_block *queries, size_t size, const void *sketched, const void *next, float *weights,
  float *maxima, float *sums, float *noises) {
  size_t blocks = size / HYPNOS_KEY_BLOCK, tiles = HYPNOS_CHUNK / HYPNOS_TILE, bytes = HYPNOS_TILE * size / 2;
  sketch_parts parts = parts_of(sketched, size), ahead = parts_of(next ? next : sketched, size);
  float offsets[HYPNOS_ATTEND_QUERIES];
  floats tops[HYPNOS_ATTEND_QUERIES];
  for (int q = 0; q < count; q++) {
    tops[q] = splat(-INFINITY);
    offsets[q] = multiply_mean(queries + (size_t)q * blocks, blocks, parts.key_means);
    noises[q] = noise_of(queries + (size_t)q * blocks, blocks, parts.coarsest);
  }
  fetch_bytes(ahead.key_means, sizeof(float) * size);
  fetch_bytes(ahead.coarsest, sizeof(float) * blocks);
  for (size_t t = 0; t < tiles; t++) {
    size_t scales = t * HYPNOS_TILE * blocks;
    fetch_bytes(ahead.key_scales + scales, 2 * HYPNOS_TILE * blocks);
    score_sketched_tile(
      count, queries, blocks, parts.keys + t * bytes, ahead.keys + t * bytes, parts.key_scales + scales, offsets, tops,
      weights + t * HYPNOS_TILE);
  }
  for (int q = 0; q < count; q++) {
    maxima[q] = largest_lane(tops[q]);
    sums[q] = weigh_scores(rough_exponential, weights + q * HYPNOS_CHUNK, tiles, maxima[q]);
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
