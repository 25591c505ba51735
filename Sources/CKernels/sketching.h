// How the sketch of a full chunk is made: its keys and values once more in 4 bits, less their means over the chunk. The
// layout is CKernels.h's. Included by sketchscores.h.
#ifndef HYPNOS_SKETCHING_H
#define HYPNOS_SKETCHING_H

// A lane of codes holds eight dimensions of a key, or one dimension of eight positions' values.
enum { KEY_STEPS = HYPNOS_KEY_BLOCK / 8, TILE_STEPS = HYPNOS_TILE / 8 };

// Where the parts of a sketch begin.
typedef struct {
  uint8_t *keys, *values;
  uint16_t *key_scales, *value_scales;
  float *key_means, *value_means, *coarsest;
} sketch_parts;

ALWAYS_INLINE sketch_parts parts_of(const void *sketch, size_t size) {
  uint8_t *keys = (uint8_t *)sketch, *values = keys + HYPNOS_CHUNK * size / 2;
  uint16_t *key_scales = (uint16_t *)(values + HYPNOS_CHUNK * size / 2);
  uint16_t *value_scales = key_scales + HYPNOS_CHUNK * size / HYPNOS_KEY_BLOCK;
  float *means = (float *)(value_scales + HYPNOS_CHUNK * size / HYPNOS_VALUE_BLOCK);
  return (sketch_parts){keys, values, key_scales, value_scales, means, means + size, means + 2 * size};
}

// Codes of 0 to 15, which stand for -7.5 to 7.5 times the scales of the lanes; `inverses` are their reciprocals.
ALWAYS_INLINE ints sketch_codes(floats values, floats inverses) {
  ints codes = nearest(fused(values, inverses, splat(7.5f)));
  return __builtin_elementwise_max(__builtin_elementwise_min(codes, (ints){} + 15), (ints){});
}

// The scales of lanes whose largest magnitudes are `most`, as they are stored, and their reciprocals.
ALWAYS_INLINE floats sketch_scales(ints most, uint16_t *stored) {
  // A finite value has a finite scale.
  floats exact = (floats)most / splat(7.5f), largest = splat(65504.0f);
  store_halves(stored, choose((exact > largest) & (exact < splat(INFINITY)), largest, exact));
  floats scales = load_halves(stored);
  return choose(scales > splat(0), splat(1) / scales, (floats){});
}

// Eight vectors of codes as four bytes a lane, the first four in their low halves and the others in the high ones.
ALWAYS_INLINE ints pack_codes(const ints codes[8]) {
  ints packed = {};
  for (int i = 0; i < 4; i++) packed |= (codes[i] | codes[4 + i] << 4) << 8 * i;
  return packed;
}

// Dimension `d` of the sixteen keys of a tile, which with 8 bits are spread already.
ALWAYS_INLINE floats key_lanes(int cache, const uint8_t *tile, size_t size, size_t d) {
  if (cache == HYPNOS_CACHE_F16) return load_halves((const uint16_t *)tile + d * HYPNOS_TILE);
  floats code = one_of_pairs(load_pairs(tile + d / 2 * 2 * HYPNOS_TILE), d % 2);
  return code * load_halves(cached_scales(tile, size, d / HYPNOS_KEY_BLOCK));
}

// Multiplies the lanes of 32 vectors by the Hadamard matrix, as `spread` does the values of two.
ALWAYS_INLINE void spread_lanes(floats x[HYPNOS_KEY_BLOCK]) {
  for (int distance = HYPNOS_KEY_BLOCK / 2; distance > 0; distance /= 2)
    for (int i = 0; i < HYPNOS_KEY_BLOCK; i++)
      if (!(i & distance)) {
        floats sum = x[i] + x[i + distance];
        x[i + distance] = x[i] - x[i + distance];
        x[i] = sum;
      }
  for (int i = 0; i < HYPNOS_KEY_BLOCK; i++) x[i] *= splat(KEY_FACTOR);
}

// A block of sixteen keys' dimensions, spread.
ALWAYS_INLINE void load_key_block(
  int cache, const uint8_t *tile, size_t size, size_t block, floats x[HYPNOS_KEY_BLOCK]) {
  for (size_t i = 0; i < HYPNOS_KEY_BLOCK; i++) x[i] = key_lanes(cache, tile, size, block * HYPNOS_KEY_BLOCK + i);
  if (cache == HYPNOS_CACHE_F16) spread_lanes(x);
}

// The keys less their mean over the chunk, which many models' keys have in common: half the rounding error.
ALWAYS_INLINE void sketch_key_block(int cache, size_t size, const uint8_t *keys, size_t block, sketch_parts to) {
  size_t tiles = HYPNOS_CHUNK / HYPNOS_TILE, tile_bytes = hypnos_key_tile_bytes(cache, size);
  floats x[HYPNOS_KEY_BLOCK], sums[HYPNOS_KEY_BLOCK] = {}, coarsest = {};
  for (size_t t = 0; t < tiles; t++) {
    load_key_block(cache, keys + t * tile_bytes, size, block, x);
    for (int i = 0; i < HYPNOS_KEY_BLOCK; i++) sums[i] += x[i];
  }
  float *means = to.key_means + block * HYPNOS_KEY_BLOCK;
  for (int i = 0; i < HYPNOS_KEY_BLOCK; i++) means[i] = add_lanes(sums[i]) / HYPNOS_CHUNK;
  for (size_t t = 0; t < tiles; t++) {
    load_key_block(cache, keys + t * tile_bytes, size, block, x);
    ints most = {};
    for (int i = 0; i < HYPNOS_KEY_BLOCK; i++) {
      x[i] -= splat(means[i]);
      most = __builtin_elementwise_max(most, magnitude(x[i]));
    }
    uint16_t *scales = to.key_scales + (t * (size / HYPNOS_KEY_BLOCK) + block) * HYPNOS_TILE;
    floats inverses = sketch_scales(most, scales);
    coarsest = __builtin_elementwise_max(coarsest, load_halves(scales));
    for (size_t step = 0; step < KEY_STEPS; step++) {
      ints eight[8];
      for (size_t i = 0; i < 8; i++) eight[i] = sketch_codes(x[8 * step + i], inverses);
      *(ints *)(to.keys + t * HYPNOS_TILE * size / 2 + (block * KEY_STEPS + step) * 64) = pack_codes(eight);
    }
  }
  to.coarsest[block] = __builtin_reduce_max(coarsest);
}

// Sixteen dimensions from `d` on of the value at `place` of a tile.
ALWAYS_INLINE floats value_lanes(int cache, const uint8_t *tile, size_t size, size_t place, size_t d) {
  if (cache == HYPNOS_CACHE_F16) return load_halves((const uint16_t *)tile + place * size + d);
  floats code = one_of_pairs(load_pairs(tile + 2 * (place / 2 * size + d)), place % 2);
  return code * splat(half_to_float(cached_scales(tile, size, d / HYPNOS_VALUE_BLOCK)[place]));
}

// A block of a value's dimensions from `d` on, less their means.
ALWAYS_INLINE void load_value_block(
  int cache, const uint8_t *tile, size_t size, size_t place, size_t d, const float *means, floats x[VALUE_VECTORS]) {
  for (size_t v = 0; v < VALUE_VECTORS; v++)
    x[v] = value_lanes(cache, tile, size, place, d + 16 * v) - load(means + d + 16 * v);
}

ALWAYS_INLINE void sketch_value_tile(int cache, size_t size, const uint8_t *tile, size_t t, size_t d, sketch_parts to) {
  floats x[HYPNOS_TILE][VALUE_VECTORS];
  ints most;
  for (size_t place = 0; place < HYPNOS_TILE; place++) {
    load_value_block(cache, tile, size, place, d, to.value_means, x[place]);
    ints largest = {};
    for (size_t v = 0; v < VALUE_VECTORS; v++) largest = __builtin_elementwise_max(largest, magnitude(x[place][v]));
    most[place] = __builtin_reduce_max(largest);
  }
  floats inverses =
    sketch_scales(most, to.value_scales + (t * (size / HYPNOS_VALUE_BLOCK) + d / HYPNOS_VALUE_BLOCK) * HYPNOS_TILE);
  for (size_t step = 0; step < TILE_STEPS; step++)
    for (size_t v = 0; v < VALUE_VECTORS; v++) {
      ints eight[8];
      for (size_t i = 0; i < 8; i++) eight[i] = sketch_codes(x[8 * step + i][v], splat(inverses[8 * step + i]));
      *(ints *)(to.values + t * HYPNOS_TILE * size / 2 + (step * size + d + 16 * v) * 4) = pack_codes(eight);
    }
}

// The values less their mean over the chunk.
ALWAYS_INLINE void sketch_value_block(int cache, size_t size, const uint8_t *values, size_t d, sketch_parts to) {
  size_t tile_bytes = hypnos_value_tile_bytes(cache, size);
  for (size_t v = 0; v < VALUE_VECTORS; v++) {
    floats sum = {};
    for (size_t i = 0; i < HYPNOS_CHUNK; i++)
      sum += value_lanes(cache, values + i / HYPNOS_TILE * tile_bytes, size, i % HYPNOS_TILE, d + 16 * v);
    store(to.value_means + d + 16 * v, sum * splat(1.0f / HYPNOS_CHUNK));
  }
  for (size_t t = 0; t < HYPNOS_CHUNK / HYPNOS_TILE; t++)
    sketch_value_tile(cache, size, values + t * tile_bytes, t, d, to);
}

ALWAYS_INLINE void sketch_as(int cache, size_t size, const uint8_t *keys, const uint8_t *values, sketch_parts to) {
  for (size_t block = 0; block < size / HYPNOS_KEY_BLOCK; block++) sketch_key_block(cache, size, keys, block, to);
  for (size_t d = 0; d < size; d += HYPNOS_VALUE_BLOCK) sketch_value_block(cache, size, values, d, to);
}

static void sketch(int cache, size_t size, const void *keys, const void *values, void *to) {
  if (cache == HYPNOS_CACHE_F16) sketch_as(HYPNOS_CACHE_F16, size, keys, values, parts_of(to, size));
  else sketch_as(HYPNOS_CACHE_Q8, size, keys, values, parts_of(to, size));
}

#endif
