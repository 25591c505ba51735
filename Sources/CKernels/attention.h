// Softmax attention over the KV cache, and how keys and values are stored there: the layouts are CKernels.h's. Written
// once over vectors of sixteen and included by floats.h. ATTEND_SUMS says how many vectors of sums the registers hold.
#ifndef HYPNOS_ATTENTION_H
#define HYPNOS_ATTENTION_H

// The most vectors of a value summed side by side, and the most tiles of keys, each of which is a stream from memory.
enum { ATTEND_VECTORS = 8, SCORE_TILES = 4 };

// Eight bits for `count` values of a block of up to 32, and their scale as it is stored.
ALWAYS_INLINE uint16_t quantize_cached(const float *values, size_t count, int8_t codes[32]) {
  floats low = load_part(values, count < 16 ? count : 16), high = load_part(values + 16, count < 16 ? 0 : count - 16);
  int32_t largest = __builtin_reduce_max(__builtin_elementwise_max(magnitude(low), magnitude(high)));
  float peak;
  memcpy(&peak, &largest, 4);
  uint16_t halves[16];
  store_halves(halves, splat(peak / 127.0f));
  float scale = half_to_float(halves[0]), inverse = scale > 0 ? 1 / scale : 0;
  ints bound = (ints){} + 127;
  ints rounded[2] = {nearest(low * splat(inverse)), nearest(high * splat(inverse))};
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

// e to the x for a weight beside one of 1. What is too small to change a sum is zero: products of such weights would be
// subnormal, and each of those takes the processor as long as a hundred others.
ALWAYS_INLINE floats weight_exponential(floats x) {
  return choose(x < splat(-60.0f), (floats){}, exponential(x));
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
  floats shift = splat(highest == -INFINITY ? 0 : highest);
  for (size_t t = 0; t < tiles; t++) {
    floats e = weight_exponential(load(scores + t * 16) - shift);
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
  size_t d = 0;
  // Half as many side by side where a head is too narrow for more: each pass reads all values.
  _Pragma("clang loop unroll(full)") for (int together = vectors_together(count); together > 0; together /= 2)
    for (; d + 16 * (size_t)together <= size; d += 16 * (size_t)together)
      weigh_vectors(cache, count, together, weights, from, to, values, size, d, outputs);
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
  size_t tile_bytes = hypnos_tile_bytes(cache, size);
  int most = vectors_together(count) < SCORE_TILES ? vectors_together(count) : SCORE_TILES;
  // An 8-bit block needs a second sum for each.
  if (cache != HYPNOS_CACHE_F16) most = (most + 1) / 2;
  for (int q = 0; q < count; q++) memset(scratch + q * HYPNOS_CHUNK, 0, t * HYPNOS_TILE * sizeof(float));
  _Pragma("clang loop unroll(full)") for (int together = most; together > 0; together /= 2)
    for (; t + (size_t)together <= tiles; t += (size_t)together)
      score_tiles(cache, count, together, queries, size, keys + t * tile_bytes, scratch + t * HYPNOS_TILE);
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
  float old = *sum == 0 ? 0 : weight_exponential(splat(*maximum - top))[0];
  float new = chunk_sum == 0 ? 0 : weight_exponential(splat(chunk_maximum - top))[0];
  for (size_t i = 0; i < size; i++) output[i] = output[i] * old + chunk_output[i] * new;
  *sum = *sum * old + chunk_sum * new;
  *maximum = top;
}

#endif
