// How the sketch of a full chunk is made: its keys and values once more in 4 bits, less their means over the chunk. The
// layout is CKernels.h's. Included by sketchscores.h.
#ifndef HYPNOS_SKETCHING_H
#define HYPNOS_SKETCHING_H

// A lane of codes holds eight dimensions of a key, or one dimension of eight positions' values.
enum { KEY_STEPS = HYPNOS_KEY_BLOCK / 8, TILE_STEPS = HYPNOS_TILE / 8, CHUNK_TILES = HYPNOS_CHUNK / HYPNOS_TILE };

// The codes of a lane's scale, as many units as its block of the chunk has; the largest scale is this many.
enum { SCALE_PEAK = 255 };

// Where the parts of a sketch begin: what the first pass reads, then what the second does.
typedef struct {
  uint8_t *keys, *key_scales;
  float *key_means, *key_units;
  uint8_t *values, *value_scales;
  float *value_means, *value_units;
} sketch_parts;

ALWAYS_INLINE sketch_parts parts_of(const void *sketch, size_t size) {
  sketch_parts parts;
  size_t codes = HYPNOS_CHUNK * size / 2;
  parts.keys = (uint8_t *)sketch;
  parts.key_scales = parts.keys + codes;
  parts.key_means = (float *)(parts.key_scales + HYPNOS_CHUNK * size / HYPNOS_KEY_BLOCK);
  parts.key_units = parts.key_means + size;
  parts.values = parts.keys + hypnos_sketch_part_bytes(size, HYPNOS_KEY_BLOCK);
  parts.value_scales = parts.values + codes;
  parts.value_means = (float *)(parts.value_scales + HYPNOS_CHUNK * size / HYPNOS_VALUE_BLOCK);
  parts.value_units = parts.value_means + size;
  return parts;
}

// The nearest codes, of 0 to `most`.
ALWAYS_INLINE ints nearest_codes(floats x, int most) {
  return __builtin_elementwise_max(__builtin_elementwise_min(nearest(x), (ints){} + most), (ints){});
}

// Codes of 0 to 15, which stand for -7.5 to 7.5 times the scales of the lanes; `inverses` are their reciprocals.
ALWAYS_INLINE ints sketch_codes(floats values, floats inverses) {
  return nearest_codes(fused(values, inverses, splat(7.5f)), 15);
}

// The unit of a block's scales, when `most` are the largest magnitudes of its lanes.
ALWAYS_INLINE float scale_unit(ints most) { return peak_of(most) / (7.5f * SCALE_PEAK); }

// The scales of lanes whose largest magnitudes are `most`, rounded up as they are stored, and their reciprocals.
ALWAYS_INLINE floats sketch_scales(ints most, float unit, uint8_t *stored) {
  float inverse = unit > 0x1p-112f ? 1 / (7.5f * unit) : 0;
  ints codes = nearest_codes(fused((floats)most, splat(inverse), splat(0.5f)), SCALE_PEAK);
  ubytes16 bytes = __builtin_convertvector(codes, ubytes16);
  memcpy(stored, &bytes, sizeof bytes);
  floats scales = __builtin_convertvector(codes, floats) * splat(unit);
  return choose(scales > splat(0), splat(1) / scales, (floats){});
}

// Sixteen lanes' scales, in units.
ALWAYS_INLINE floats sketched_scales(const uint8_t *p) { return __builtin_convertvector(*(const ubytes16 *)p, floats); }

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
  floats x[CHUNK_TILES][HYPNOS_KEY_BLOCK], sums[HYPNOS_KEY_BLOCK] = {};
  for (size_t t = 0; t < CHUNK_TILES; t++) {
    load_key_block(cache, keys + t * hypnos_key_tile_bytes(cache, size), size, block, x[t]);
    for (int i = 0; i < HYPNOS_KEY_BLOCK; i++) sums[i] += x[t][i];
  }
  float *means = to.key_means + block * HYPNOS_KEY_BLOCK;
  for (int i = 0; i < HYPNOS_KEY_BLOCK; i++) means[i] = add_lanes(sums[i]) / HYPNOS_CHUNK;
  ints most[CHUNK_TILES] = {}, largest = {};
  for (size_t t = 0; t < CHUNK_TILES; t++) {
    for (int i = 0; i < HYPNOS_KEY_BLOCK; i++) {
      x[t][i] -= splat(means[i]);
      most[t] = __builtin_elementwise_max(most[t], magnitude(x[t][i]));
    }
    largest = __builtin_elementwise_max(largest, most[t]);
  }
  float unit = to.key_units[block] = scale_unit(largest);
  for (size_t t = 0; t < CHUNK_TILES; t++) {
    size_t place = t * (size / HYPNOS_KEY_BLOCK) + block;
    floats inverses = sketch_scales(most[t], unit, to.key_scales + place * HYPNOS_TILE);
    for (size_t step = 0; step < KEY_STEPS; step++) {
      ints eight[8];
      for (size_t i = 0; i < 8; i++) eight[i] = sketch_codes(x[t][8 * step + i], inverses);
      *(ints *)(to.keys + (place * KEY_STEPS + step) * 64) = pack_codes(eight);
    }
  }
}

// Sixteen dimensions from `d` on of the value at `place` of a tile.
ALWAYS_INLINE floats value_lanes(int cache, const uint8_t *tile, size_t size, size_t place, size_t d) {
  if (cache == HYPNOS_CACHE_F16) return load_halves((const uint16_t *)tile + place * size + d);
  floats code = one_of_pairs(load_pairs(tile + 2 * (place / 2 * size + d)), place % 2);
  return code * splat(half_to_float(cached_scales(tile, size, d / HYPNOS_VALUE_BLOCK)[place]));
}

// Codes and scales of a tile of values' dimensions from `d` on, which are x less their means.
ALWAYS_INLINE void sketch_value_tile(
  floats x[HYPNOS_TILE][VALUE_VECTORS], ints most, float unit, size_t size, size_t t, size_t d, sketch_parts to) {
  size_t block = t * (size / HYPNOS_VALUE_BLOCK) + d / HYPNOS_VALUE_BLOCK;
  floats inverses = sketch_scales(most, unit, to.value_scales + block * HYPNOS_TILE);
  for (size_t step = 0; step < TILE_STEPS; step++)
    for (size_t v = 0; v < VALUE_VECTORS; v++) {
      ints eight[8];
      for (size_t i = 0; i < 8; i++) eight[i] = sketch_codes(x[8 * step + i][v], splat(inverses[8 * step + i]));
      *(ints *)(to.values + t * HYPNOS_TILE * size / 2 + (step * size + d + 16 * v) * 4) = pack_codes(eight);
    }
}

// A block of the values' dimensions, from `d` on, less their mean over the chunk.
ALWAYS_INLINE void sketch_value_block(int cache, size_t size, const uint8_t *values, size_t d, sketch_parts to) {
  floats x[CHUNK_TILES][HYPNOS_TILE][VALUE_VECTORS], means[VALUE_VECTORS];
  for (size_t v = 0; v < VALUE_VECTORS; v++) {
    floats sum = {};
    for (size_t i = 0; i < HYPNOS_CHUNK; i++) {
      const uint8_t *tile = values + i / HYPNOS_TILE * hypnos_value_tile_bytes(cache, size);
      floats value = value_lanes(cache, tile, size, i % HYPNOS_TILE, d + 16 * v);
      x[i / HYPNOS_TILE][i % HYPNOS_TILE][v] = value;
      sum += value;
    }
    means[v] = sum * splat(1.0f / HYPNOS_CHUNK);
    store(to.value_means + d + 16 * v, means[v]);
  }
  ints most[CHUNK_TILES], largest = {};
  for (size_t t = 0; t < CHUNK_TILES; t++) {
    for (size_t place = 0; place < HYPNOS_TILE; place++) {
      ints magnitudes = {};
      for (size_t v = 0; v < VALUE_VECTORS; v++) {
        x[t][place][v] -= means[v];
        magnitudes = __builtin_elementwise_max(magnitudes, magnitude(x[t][place][v]));
      }
      most[t][place] = __builtin_reduce_max(magnitudes);
    }
    largest = __builtin_elementwise_max(largest, most[t]);
  }
  float unit = to.value_units[d / HYPNOS_VALUE_BLOCK] = scale_unit(largest);
  for (size_t t = 0; t < CHUNK_TILES; t++) sketch_value_tile(x[t], most[t], unit, size, t, d, to);
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
