// Attention over a long past by its sketch, a quarter of what a step would read. Weights come from the sketch; of those
// positions whose weight matters, key and value themselves are read. Rounding errors of the others are as small as
// their weights, and together below what rounding all of a cache to 8 bits does. Included by attention.h; the
// instruction set's file defines add_bytes(sums, codes, values), which adds the products of four unsigned codes and
// signed values to every lane, and widen_bytes(sums), which makes numbers of such sums.
#ifndef HYPNOS_SKETCH_H
#define HYPNOS_SKETCH_H

#include "sketchscores.h"

// The positions whose weights are rounded together, and the groups of them in a chunk.
enum { GROUP_POSITIONS = TILES_ROUNDED * HYPNOS_TILE, WEIGHT_GROUPS = HYPNOS_CHUNK / GROUP_POSITIONS };

// How many steps ahead values are fetched from the second-level cache.
enum { STEPS_SOON = 2 };

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
        sum += load(weights + q * HYPNOS_CHUNK + g * GROUP_POSITIONS + i * HYPNOS_TILE);
      groups |= (unsigned)(__builtin_reduce_or(sum > bound) != 0) << g;
    }
    if (own) own[q] = groups;
    any |= groups;
  }
  return any;
}

// A query's rounded weights for a group of tiles.
typedef struct {
  int32_t words[GROUP_POSITIONS / 4];
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
      __builtin_prefetch(codes + offset + STEPS_SOON * size * 4, 0, 3);
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

// The rounded weights of a chunk for dimensions whose values share the scales `scales` of `unit`, zero in groups that do
// not matter to the query: before any is used, so that no product waits for one.
ALWAYS_INLINE void round_weights_of_chunk(
  int count, unsigned any, const unsigned *own, const float *weights, const uint8_t *scales, float unit, size_t blocks,
  weight_group rounded[WEIGHT_GROUPS][HYPNOS_ATTEND_QUERIES]) {
  for (size_t g = 0; g < WEIGHT_GROUPS; g++) {
    if (!(any >> g & 1)) continue;
    floats factors[TILES_ROUNDED];
    for (size_t i = 0; i < TILES_ROUNDED; i++)
      factors[i] = sketched_scales(scales + (g * GROUP_POSITIONS + i * HYPNOS_TILE) * blocks) * splat(unit);
    for (int q = 0; q < count; q++) {
      const float *group = weights + q * HYPNOS_CHUNK + g * GROUP_POSITIONS;
      rounded[g][q] = own[q] >> g & 1 ? round_group(group, factors) : (weight_group){};
    }
  }
}

// Fetches what the groups `groups` of the next sketch need that is not to be fetched while those of this one,
// `groups_now`, are multiplied: `ahead` gets for each of these what is.
ALWAYS_INLINE void fetch_values(
  unsigned groups, size_t size, sketch_parts parts, unsigned groups_now, const uint8_t *ahead[WEIGHT_GROUPS]) {
  size_t group_bytes = GROUP_POSITIONS * size / 2;
  // The scales, which only groups need, the means and the units lie side by side.
  const uint8_t *rest = groups ? parts.value_scales : (const uint8_t *)parts.value_means;
  fetch_bytes(rest, (size_t)((const uint8_t *)(parts.value_units + size / HYPNOS_VALUE_BLOCK) - rest));
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
  size_t blocks = size / HYPNOS_VALUE_BLOCK, group_bytes = GROUP_POSITIONS * size / 2;
  for (int q = 0; q < count; q++)
    for (size_t d = 0; d < size; d += 16)
      store(outputs + (size_t)q * size + d, load(parts.value_means + d) * splat(sums[q]));
  for (size_t b = 0; b < blocks; b++) {
    weight_group rounded[WEIGHT_GROUPS][HYPNOS_ATTEND_QUERIES];
    round_weights_of_chunk(
      count, any, own, weights, parts.value_scales + b * HYPNOS_TILE, parts.value_units[b], blocks, rounded);
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
