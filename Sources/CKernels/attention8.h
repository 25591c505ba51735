// The parts of attention that differ for a KV cache of 8 bits. Queries and weights are rounded to 16 bits, products are
// summed up in integers, two neighbours at a time: of a key's dimensions, of the values' positions. That reads 8-bit
// codes as fast as memory gives them, which turning each into a float32 does not. Included by attention.h.
#ifndef HYPNOS_ATTENTION8_H
#define HYPNOS_ATTENTION8_H

typedef int8_t bytes32 __attribute__((vector_size(32), aligned(1)));
typedef int16_t shorts32 __attribute__((vector_size(64)));

// A span of a query's dimensions is rounded at a time, and the weights of a few tiles: one large weight, as many models
// give the first token, must not take the precision of all others. No sum comes near 2^31.
enum { CACHE_PEAK = 32767, SPAN = 256, TILES_ROUNDED = 4, VALUE_VECTORS = HYPNOS_VALUE_BLOCK / 16 };
_Static_assert(HYPNOS_KEY_BLOCK == 32 && SPAN % HYPNOS_KEY_BLOCK == 0, "a block of a key is two vectors");

// The rounded weights of one query for a group of tiles, as pairs of positions.
typedef int32_t weight_pairs[TILES_ROUNDED * HYPNOS_TILE / 2];

// The number whose bits are the largest of `magnitudes`.
ALWAYS_INLINE float peak_of(ints magnitudes) {
  int32_t largest = __builtin_reduce_max(magnitudes);
  float peak;
  memcpy(&peak, &largest, sizeof peak);
  return peak;
}

// The sixteen of `count` values from `i` on, zeros behind the last.
ALWAYS_INLINE floats load_within(const float *values, size_t i, size_t count) {
  return i >= count ? (floats){} : count - i < 16 ? load_part(values + i, count - i) : load(values + i);
}

// For every pair of lanes `distance` apart, `swapped` being x with those exchanged: their sum and their difference.
ALWAYS_INLINE floats add_and_subtract(floats x, floats swapped, int distance) {
  ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return swapped + choose((lane & distance) != 0, -x, x);
}

// Multiplies 32 values by the Hadamard matrix of ones and minus ones, and by `factor`. The matrix's square is 32 times
// the identity: two vectors' product is a 32nd of their transforms'. Many models give a few dimensions of their keys
// values beside which a common scale would round the others to almost nothing; the transform gives each dimension a
// part of all (arXiv 2404.00456). What is left over at the end of a head is no whole block and stays as it is.
ALWAYS_INLINE void spread(floats *low, floats *high, float factor) {
  floats both[2] = {*low + *high, *low - *high};
  for (int i = 0; i < 2; i++) {
    floats x = both[i];
    x = add_and_subtract(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7), 8);
    x = add_and_subtract(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11), 4);
    x = add_and_subtract(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13), 2);
    x = add_and_subtract(x, __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14), 1);
    both[i] = x * splat(factor);
  }
  *low = both[0];
  *high = both[1];
}

// The 32nd is shared out so that whole blocks come out neither much larger nor much smaller than what is left over,
// with which those of a query have one scale.
#define KEY_FACTOR 0.125f
#define QUERY_FACTOR 0.25f

// Eight bits for each value of a block, and their scale as it is stored.
ALWAYS_INLINE uint16_t quantize_cached(const floats *block, int vectors, int8_t *codes) {
  ints most = {};
  for (int v = 0; v < vectors; v++) most = __builtin_elementwise_max(most, magnitude(block[v]));
  uint16_t halves[16];
  store_halves(halves, splat(peak_of(most) / 127.0f));
  float scale = half_to_float(halves[0]), inverse = scale > 0 ? 1 / scale : 0;
  ints bound = (ints){} + 127;
  for (int v = 0; v < vectors; v++) {
    ints rounded = nearest(block[v] * splat(inverse));
    rounded = __builtin_elementwise_max(__builtin_elementwise_min(rounded, bound), -bound);
    *(bytes16 *)(codes + 16 * v) = __builtin_convertvector(rounded, bytes16);
  }
  return halves[0];
}

// The f16 scales of block `block` of a tile's sixteen keys or values.
ALWAYS_INLINE uint16_t *cached_scales(const uint8_t *tile, size_t size, size_t block) {
  return (uint16_t *)(tile + HYPNOS_TILE * ((size + 1) / 2 * 2)) + block * HYPNOS_TILE;
}

static void store_value8(const float *value, size_t size, size_t place, uint8_t *tile) {
  uint8_t *pair = tile + place / 2 * 2 * size + place % 2;
  for (size_t from = 0; from < size; from += HYPNOS_VALUE_BLOCK) {
    floats block[VALUE_VECTORS];
    int8_t codes[HYPNOS_VALUE_BLOCK];
    for (size_t v = 0; v < VALUE_VECTORS; v++) block[v] = load_within(value, from + 16 * v, size);
    cached_scales(tile, size, from / HYPNOS_VALUE_BLOCK)[place] = quantize_cached(block, VALUE_VECTORS, codes);
    for (size_t i = 0; i < HYPNOS_VALUE_BLOCK && from + i < size; i++) pair[2 * (from + i)] = (uint8_t)codes[i];
  }
}

static void store_key8(const float *key, size_t size, size_t place, uint8_t *tile) {
  for (size_t from = 0; from < size; from += HYPNOS_KEY_BLOCK) {
    floats block[2] = {load_within(key, from, size), load_within(key, from + 16, size)};
    int8_t codes[HYPNOS_KEY_BLOCK];
    size_t count = size - from < HYPNOS_KEY_BLOCK ? size - from : HYPNOS_KEY_BLOCK;
    if (count == HYPNOS_KEY_BLOCK) spread(block, block + 1, KEY_FACTOR);
    cached_scales(tile, size, from / HYPNOS_KEY_BLOCK)[place] = quantize_cached(block, 2, codes);
    // Behind the last of an odd number of dimensions stands a zero: what lies beyond a block's values is rounded too.
    for (size_t i = 0; i < (count + 1) / 2 * 2; i++)
      tile[(from + i) / 2 * 2 * HYPNOS_TILE + 2 * place + i % 2] = (uint8_t)codes[i];
  }
}

// Sixteen pairs of codes as pairs of 16-bit integers.
ALWAYS_INLINE ints load_pairs(const uint8_t *p) {
  return (ints)__builtin_convertvector(*(const bytes32 *)p, shorts32);
}

// The first or the second of each pair as floats.
ALWAYS_INLINE floats one_of_pairs(ints pairs, int second) {
  return __builtin_convertvector(second ? pairs >> 16 : pairs << 16 >> 16, floats);
}

ALWAYS_INLINE ints load_pairs_part(const uint8_t *p, size_t pairs) {
  uint8_t part[32] = {0};
  memcpy(part, p, 2 * pairs);
  return load_pairs(part);
}

// What values are multiplied with before they are rounded to codes of up to `most`, when `magnitudes` are the largest of
// them; `scale` takes it back, and is not finite when a value is not. Where the quotient could be infinite, the values
// are nothing beside any others.
ALWAYS_INLINE floats rounding_factor(ints magnitudes, float most, float *scale) {
  float peak = peak_of(magnitudes);
  *scale = peak / most;
  return splat(peak > 0x1p-112f ? most / peak : 0.0f);
}

// Thirty-two values times `factor` as pairs of 16-bit integers, which are the low bits of a number near 1.5 * 2^23.
ALWAYS_INLINE void round_pairs(floats a, floats b, floats factor, int32_t pairs[16]) {
  floats near = splat(0x1.8p23f);
  ints two = pair_neighbours((ints)fused(a, factor, near), (ints)fused(b, factor, near));
  memcpy(pairs, &two, sizeof two);
}

// Rounds `count` values of a query, whole blocks of which are spread as the keys' are, and returns their scale.
ALWAYS_INLINE float round_query(const float *values, size_t count, int32_t *pairs) {
  floats blocks[SPAN / 16];
  ints most = {};
  for (size_t i = 0; i < count; i += HYPNOS_KEY_BLOCK) {
    floats *block = blocks + i / 16;
    block[0] = load_within(values, i, count);
    block[1] = load_within(values, i + 16, count);
    if (count - i >= HYPNOS_KEY_BLOCK) spread(block, block + 1, QUERY_FACTOR);
    for (int v = 0; v < 2; v++) most = __builtin_elementwise_max(most, magnitude(block[v]));
  }
  float scale;
  floats factor = rounding_factor(most, CACHE_PEAK, &scale);
  for (size_t i = 0; i < count; i += HYPNOS_KEY_BLOCK)
    round_pairs(blocks[i / 16], blocks[i / 16 + 1], factor, pairs + i / 2);
  return scale;
}

// Scores of `count` queries against `tiles` tiles of sixteen keys, side by side, by `pairs` pairs of their dimensions
// from block `block` on: the lanes are the keys. They are added to what is there when `adds`.
ALWAYS_INLINE void score_tiles8(
  int count, int tiles, const int32_t (*queries)[SPAN / 2], const float *query_scales, size_t block, size_t pairs,
  size_t size, const uint8_t *keys, size_t tile, size_t last, const hypnos_cache_part *next, float *scores, int adds) {
  floats sums[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS] = {};
  size_t tile_bytes = hypnos_key_tile_bytes(HYPNOS_CACHE_Q8, size);
  const uint8_t *starts[SCORE_TILES], *ahead[SCORE_TILES];
  find_tiles(tiles, keys, tile, last, next, tile_bytes, starts, ahead);
  for (size_t from = 0; from < pairs; from += HYPNOS_KEY_BLOCK / 2, block++) {
    ints parts[HYPNOS_ATTEND_QUERIES][ATTEND_VECTORS] = {};
    size_t to = pairs - from < HYPNOS_KEY_BLOCK / 2 ? pairs : from + HYPNOS_KEY_BLOCK / 2;
    for (size_t p = from; p < to; p++)
      for (int t = 0; t < tiles; t++) {
        size_t offset = (block * HYPNOS_KEY_BLOCK + 2 * (p - from)) * HYPNOS_TILE;
        __builtin_prefetch(ahead[t] + offset, 0, 2);
        ints loaded = load_pairs(starts[t] + offset);
        for (int q = 0; q < count; q++) parts[q][t] = add_pairs(parts[q][t], queries[q][p] - (ints){}, loaded);
      }
    for (int t = 0; t < tiles; t++) {
      floats scale = load_halves(cached_scales(starts[t], size, block));
      __builtin_prefetch(cached_scales(ahead[t], size, block), 0, 2);
      for (int q = 0; q < count; q++)
        sums[q][t] = fused(__builtin_convertvector(parts[q][t], floats), scale, sums[q][t]);
    }
  }
  for (int q = 0; q < count; q++)
    for (int t = 0; t < tiles; t++) {
      float *target = scores + q * HYPNOS_CHUNK + ((int)tile + t) * HYPNOS_TILE;
      store(target, fused(sums[q][t], splat(query_scales[q]), adds ? load(target) : (floats){}));
    }
}

// The scores of the tiles from `first` to `last`.
ALWAYS_INLINE void score_keys8(
  int count, const float *queries, size_t size, const uint8_t *keys, size_t first, size_t last,
  const hypnos_cache_part *next, float *scores) {
  for (size_t from = 0; from < size; from += SPAN) {
    size_t width = size - from < SPAN ? size - from : SPAN, tile = first;
    int32_t pairs[HYPNOS_ATTEND_QUERIES][SPAN / 2];
    float scales[HYPNOS_ATTEND_QUERIES];
    for (int q = 0; q < count; q++) scales[q] = round_query(queries + (size_t)q * size + from, width, pairs[q]);
    _Pragma("clang loop unroll(full)") for (int together = tiles_together(count); together > 0; together /= 2)
      for (; tile + (size_t)together <= last; tile += (size_t)together)
        score_tiles8(
          count, together, (const int32_t(*)[SPAN / 2])pairs, scales, from / HYPNOS_KEY_BLOCK, (width + 1) / 2, size,
          keys, tile, last, next, scores, from > 0);
  }
}

// One query's weights for `count` tiles times the scales of a block of their values; returns the largest magnitudes. A
// weight of zero hides whatever scale stands at a position that is not seen.
ALWAYS_INLINE ints scale_weights(
  const float *weights, const floats scales[TILES_ROUNDED], size_t count, floats scaled[TILES_ROUNDED]) {
  ints most = {};
  for (size_t t = 0; t < TILES_ROUNDED; t++) {
    scaled[t] = (floats){};
    if (t >= count) continue;
    floats weight = load(weights + t * HYPNOS_TILE);
    scaled[t] = choose(weight == splat(0), (floats){}, weight * scales[t]);
    most = __builtin_elementwise_max(most, magnitude(scaled[t]));
  }
  return most;
}

// The same as pairs of positions, rounded; returns their scale.
ALWAYS_INLINE float round_weights(
  const float *weights, const floats scales[TILES_ROUNDED], size_t count, int32_t *pairs) {
  floats scaled[TILES_ROUNDED];
  float scale;
  floats factor = rounding_factor(scale_weights(weights, scales, count, scaled), CACHE_PEAK, &scale);
  for (size_t t = 0; t < TILES_ROUNDED; t += 2)
    round_pairs(scaled[t], scaled[t + 1], factor, pairs + t * HYPNOS_TILE / 2);
  return scale;
}

// Weighted sums of `vectors` times sixteen of the values' dimensions from `d` on, or of the `rest` at the end when that
// is not zero, for all queries, over up to TILES_ROUNDED tiles of those before `end`, whose rounded weights are `pairs`;
// added to the outputs when `adds`.
ALWAYS_INLINE void weigh_vectors8(
  int count, int vectors, size_t rest, const weight_pairs *pairs, const float *scales, size_t first, size_t last,
  size_t end, const uint8_t *values, size_t size, size_t d, const hypnos_cache_part *next, float *outputs, int adds) {
  size_t tile_bytes = hypnos_value_tile_bytes(HYPNOS_CACHE_Q8, size);
  ints sums[HYPNOS_ATTEND_QUERIES][VALUE_VECTORS] = {};
  for (size_t t = first; t < last; t++) {
    const uint8_t *tile = values + t * tile_bytes;
    const uint8_t *ahead =
      unit_ahead(values, t + AHEAD / tile_bytes, end, next->values, tiles_of(next), tile_bytes, tile);
    __builtin_prefetch(cached_scales(ahead, size, d / HYPNOS_VALUE_BLOCK), 0, 2);
    for (size_t p = 0; p < HYPNOS_TILE / 2; p++) {
      size_t offset = 2 * (p * size + d), pair = (t - first) * (HYPNOS_TILE / 2) + p;
      const uint8_t *row = tile + offset;
      for (int line = 0; line < vectors; line += 2) __builtin_prefetch(ahead + offset + 32 * line, 0, 2);
      for (int v = 0; v < vectors; v++) {
        ints loaded = rest ? load_pairs_part(row, rest) : load_pairs(row + 32 * v);
        for (int q = 0; q < count; q++) sums[q][v] = add_pairs(sums[q][v], pairs[q][pair] - (ints){}, loaded);
      }
    }
  }
  for (int q = 0; q < count; q++)
    for (int v = 0; v < vectors; v++) {
      floats sum = __builtin_convertvector(sums[q][v], floats), scale = splat(scales[q]);
      float *target = outputs + (size_t)q * size + d + 16 * (size_t)v;
      if (rest) store_part(target, fused(sum, scale, adds ? load_part(target, rest) : (floats){}), rest);
      else store(target, fused(sum, scale, adds ? load(target) : (floats){}));
    }
}

// The same for the block of the values' dimensions from `d` on: their scales are taken into the weights.
ALWAYS_INLINE void weigh_block8(
  int count, const float *weights, size_t first, size_t last, size_t end, const uint8_t *values, size_t size, size_t d,
  const hypnos_cache_part *next, float *outputs, int adds) {
  weight_pairs pairs[HYPNOS_ATTEND_QUERIES];
  float scales[HYPNOS_ATTEND_QUERIES];
  floats tile_scales[TILES_ROUNDED] = {};
  for (size_t t = 0; t < TILES_ROUNDED && t < last - first; t++) {
    const uint8_t *tile = values + (first + t) * hypnos_value_tile_bytes(HYPNOS_CACHE_Q8, size);
    tile_scales[t] = load_halves(cached_scales(tile, size, d / HYPNOS_VALUE_BLOCK));
  }
  for (int q = 0; q < count; q++)
    scales[q] = round_weights(weights + q * HYPNOS_CHUNK + first * HYPNOS_TILE, tile_scales, last - first, pairs[q]);
  size_t stop = size - d < HYPNOS_VALUE_BLOCK ? size : d + HYPNOS_VALUE_BLOCK;
  _Pragma("clang loop unroll(full)") for (int together = VALUE_VECTORS; together > 0; together /= 2)
    for (; together <= vectors_together(count) && d + 16 * (size_t)together <= stop; d += 16 * (size_t)together)
      weigh_vectors8(
        count, together, 0, (const weight_pairs *)pairs, scales, first, last, end, values, size, d, next, outputs,
        adds);
  if (d < stop)
    weigh_vectors8(
      count, 1, stop - d, (const weight_pairs *)pairs, scales, first, last, end, values, size, d, next, outputs, adds);
}

ALWAYS_INLINE void weigh_values8(
  int count, const float *weights, size_t first, size_t last, const uint8_t *values, size_t size,
  const hypnos_cache_part *next, float *outputs) {
  for (size_t t = first, stop; t < last; t = stop) {
    // Whole groups of the chunk, wherever the first query's window begins: each query gets the bits it gets alone.
    stop = (t / TILES_ROUNDED + 1) * TILES_ROUNDED;
    if (stop > last) stop = last;
    for (size_t d = 0; d < size; d += HYPNOS_VALUE_BLOCK)
      weigh_block8(count, weights, t, stop, last, values, size, d, next, outputs, t > first);
  }
}

#endif
