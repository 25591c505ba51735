// Attention over a long past by its sketch, a quarter of what a step would read. Weights come from the sketch; of those
// positions whose weight matters, key and value themselves are read. Rounding errors of the others are as small as
// their weights, and together below what rounding all of a cache to 8 bits does. Included by attention.h; the
// instruction set's file defines add_bytes(sums, codes, values), which adds the products of four unsigned codes and
// signed values to every lane, and widen_bytes(sums), which makes numbers of such sums.
#ifndef HYPNOS_SKETCH_H
#define HYPNOS_SKETCH_H

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
  floats shifted = fused(x, splat(0x1.715476p+0f), splat(0x1.8p23f));
  floats r = fused(shifted - splat(0x1.8p23f), splat(-0x1.62e430p-1f), x);
  floats p = fused(splat(0x1.5414dap-5f), r, splat(0x1.57ceb6p-3f));
  p = fused(p, r, splat(0x1.0003f4p-1f));
  p = fused(p, r, splat(0x1.fffba8p-1f));
  p = fused(p, r, splat(1.0f));
  ints scale = ((ints)shifted + 127) << 23;
  return choose(x < splat(-60.0f), (floats){}, p * (floats)scale);
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
    WEIGH_SCORES(rough_exponential, (weights + q * HYPNOS_CHUNK), tiles, maxima[q], sums[q])
  }
}

enum { WEIGHT_GROUPS = HYPNOS_CHUNK / HYPNOS_TILE / TILES_ROUNDED };

// Of a query's bound, what the weights of four positions, one in each tile of a group, must come to for the group to
// matter. Where none do, its sixty-four values are what all of the chunk's are in the mean: the rounding of one value
// that is just not read from the cache changes as much.
static const float GROUP_SHARE = 1.0f / 64;

// Bit g of the result: whether values of group g of a chunk's tiles matter to any query; of `own`, unless it is null, to
// each. What a query takes part in does not depend on those beside it.
ALWAYS_INLINE unsigned groups_that_matter(
  size_t query_count, const float *weights, const float *bounds, unsigned *own) {
  unsigned any = 0;
  for (size_t q = 0; q < query_count; q++) {
    floats bound = splat(bounds[q] * GROUP_SHARE);
    unsigned groups = 0;
    for (size_t g = 0; g < WEIGHT_GROUPS; g++) {
      floats sum = {};
      for (size_t i = 0; i < TILES_ROUNDED; i++)
        sum += load(weights + q * HYPNOS_CHUNK + (g * TILES_ROUNDED + i) * HYPNOS_TILE);
      groups |= (unsigned)(__builtin_reduce_or(sum > bound) != 0) << g;
    }
    if (own) own[q] = groups;
    any |= groups;
  }
  return any;
}

// A query's rounded weights for a group of tiles.
typedef struct {
  int32_t words[TILES_ROUNDED * HYPNOS_TILE / 4];
  float scale, offset;
} weight_group;

ALWAYS_INLINE weight_group round_group(const float *weights, const floats scales[TILES_ROUNDED]) {
  floats scaled[TILES_ROUNDED];
  weight_group group;
  floats factor =
    rounding_factor(scale_weights(weights, scales, TILES_ROUNDED, scaled), WEIGHT_PEAK, &group.scale);
  group.offset = round_to_words(scaled, TILES_ROUNDED, factor, group.words);
  return group;
}

// Adds the weighted sums of `vectors` times sixteen dimensions of a group of tiles' values to the outputs.
ALWAYS_INLINE void weigh_sketched(
  int count, int vectors, const weight_group *groups, const uint8_t *codes, const uint8_t *ahead, size_t size, size_t d,
  float *outputs) {
  ints sums[HYPNOS_ATTEND_QUERIES][VALUE_VECTORS] = {};
  for (size_t step = 0; step < TILES_ROUNDED * TILE_STEPS; step++)
    for (int v = 0; v < vectors; v++) {
      ints low, high;
      size_t offset = (step * size + d + 16 * (size_t)v) * 4;
      __builtin_prefetch(ahead + offset, 0, 2);
      split_codes(codes + offset, &low, &high);
      for (int q = 0; q < count; q++) {
        const int32_t *words = groups[q].words + 2 * step;
        sums[q][v] = add_bytes(add_bytes(sums[q][v], low, words[0] - (ints){}), high, words[1] - (ints){});
      }
    }
  for (int q = 0; q < count; q++)
    for (int v = 0; v < vectors; v++) {
      floats sum = __builtin_convertvector(widen_bytes(sums[q][v]), floats) + splat(groups[q].offset);
      float *output = outputs + (size_t)q * size + d + 16 * (size_t)v;
      store(output, fused(sum, splat(groups[q].scale), load(output)));
    }
}

// The rounded weights of a chunk for dimensions whose values share the scales `scales`, zero in groups that do not matter
// to the query: before any is used, so that no product waits for one.
ALWAYS_INLINE void round_weights_of_chunk(
  int count, unsigned any, const unsigned *own, const float *weights, const uint16_t *scales, size_t blocks,
  weight_group rounded[WEIGHT_GROUPS][HYPNOS_ATTEND_QUERIES]) {
  for (size_t g = 0; g < WEIGHT_GROUPS; g++) {
    if (!(any >> g & 1)) continue;
    floats factors[TILES_ROUNDED];
    for (size_t i = 0; i < TILES_ROUNDED; i++)
      factors[i] = load_halves(scales + (g * TILES_ROUNDED + i) * blocks * HYPNOS_TILE);
    for (int q = 0; q < count; q++) {
      const float *group = weights + q * HYPNOS_CHUNK + g * TILES_ROUNDED * HYPNOS_TILE;
      rounded[g][q] = own[q] >> g & 1 ? round_group(group, factors) : (weight_group){};
    }
  }
}

// Fetches what the groups `groups` of the next sketch need that is not to be fetched while those of this one,
// `groups_now`, are multiplied: `ahead` gets for each of these what is.
ALWAYS_INLINE void fetch_values(
  unsigned groups, size_t size, sketch_parts parts, unsigned groups_now, const uint8_t *ahead[WEIGHT_GROUPS]) {
  size_t group_bytes = TILES_ROUNDED * HYPNOS_TILE * size / 2;
  fetch_bytes(parts.value_means, sizeof(float) * size);
  fetch_bytes(parts.value_scales, groups ? sizeof(uint16_t) * HYPNOS_CHUNK * (size / HYPNOS_VALUE_BLOCK) : 0);
  for (size_t g = 0, now = 0; g < WEIGHT_GROUPS; g++) {
    if (!(groups >> g & 1)) continue;
    while (now < WEIGHT_GROUPS && !(groups_now >> now & 1)) now++;
    const uint8_t *codes = parts.values + g * group_bytes;
    if (now < WEIGHT_GROUPS) ahead[now++] = codes;
    else fetch_bytes(codes, group_bytes);
  }
}

ALWAYS_INLINE void weigh_sketch_as(
  int count, unsigned any, const unsigned *own, const float *weights, const float *sums, size_t size,
  sketch_parts parts, const uint8_t *const ahead[WEIGHT_GROUPS], float *outputs) {
  size_t blocks = size / HYPNOS_VALUE_BLOCK, group_bytes = TILES_ROUNDED * HYPNOS_TILE * size / 2;
  for (int q = 0; q < count; q++)
    for (size_t d = 0; d < size; d += 16)
      store(outputs + (size_t)q * size + d, load(parts.value_means + d) * splat(sums[q]));
  for (size_t b = 0; b < blocks; b++) {
    weight_group rounded[WEIGHT_GROUPS][HYPNOS_ATTEND_QUERIES];
    round_weights_of_chunk(count, any, own, weights, parts.value_scales + b * HYPNOS_TILE, blocks, rounded);
    for (size_t g = 0; g < WEIGHT_GROUPS; g++) {
      if (!(any >> g & 1)) continue;
      const uint8_t *codes = parts.values + g * group_bytes;
      size_t d = b * HYPNOS_VALUE_BLOCK, end = d + HYPNOS_VALUE_BLOCK;
      _Pragma("clang loop unroll(full)") for (int together = VALUE_VECTORS; together > 0; together /= 2)
        for (; together <= vectors_together(count) && d + 16 * (size_t)together <= end; d += 16 * (size_t)together)
          weigh_sketched(count, together, rounded[g], codes, ahead[g] ? ahead[g] : codes, size, d, outputs);
    }
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

// The positions of a chunk that a query reads from the cache itself.
typedef struct {
  size_t count;
  uint8_t positions[HYPNOS_CHUNK];
} exact_positions;

// Finds the weights above `bound`: they become zero, and the sum is that of the others.
ALWAYS_INLINE void set_apart(float *weights, float bound, exact_positions *exact, float *sum) {
  exact->count = 0;
  // The largest weight of a chunk is 1.
  if (!(bound < 1)) return;
  floats total = {};
  for (size_t i = 0; i < HYPNOS_CHUNK; i += 16) {
    floats weight = load(weights + i);
    ints above = weight > splat(bound);
    if (__builtin_reduce_min(above) < 0) {
      for (size_t lane = 0; lane < 16; lane++)
        if (above[lane]) exact->positions[exact->count++] = (uint8_t)(i + lane);
      weight = choose(above, (floats){}, weight);
      store(weights + i, weight);
    }
    total += weight;
  }
  *sum = add_lanes(total);
}

// Fetches what of the cache the positions of `exact` need.
ALWAYS_INLINE void fetch_exact(
  int cache, size_t size, const uint8_t *keys, const uint8_t *values, const exact_positions *exact) {
  size_t key_bytes = hypnos_key_tile_bytes(cache, size), value_bytes = hypnos_value_tile_bytes(cache, size);
  for (size_t i = 0; i < exact->count; i++) {
    size_t position = exact->positions[i], tile = position / HYPNOS_TILE, place = position % HYPNOS_TILE;
    if (i == 0 || exact->positions[i - 1] / HYPNOS_TILE != tile) fetch_bytes(keys + tile * key_bytes, key_bytes);
    size_t row = cache == HYPNOS_CACHE_F16 ? place * size : place / 2 * size;
    fetch_bytes(values + tile * value_bytes + 2 * row, 2 * size);
  }
}

// The scores of a tile's keys against a query, which with 8 bits is taken spread as they are.
ALWAYS_INLINE floats score_exactly(
  int cache, const float *query, const query_block *rounded, size_t size, const uint8_t *tile) {
  floats sums[4] = {};
  for (size_t d = 0; d < size; d += 4)
    for (size_t i = 0; i < 4; i++) {
      const query_block *block = rounded + d / HYPNOS_KEY_BLOCK;
      float value = cache == HYPNOS_CACHE_F16 ? query[d + i] : block->values[d % HYPNOS_KEY_BLOCK + i];
      sums[i] = fused(splat(value), key_lanes(cache, tile, size, d + i), sums[i]);
    }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Merges into a query's result what the positions of `exact` give, read from the cache itself.
ALWAYS_INLINE void attend_exactly(
  int cache, const float *query, const query_block *rounded, size_t size, const uint8_t *keys, const uint8_t *values,
  const exact_positions *exact, float *maximum, float *sum, float *output) {
  float scores[HYPNOS_CHUNK], outputs[HYPNOS_SKETCH_MOST], exact_maximum, exact_sum;
  memset(outputs, 0, size * sizeof(float));
  size_t filled = (exact->count + 15) / 16 * 16;
  floats tile_scores = {};
  for (size_t i = 0, scored = HYPNOS_CHUNK; i < exact->count; i++) {
    size_t tile = exact->positions[i] / HYPNOS_TILE;
    if (tile != scored)
      tile_scores = score_exactly(cache, query, rounded, size, keys + tile * hypnos_key_tile_bytes(cache, size));
    scored = tile;
    scores[i] = tile_scores[exact->positions[i] % HYPNOS_TILE];
  }
  memset(scores + exact->count, 0, (filled - exact->count) * sizeof(float));
  soften(scores, filled / 16, 0, (int32_t)exact->count, &exact_maximum, &exact_sum);
  for (size_t i = 0; i < exact->count; i++) {
    size_t tile = exact->positions[i] / HYPNOS_TILE, place = exact->positions[i] % HYPNOS_TILE;
    const uint8_t *rows = values + tile * hypnos_value_tile_bytes(cache, size);
    for (size_t d = 0; d < size; d += 16)
      store(outputs + d, fused(splat(scores[i]), value_lanes(cache, rows, size, place, d), load(outputs + d)));
  }
  merge(maximum, sum, output, exact_maximum, exact_sum, outputs, size);
}

ALWAYS_INLINE void attend_sketched_as(
  int cache, const float *queries, const query_block *rounded, size_t query_count, size_t size, const uint8_t *keys,
  const uint8_t *values, const hypnos_sketched_part *part, const hypnos_sketched_part *next, float *maxima, float *sums,
  float *outputs) {
  float *weights = part->weights;
  exact_positions exact[HYPNOS_ATTEND_QUERIES];
  for (size_t q = 0; q < query_count; q++) {
    set_apart(weights + q * HYPNOS_CHUNK, part->bounds[q], exact + q, sums + q);
    fetch_exact(cache, size, keys, values, exact + q);
  }
  const uint8_t *ahead[WEIGHT_GROUPS] = {};
  unsigned own[HYPNOS_ATTEND_QUERIES], any = groups_that_matter(query_count, weights, part->bounds, own);
  if (next->sketch) {
    unsigned wanted = groups_that_matter(query_count, next->weights, next->bounds, NULL);
    fetch_values(wanted, size, parts_of(next->sketch, size), any, ahead);
  }
  FOR_QUERIES(
    query_count, weigh_sketch_as, any, own + before, weights + before * HYPNOS_CHUNK, sums + before, size,
    parts_of(part->sketch, size), ahead, outputs + before * size)
  for (size_t q = 0; q < query_count; q++)
    if (exact[q].count > 0)
      attend_exactly(
        cache, queries + q * size, rounded + q * (size / HYPNOS_KEY_BLOCK), size, keys, values, exact + q, maxima + q,
        sums + q, outputs + q * size);
}

static void attend_sketched(
  int cache, const float *queries, const void *rounded, size_t query_count, size_t size, const void *keys,
  const void *values, const hypnos_sketched_part *part, const hypnos_sketched_part *next, float *maxima, float *sums,
  float *outputs) {
#define AS(number) \
  attend_sketched_as(number, queries, rounded, query_count, size, keys, values, part, next, maxima, sums, outputs)
  if (cache == HYPNOS_CACHE_F16) AS(HYPNOS_CACHE_F16);
  else AS(HYPNOS_CACHE_Q8);
#undef AS
}

#endif
