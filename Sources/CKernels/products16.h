// Products in 16-bit integers, for training: twice as fast as float32 multiply-adds and, unlike 8 bits, fine enough
// for gradients. Both operands are rounded in blocks of 64 values along the summed index, each with a scale of its
// own: codes of up to FINE_PEAK, so that a block's sum fits 32 bits. Weights go through panels of 32 lanes, their rows
// for a product and their columns for its backward twin. Written once over vectors of sixteen and included by each
// instruction set's file after gradients.h; FINE_ROWS is how many rows of a tile its registers hold, and
// add_pairs(sums, a, b) adds the products of the two 16-bit halves of every lane.
#ifndef HYPNOS_PRODUCTS16_H
#define HYPNOS_PRODUCTS16_H

// 5791 * 5791 * 64 is the largest such sum below 2^31.
enum { FINE_PEAK = 5791, FINE_PAIRS = HYPNOS_FINE_BLOCK / 2, FINE_VECTORS = HYPNOS_FINE_LANES / 16 };

typedef int16_t shorts16 __attribute__((vector_size(32), aligned(2)));

// Where a group of lanes has its codes, [block][pair][lane] of two neighbours of the summed index, and its scales,
// [block][lane].
typedef struct {
  ints *codes;
  floats *scales;
} fine_panel;

ALWAYS_INLINE fine_panel fine_panel_in(void *scratch, size_t blocks) {
  return (fine_panel){scratch, (floats *)((int32_t *)scratch + blocks * FINE_PAIRS * HYPNOS_FINE_LANES)};
}

// The 64 values become codes, their scale is returned: not finite when a value is not.
ALWAYS_INLINE float round_block(const float *values, ints codes[4]) {
  floats parts[4];
  ints magnitudes[4];
  for (int v = 0; v < 4; v++) magnitudes[v] = magnitude(parts[v] = load(values + 16 * v));
  four_ints peaks = largest_of_four(magnitudes);
  int32_t most = peaks[0];
  for (int i = 1; i < 4; i++) most = peaks[i] > most ? peaks[i] : most;
  float peak;
  memcpy(&peak, &most, sizeof peak);
  floats inverse = splat(most ? FINE_PEAK / peak : 0.0f);
  for (int v = 0; v < 4; v++) codes[v] = nearest(parts[v] * inverse);
  return peak / FINE_PEAK;
}

static void round_finely(const float *values, size_t width, int16_t *codes, float *scales) {
  for (size_t b = 0; b * HYPNOS_FINE_BLOCK < width; b++) {
    size_t rest = width - b * HYPNOS_FINE_BLOCK;
    float padded[HYPNOS_FINE_BLOCK] = {0};
    const float *block = values + b * HYPNOS_FINE_BLOCK;
    if (rest < HYPNOS_FINE_BLOCK) block = memcpy(padded, block, rest * sizeof(float));
    ints whole[4];
    scales[b] = round_block(block, whole);
    for (int v = 0; v < 4; v++)
      *(shorts16 *)(codes + b * HYPNOS_FINE_BLOCK + 16 * v) = __builtin_convertvector(whole[v], shorts16);
  }
}

ALWAYS_INLINE ints pair_up(ints first, ints second) { return (first & 0xffff) | second << 16; }

// Neighbours among the 32 integers of two vectors become pairs.
ALWAYS_INLINE ints pair_neighbours(ints a, ints b) {
  ints even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  ints odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return pair_up(even, odd);
}

// Sixteen rows of 64 values become lanes of a block.
ALWAYS_INLINE void lay_rows(const float *values, size_t row, const fine_panel *p, size_t block, size_t vector) {
  ints pairs[2][16];
  float scales[16];
  for (size_t r = 0; r < 16; r++) {
    ints codes[4];
    scales[r] = round_block(values + r * row, codes);
    for (int h = 0; h < 2; h++) pairs[h][r] = pair_neighbours(codes[2 * h], codes[2 * h + 1]);
  }
  for (size_t h = 0; h < 2; h++) {
    transpose_words(pairs[h]);
    for (size_t w = 0; w < 16; w++)
      p->codes[(block * FINE_PAIRS + 16 * h + w) * FINE_VECTORS + vector] = pairs[h][w];
  }
  p->scales[block * FINE_VECTORS + vector] = load(scales);
}

// Sixteen columns of 64 rows become lanes of a block.
ALWAYS_INLINE void lay_columns(const float *values, size_t row, const fine_panel *p, size_t block, size_t vector) {
  ints most = {};
  for (size_t r = 0; r < HYPNOS_FINE_BLOCK; r++)
    most = __builtin_elementwise_max(most, magnitude(load(values + r * row)));
  floats peaks = (floats)most, inverse = (floats)((ints)(splat((float)FINE_PEAK) / peaks) & (most != 0));
  for (size_t pair = 0; pair < FINE_PAIRS; pair++) {
    const float *two = values + 2 * pair * row;
    p->codes[(block * FINE_PAIRS + pair) * FINE_VECTORS + vector] =
      pair_up(nearest(load(two) * inverse), nearest(load(two + row) * inverse));
  }
  p->scales[block * FINE_VECTORS + vector] = peaks / splat((float)FINE_PEAK);
}

// What lies beyond the summed values is zero; lanes beyond those there are hold anything.
enum { DECODED_ROWS = 64, DECODED_BREADTH = 128 };

static void lay_finely(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, int backward,
  void *scratch) {
  _Alignas(64) float values[DECODED_ROWS * DECODED_BREADTH];
  size_t depth = backward ? row_count : count, blocks = (depth + HYPNOS_FINE_BLOCK - 1) / HYPNOS_FINE_BLOCK;
  size_t group_bytes = hypnos_fine_panel_bytes(depth), step = backward ? DECODED_ROWS : HYPNOS_FINE_LANES;
  for (size_t r = 0; r < row_count; r += step)
    for (size_t c = 0; c < count; c += DECODED_BREADTH) {
      size_t height = row_count - r < step ? row_count - r : step;
      size_t breadth = count - c < DECODED_BREADTH ? count - c : DECODED_BREADTH;
      if (height < step || (!backward && breadth % HYPNOS_FINE_BLOCK)) memset(values, 0, sizeof values);
      // The next values of these rows, or behind their last ones the first of the next rows.
      const uint8_t *here = group_at(format, rows, (first + c) / HYPNOS_GROUP);
      const uint8_t *next = c + DECODED_BREADTH < count
        ? group_at(format, rows, (first + c + DECODED_BREADTH) / HYPNOS_GROUP)
        : group_at(format, rows + step * row_bytes, first / HYPNOS_GROUP);
      decode_rows_ahead(
        format, rows + r * row_bytes, row_bytes, height, first + c, breadth, next - here, values, DECODED_BREADTH);
      if (backward) {
        for (size_t lane = 0; lane < breadth; lane += 16) {
          uint8_t *group = (uint8_t *)scratch + (c + lane) / HYPNOS_FINE_LANES * group_bytes;
          fine_panel p = fine_panel_in(group, blocks);
          lay_columns(
            values + lane, DECODED_BREADTH, &p, r / HYPNOS_FINE_BLOCK, lane / 16 % FINE_VECTORS);
        }
        continue;
      }
      fine_panel p = fine_panel_in((uint8_t *)scratch + r / HYPNOS_FINE_LANES * group_bytes, blocks);
      for (size_t block = 0; block * HYPNOS_FINE_BLOCK < breadth; block++)
        for (size_t v = 0; v < FINE_VECTORS; v++)
          lay_rows(
            values + 16 * v * DECODED_BREADTH + block * HYPNOS_FINE_BLOCK, DECODED_BREADTH, &p,
            c / HYPNOS_FINE_BLOCK + block, v);
    }
}

// The other operand: where a row's codes and its scales lie, and how far apart those of rows, of pairs and of blocks
// are.
typedef struct {
  const int16_t *codes;
  const float *scales;
  size_t row, pair, scale_row, scale_block;
} fine_side;

// Some rows times a group of 32 lanes, block by block into c, or added to it.
ALWAYS_INLINE void fine_tile(
  int rows, const fine_side *a, const fine_panel *p, size_t blocks, float *c, size_t c_row, int adds) {
  for (size_t b = 0; b < blocks; b++) {
    ints sums[FINE_ROWS][FINE_VECTORS] = {};
    const ints *codes = p->codes + b * FINE_PAIRS * FINE_VECTORS;
    const int16_t *block = a->codes + b * FINE_PAIRS * a->pair;
    for (size_t pair = 0; pair < FINE_PAIRS; pair++) {
      ints lanes[FINE_VECTORS];
      for (int v = 0; v < FINE_VECTORS; v++) lanes[v] = codes[pair * FINE_VECTORS + v];
      _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) {
        int32_t two;
        memcpy(&two, block + (size_t)r * a->row + pair * a->pair, sizeof two);
        ints factor = two - (ints){};
        for (int v = 0; v < FINE_VECTORS; v++) sums[r][v] = add_pairs(sums[r][v], factor, lanes[v]);
      }
    }
    _Pragma("clang loop unroll(full)") for (int r = 0; r < rows; r++) {
      floats scale = splat(a->scales[(size_t)r * a->scale_row + b * a->scale_block]);
      for (int v = 0; v < FINE_VECTORS; v++) {
        float *target = c + (size_t)r * c_row + 16 * v;
        floats factor = p->scales[b * FINE_VECTORS + v] * scale;
        floats sum = adds || b > 0 ? load(target) : (floats){};
        store(target, fused(__builtin_convertvector(sums[r][v], floats), factor, sum));
      }
    }
  }
}

ALWAYS_INLINE void fine_rows(
  size_t row_count, fine_side a, const fine_panel *p, size_t blocks, float *c, size_t c_row, int adds) {
  size_t r = 0;
#define ROWS(count) \
  for (; r + (count) <= row_count; r += (count)) { \
    fine_tile(count, &a, p, blocks, c + r * c_row, c_row, adds); \
    a.codes += (count) * a.row; \
    a.scales += (count) * a.scale_row; \
  }
  ROWS(FINE_ROWS);
  ROWS(4);
  ROWS(2);
  ROWS(1);
#undef ROWS
}

// The same for the first `lanes` of a group; one that is not full goes by way of one that is.
ALWAYS_INLINE void fine_group(
  size_t row_count, fine_side a, const fine_panel *p, size_t blocks, size_t lanes, float *out, size_t out_row,
  int adds) {
  enum { TOGETHER = 16 };
  float whole[TOGETHER][HYPNOS_FINE_LANES];
  int is_full = lanes == HYPNOS_FINE_LANES;
  for (size_t r = 0, rows; r < row_count; r += rows) {
    rows = is_full || row_count - r < TOGETHER ? row_count - r : TOGETHER;
    float *target = out + r * out_row;
    if (!is_full) {
      memset(whole, 0, sizeof whole);
      if (adds)
        for (size_t i = 0; i < rows; i++) memcpy(whole[i], target + i * out_row, lanes * sizeof(float));
    }
    fine_rows(rows, a, p, blocks, is_full ? target : whole[0], is_full ? out_row : HYPNOS_FINE_LANES, adds);
    if (!is_full)
      for (size_t i = 0; i < rows; i++) memcpy(target + i * out_row, whole[i], lanes * sizeof(float));
    a.codes += rows * a.row;
    a.scales += rows * a.scale_row;
  }
}

ALWAYS_INLINE fine_panel fine_group_at(const void *panels, size_t lane, size_t depth) {
  uint8_t *group = (uint8_t *)panels + lane / HYPNOS_FINE_LANES * hypnos_fine_panel_bytes(depth);
  return fine_panel_in(group, (depth + HYPNOS_FINE_BLOCK - 1) / HYPNOS_FINE_BLOCK);
}

ALWAYS_INLINE size_t lanes_of_group(size_t count, size_t lane) {
  return count - lane < HYPNOS_FINE_LANES ? count - lane : HYPNOS_FINE_LANES;
}

static void multiply_finely(
  size_t row_count, size_t lane_count, size_t depth, const int16_t *codes, size_t code_row, const float *scales,
  size_t scale_row, const void *panels, float *out, size_t out_row, int adds) {
  size_t blocks = (depth + HYPNOS_FINE_BLOCK - 1) / HYPNOS_FINE_BLOCK;
  // The pairs of a rounded row are neighbours.
  fine_side rows = {codes, scales, code_row, 2, scale_row, 1};
  for (size_t lane = 0; lane < lane_count; lane += HYPNOS_FINE_LANES) {
    fine_panel p = fine_group_at(panels, lane, depth);
    fine_group(row_count, rows, &p, blocks, lanes_of_group(lane_count, lane), out + lane, out_row, adds);
  }
}

static void multiply_laid_finely(
  size_t row_count, size_t lane_count, size_t depth, const void *left, const void *right, float *out, size_t out_row) {
  size_t blocks = (depth + HYPNOS_FINE_BLOCK - 1) / HYPNOS_FINE_BLOCK;
  for (size_t r = 0; r < row_count; r += HYPNOS_FINE_LANES) {
    fine_panel a = fine_group_at(left, r, depth);
    // The pairs of a panel's lane are a group apart.
    fine_side rows = {
      (const int16_t *)a.codes, (const float *)a.scales, 2, 2 * HYPNOS_FINE_LANES, 1, HYPNOS_FINE_LANES};
    for (size_t lane = 0; lane < lane_count; lane += HYPNOS_FINE_LANES) {
      fine_panel p = fine_group_at(right, lane, depth);
      fine_group(
        lanes_of_group(row_count, r), rows, &p, blocks, lanes_of_group(lane_count, lane), out + r * out_row + lane,
        out_row, 1);
    }
  }
}

// The entries of a table.
#define HYPNOS_FINE_KERNELS \
  .round_finely = round_finely, .lay_finely = lay_finely, .multiply_finely = multiply_finely, \
  .multiply_laid_finely = multiply_laid_finely

#endif
