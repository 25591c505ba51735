// Softmax attention over the KV cache, and how keys and values are stored there: the layouts are CKernels.h's. Written
// once over vectors of sixteen and included by each instruction set's file after products16.h, whose pairs it
// multiplies. ATTEND_SUMS says how many vectors of sums the registers hold, FACTORS_AGAIN whether the queries' factors
// must then be loaded for every vector, because there is no register left to keep them in.
#ifndef HYPNOS_ATTENTION_H
#define HYPNOS_ATTENTION_H

// The most vectors of a value summed side by side, and the most tiles of keys, each of which is a stream from memory.
enum { ATTEND_VECTORS = 8, SCORE_TILES = 4 };

// How many bytes ahead keys and values are fetched to the second-level cache: more than come while a chunk's scores
// become weights.
enum { AHEAD = 8192 };

// The place of unit `index`, of `bytes` bytes, of those that end before `last`. Behind them come the first `count` of
// what the thread reads next; where there is nothing to fetch it is `here`, which is being read anyway.
ALWAYS_INLINE const uint8_t *unit_ahead(
  const uint8_t *units, size_t index, size_t last, const void *next, size_t count, size_t bytes, const uint8_t *here) {
  if (index < last) return units + index * bytes;
  return index - last < count ? (const uint8_t *)next + (index - last) * bytes : here;
}

ALWAYS_INLINE size_t tiles_of(const hypnos_cache_part *part) {
  return (part->positions + HYPNOS_TILE - 1) / HYPNOS_TILE;
}

// Where `tiles` tiles of keys from `tile` on start, and for each what is fetched while it is read.
ALWAYS_INLINE void find_tiles(
  int tiles, const uint8_t *keys, size_t tile, size_t last, const hypnos_cache_part *next, size_t tile_bytes,
  const uint8_t *starts[SCORE_TILES], const uint8_t *ahead[SCORE_TILES]) {
  size_t distance = AHEAD / tile_bytes > (size_t)tiles ? AHEAD / tile_bytes : (size_t)tiles;
  for (size_t t = tile; t < tile + (size_t)tiles; t++) {
    const uint8_t *start = starts[t - tile] = keys + t * tile_bytes;
    ahead[t - tile] = unit_ahead(keys, t + distance, last, next->keys, tiles_of(next), tile_bytes, start);
  }
}

// The compiler takes it that memory has changed and loads again what it would keep in registers, storing sums for that.
ALWAYS_INLINE void load_factors_again(int count) {
  if (FACTORS_AGAIN && count > 1) __asm__ volatile("" ::: "memory");
}

// How many vectors are summed side by side, so that the sums of all queries stay in registers and no sum waits for
// itself.
ALWAYS_INLINE int vectors_together(int count) {
  int together = ATTEND_SUMS / count;
  return together < 1 ? 1 : together > ATTEND_VECTORS ? ATTEND_VECTORS : together;
}

// The same for tiles of keys.
ALWAYS_INLINE int tiles_together(int count) {
  return vectors_together(count) < SCORE_TILES ? vectors_together(count) : SCORE_TILES;
}

// Fetches `bytes` bytes at `p`.
ALWAYS_INLINE void fetch_bytes(const void *p, size_t bytes) {
  for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch((const uint8_t *)p + line, 0, 2);
}

// Calls `function` for all queries, or for one half after the other where there are more than registers for their sums,
// with a constant number of them; the other arguments are for those from query `before` on.
#define FOR_QUERIES(query_count, function, ...) \
  for (size_t before = 0, most = query_count <= ATTEND_SUMS ? query_count : (query_count + 1) / 2; \
       before < query_count; before += most) \
    switch (most < query_count - before ? most : query_count - before) { \
      case 1: function(1, __VA_ARGS__); break; \
      case 2: function(2, __VA_ARGS__); break; \
      case 3: function(3, __VA_ARGS__); break; \
      case 4: function(4, __VA_ARGS__); break; \
      case 5: function(5, __VA_ARGS__); break; \
      case 6: function(6, __VA_ARGS__); break; \
      case 7: function(7, __VA_ARGS__); break; \
      case 8: function(8, __VA_ARGS__); break; \
      default: break; \
    }

#include "attention8.h"

static void store_value(int cache, const float *value, size_t size, size_t position, void *tiles) {
  uint8_t *tile = (uint8_t *)tiles + position / HYPNOS_TILE * hypnos_value_tile_bytes(cache, size);
  size_t place = position % HYPNOS_TILE;
  if (cache == HYPNOS_CACHE_Q8) {
    store_value8(value, size, place, tile);
    return;
  }
  uint16_t *out = (uint16_t *)tile + place * size;
  for (size_t i = 0; i < size; i += 16) {
    uint16_t part[16];
    size_t count = size - i < 16 ? size - i : 16;
    store_halves(part, load_part(value + i, count));
    memcpy(out + i, part, count * 2);
  }
}

static void store_key(int cache, const float *key, size_t size, size_t position, void *tiles) {
  uint8_t *tile = (uint8_t *)tiles + position / HYPNOS_TILE * hypnos_key_tile_bytes(cache, size);
  size_t place = position % HYPNOS_TILE;
  if (cache == HYPNOS_CACHE_Q8) {
    store_key8(key, size, place, tile);
    return;
  }
  uint16_t *out = (uint16_t *)tile + place;
  for (size_t i = 0; i < size; i += 16) {
    uint16_t part[16];
    size_t count = size - i < 16 ? size - i : 16;
    store_halves(part, load_part(key + i, count));
    for (size_t j = 0; j < count; j++) out[(i + j) * HYPNOS_TILE] = part[j];
  }
}

// The format of a tile's numbers, which are f16 or float32.
ALWAYS_INLINE int number_format(int cache) { return cache == HYPNOS_CACHE_F16 ? HYPNOS_F16 : HYPNOS_F32; }

// Scores of `count` queries against `tiles` tiles of sixteen keys from `tile` on, side by side: the lanes are the keys.
ALWAYS_INLINE void score_tiles(
  int count, int tiles, int cache, const float *queries, size_t size, const uint8_t *keys, size_t tile, size_t last,
  const hypnos_cache_part *next, float *scores) {
  floats sums[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS] = {};
  size_t tile_bytes = hypnos_key_tile_bytes(cache, size);
  const uint8_t *starts[SCORE_TILES], *ahead[SCORE_TILES];
  find_tiles(tiles, keys, tile, last, next, tile_bytes, starts, ahead);
  for (size_t d = 0; d < size; d++)
    for (int t = 0; t < tiles; t++) {
      if (cache == HYPNOS_CACHE_F16) __builtin_prefetch(ahead[t] + d * HYPNOS_TILE * 2, 0, 2);
      floats loaded = load_weights(number_format(cache), starts[t], d * HYPNOS_TILE);
      for (int q = 0; q < count; q++) sums[q][t] = fused(splat(queries[(size_t)q * size + d]), loaded, sums[q][t]);
      load_factors_again(count);
    }
  for (int q = 0; q < count; q++)
    for (int t = 0; t < tiles; t++) store(scores + q * HYPNOS_CHUNK + ((int)tile + t) * HYPNOS_TILE, sums[q][t]);
}

// The scores of the tiles from `first` to `last`.
ALWAYS_INLINE void score_keys(
  int count, int cache, const float *queries, size_t size, const uint8_t *keys, size_t first, size_t last,
  const hypnos_cache_part *next, float *scores) {
  size_t tile = first;
  _Pragma("clang loop unroll(full)") for (int together = tiles_together(count); together > 0; together /= 2)
    for (; tile + (size_t)together <= last; tile += (size_t)together)
      score_tiles(count, together, cache, queries, size, keys, tile, last, next, scores);
}

// `exponential`, of x, for a weight beside one of 1: x is not above 0. What is too small to change a sum is zero:
// products of such weights would be subnormal, and each of those takes the processor as long as a hundred others.
ALWAYS_INLINE floats weight_or_zero(floats x, floats exponential) {
  return choose(x < splat(-60.0f), (floats){}, exponential);
}

ALWAYS_INLINE floats weight_exponential(floats x) { return weight_or_zero(x, exponential_within(x)); }

// Turns the scores of some tiles into exponentials less the highest of all; returns their sum.
ALWAYS_INLINE float weigh_scores(float *scores, size_t tiles, float highest) {
  floats shift = splat(highest == -INFINITY ? 0 : highest), total = {};
  for (size_t t = 0; t < tiles; t++) {
    floats e = weight_exponential(load(scores + t * 16) - shift);
    store(scores + t * 16, e);
    total += e;
  }
  return add_lanes(total);
}

// Turns one query's scores into exponentials; those outside its window become zero.
ALWAYS_INLINE void soften(float *scores, size_t tiles, int32_t first, int32_t last, float *maximum, float *sum) {
  ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  floats top = splat(-INFINITY);
  for (size_t t = 0; t < tiles; t++) {
    floats x = load(scores + t * 16);
    int32_t start = (int32_t)(t * 16);
    if (start < first || start + 16 > last) {
      ints position = lane + start;
      x = choose((position >= first) & (position < last), x, splat(-INFINITY));
      store(scores + t * 16, x);
    }
    top = larger(x, top);
  }
  *maximum = largest_lane(top);
  *sum = weigh_scores(scores, tiles, *maximum);
}

// Weighted sums of `vectors` times sixteen of the values' dimensions, from `d` on, for all queries.
ALWAYS_INLINE void weigh_vectors(
  int count, int vectors, int cache, const float *weights, size_t from, size_t to, const uint8_t *values, size_t size,
  size_t d, const hypnos_cache_part *next, float *outputs) {
  floats sums[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS] = {};
  for (size_t t = from; t < to; t++) {
    if (cache == HYPNOS_CACHE_F16) {
      const uint8_t *ahead = unit_ahead(
        values, t + AHEAD / (2 * size), to, next->values, next->positions, 2 * size, values + 2 * t * size);
      fetch_bytes(ahead, 2 * size);
    }
    for (int v = 0; v < vectors; v++) {
      floats loaded = load_weights(number_format(cache), values, t * size + d + 16 * (size_t)v);
      for (int q = 0; q < count; q++) sums[q][v] = fused(splat(weights[q * HYPNOS_CHUNK + t]), loaded, sums[q][v]);
      load_factors_again(count);
    }
  }
  for (int q = 0; q < count; q++)
    for (int v = 0; v < vectors; v++) store(outputs + (size_t)q * size + d + 16 * (size_t)v, sums[q][v]);
}

ALWAYS_INLINE void weigh_values(
  int count, int cache, const float *weights, size_t from, size_t to, const uint8_t *values, size_t size,
  const hypnos_cache_part *next, float *outputs) {
  size_t d = 0;
  // Half as many side by side where a head is too narrow for more: each pass reads all values.
  _Pragma("clang loop unroll(full)") for (int together = vectors_together(count); together > 0; together /= 2)
    for (; d + 16 * (size_t)together <= size; d += 16 * (size_t)together)
      weigh_vectors(count, together, cache, weights, from, to, values, size, d, next, outputs);
  for (; d < size; d++) {
    for (int q = 0; q < count; q++) {
      float sum = 0;
      for (size_t t = from; t < to; t++) {
        size_t index = t * size + d;
        float value =
          cache == HYPNOS_CACHE_F16 ? half_to_float(((const uint16_t *)values)[index]) : ((const float *)values)[index];
        sum = __builtin_fmaf(weights[q * HYPNOS_CHUNK + t], value, sum);
      }
      outputs[(size_t)q * size + d] = sum;
    }
  }
}

ALWAYS_INLINE void attend_as(
  int count, int cache, const float *queries, size_t size, const uint8_t *keys, const uint8_t *values,
  const int32_t *firsts, const int32_t *lasts, float *maxima, float *sums, float *outputs, float *scratch,
  const hypnos_cache_part *next) {
  int32_t from = HYPNOS_CHUNK, to = 0;
  for (int q = 0; q < count; q++) {
    from = firsts[q] < from ? firsts[q] : from;
    to = lasts[q] > to ? lasts[q] : to;
  }
  if (to < from) to = from;
  size_t first = (size_t)from / HYPNOS_TILE, last = ((size_t)to + HYPNOS_TILE - 1) / HYPNOS_TILE;
  for (int q = 0; q < count; q++) memset(scratch + q * HYPNOS_CHUNK, 0, first * HYPNOS_TILE * sizeof(float));
  if (cache != HYPNOS_CACHE_Q8) score_keys(count, cache, queries, size, keys, first, last, next, scratch);
  else score_keys8(count, queries, size, keys, first, last, next, scratch);
  for (int q = 0; q < count; q++)
    soften(scratch + q * HYPNOS_CHUNK, last, firsts[q], lasts[q], maxima + q, sums + q);
  if (cache != HYPNOS_CACHE_Q8)
    weigh_values(count, cache, scratch, (size_t)from, (size_t)to, values, size, next, outputs);
  else weigh_values8(count, scratch, first, last, values, size, next, outputs);
}

static void attend(
  int cache, const float *queries, size_t query_count, size_t size, const void *keys, const void *values,
  const int32_t *firsts, const int32_t *lasts, float *maxima, float *sums, float *outputs, float *scratch,
  const hypnos_cache_part *next) {
  static const hypnos_cache_part nothing;
  if (!next) next = &nothing;
  // Parts of the queries use the scratch in turn.
#define AS(number) \
  FOR_QUERIES( \
    query_count, attend_as, number, queries + before * size, size, keys, values, firsts + before, lasts + before, \
    maxima + before, sums + before, outputs + before * size, scratch, before + most < query_count ? &nothing : next)
  if (cache == HYPNOS_CACHE_F16) AS(HYPNOS_CACHE_F16)
  else if (cache == HYPNOS_CACHE_F32) AS(HYPNOS_CACHE_F32)
  else AS(HYPNOS_CACHE_Q8)
#undef AS
}

static void merge(
  float *maximum, float *sum, float *output, float chunk_maximum, float chunk_sum, const float *chunk_output,
  size_t size) {
  float top = *maximum > chunk_maximum ? *maximum : chunk_maximum;
  float old = *sum == 0 ? 0 : weight_exponential(splat(*maximum - top))[0];
  float new = chunk_sum == 0 ? 0 : weight_exponential(splat(chunk_maximum - top))[0];
  for (size_t i = 0; i < size; i++) output[i] = output[i] * old + chunk_output[i] * new;
  *sum = *sum * old + chunk_sum * new;
  *maximum = top;
}

#include "sketch.h"

#endif
