// The inner loops, one table of functions for each instruction set, and the processor detection that
// chooses between them. No threads, no allocation, no input or output here: the callers own all memory.
//
// Every table computes the same sums in the same order, so that all of them give the same bits:
//  - a row of quantized blocks times a column is kept in four partial sums, one for each position of a
//    32-value block within a group of four; a block adds scale * activationScale * (integer sum) to its
//    partial sum by one fused multiply-add, then takes off its minimum; the four are added in order;
//  - a row of plain floats is kept in sixteen partial sums (position modulo sixteen), added pairwise.
#ifndef HYPNOS_CKERNELS_H
#define HYPNOS_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// Values per quantized activation block, and per group of blocks, the unit the loops work in.
enum { HYPNOS_BLOCK = 32, HYPNOS_GROUP = 128, HYPNOS_GROUP_BLOCKS = 4 };

// Number formats by their number in a GGUF file.
enum {
  HYPNOS_F32 = 0,
  HYPNOS_F16 = 1,
  HYPNOS_Q4_0 = 2,
  HYPNOS_Q4_1 = 3,
  HYPNOS_Q5_0 = 6,
  HYPNOS_Q5_1 = 7,
  HYPNOS_Q8_0 = 8,
  HYPNOS_Q2_K = 10,
  HYPNOS_Q3_K = 11,
  HYPNOS_Q4_K = 12,
  HYPNOS_Q5_K = 13,
  HYPNOS_Q6_K = 14,
  HYPNOS_IQ4_NL = 20,
  HYPNOS_IQ4_XS = 23,
  HYPNOS_I8 = 24,
  HYPNOS_BF16 = 30,
};

// Up to this many columns are multiplied with rows as these are read, more by way of panels.
enum { HYPNOS_STREAMED_COLUMNS = 4 };

// One group of a column, quantized to 8 bits in four blocks of 32 with a scale each; a column is its groups one
// after another, its end filled up with zeros. The values stand in the order in which rows are unpacked: the first
// sixteen of each of the four blocks, then the second sixteen. Index 0 of the sums is the whole block, 1 its first half,
// 2 its second half: what formats without halves need fills three cache lines. The integer sums are negated, for
// formats whose codes have a bias.
typedef struct {
  _Alignas(64) int8_t values[2][HYPNOS_GROUP_BLOCKS][16];
  float scales[HYPNOS_GROUP_BLOCKS];
  struct {
    int32_t negative[HYPNOS_GROUP_BLOCKS];
    float scaled[HYPNOS_GROUP_BLOCKS];
  } sums[3];
} hypnos_column_group;

// The same by blocks, a cache line each, for panels, which take a block at a time. A column is first the blocks that lie
// first in their group, then the second ones, the third, the fourth.
typedef struct {
  _Alignas(64) int8_t values[2][16];
  float scale;
  struct {
    int32_t negative;
    float scaled;
  } sums[3];
} hypnos_column_block;

// The groups of a column or row of `width` values.
static inline size_t hypnos_group_count(size_t width) { return (width + HYPNOS_GROUP - 1) / HYPNOS_GROUP; }

// The bytes a quantized column of `width` values takes either way, a multiple of 64.
size_t hypnos_column_bytes(size_t width);

// The bytes of scratch that `multiply` needs for rows of `width` values, a multiple of 64.
size_t hypnos_scratch_bytes(size_t width);

// Fine products sum up blocks of 64 values before they scale, and take groups of 32 weights' rows or columns at once.
enum { HYPNOS_FINE_BLOCK = 64, HYPNOS_FINE_LANES = 32 };

// The bytes of one group's codes and scales for sums over `depth` values, a multiple of 64.
static inline size_t hypnos_fine_panel_bytes(size_t depth) {
  return (depth + HYPNOS_FINE_BLOCK - 1) / HYPNOS_FINE_BLOCK * HYPNOS_FINE_LANES * (HYPNOS_FINE_BLOCK * 2 + 4);
}

// How many queries `attend` takes at once, and how many positions lie in a chunk of the KV cache and in a tile.
enum { HYPNOS_ATTEND_QUERIES = 8, HYPNOS_TILE = 16, HYPNOS_CHUNK = 256 };

// Formats of the KV cache: f16, or 8 bits with an f16 scale for each block of a key or value. Both lie in tiles of
// sixteen positions. A tile of keys is [size][16], so that a lane is a key; a tile of values is [16][size].
// With 8 bits two neighbours stand together: keys [size / 2][16][2], an odd size rounded up, and values [8][size][2];
// the scales [blocks][16] stand behind either. A whole block of a key is multiplied by the Hadamard matrix of its size
// before it is rounded, as queries are, too. Tiles of f16 may be decoded to float32 where they stand, for `attend` alone:
// many queries are spared to decode the same ones.
enum { HYPNOS_CACHE_F16 = 0, HYPNOS_CACHE_Q8 = 1, HYPNOS_CACHE_F32 = 2, HYPNOS_KEY_BLOCK = 32, HYPNOS_VALUE_BLOCK = 64 };

// The bytes of a tile of one head's keys, or values, whose scales stand for `block` values each.
static inline size_t hypnos_tile_bytes(int cache, size_t size, size_t block) {
  size_t codes = (size + 1) / 2 * 2, scales = (size + block - 1) / block * 2;
  return HYPNOS_TILE * (cache == HYPNOS_CACHE_Q8 ? codes + scales : cache == HYPNOS_CACHE_F16 ? size * 2 : size * 4);
}
static inline size_t hypnos_key_tile_bytes(int cache, size_t size) {
  return hypnos_tile_bytes(cache, size, HYPNOS_KEY_BLOCK);
}
static inline size_t hypnos_value_tile_bytes(int cache, size_t size) {
  return hypnos_tile_bytes(cache, size, HYPNOS_VALUE_BLOCK);
}

// The sketch of one head's full chunk is its keys and values in 4 bits, both less their means over the chunk, for heads
// of whole blocks of a value and at most HYPNOS_SKETCH_MOST values: the keys' codes [16 tiles][size / 8][16], spread by
// blocks as those of 8 bits are, a lane a key's eight dimensions, four in the low halves of its bytes and four in the
// high ones; the keys' scales in 8 bits, [16 tiles][blocks][16]; in float32 the mean key, [size], and the scales' units,
// [blocks]. The same then of the values, from a new cache line on, with codes [16 tiles][2][size], a lane one dimension
// of eight positions.
enum { HYPNOS_SKETCH_MOST = 512, HYPNOS_SKETCH_QUERY_BLOCK = 192 };

static inline int hypnos_has_sketch(size_t size) {
  return size % HYPNOS_VALUE_BLOCK == 0 && size <= HYPNOS_SKETCH_MOST;
}
// The keys of a sketch, or the values, in whole cache lines.
static inline size_t hypnos_sketch_part_bytes(size_t size, size_t block) {
  size_t blocks = size / block;
  return (HYPNOS_CHUNK * (size / 2 + blocks) + 4 * (size + blocks) + 63) / 64 * 64;
}
static inline size_t hypnos_sketch_bytes(size_t size) {
  return hypnos_sketch_part_bytes(size, HYPNOS_KEY_BLOCK) + hypnos_sketch_part_bytes(size, HYPNOS_VALUE_BLOCK);
}
// What a query takes as it is rounded for sketches.
static inline size_t hypnos_sketch_query_bytes(size_t size) {
  return size / HYPNOS_KEY_BLOCK * HYPNOS_SKETCH_QUERY_BLOCK;
}

// Some of one head's keys and values, from the start of a tile on.
typedef struct {
  const void *keys, *values;
  size_t positions;
} hypnos_cache_part;

// A chunk's sketch with the weights of its queries, [query][HYPNOS_CHUNK], and for each query the weight above which a
// position is read from the cache itself.
typedef struct {
  const void *sketch;
  float *weights;
  const float *bounds;
} hypnos_sketched_part;

typedef struct {
  const char *name;

  // Quantizes `width` floats (a multiple of 32) into the column at `base`, a multiple of 64, by blocks `for_panels`,
  // otherwise by groups.
  // A value that is not finite makes its block's scale not finite, and with it every product.
  void (*quantize)(const float *values, size_t width, int for_panels, void *base);

  // out[c * out_stride + r] = row r . column c, for `row_count` rows of `width` values in a quantized `format`,
  // `row_bytes` apart. The columns lie `hypnos_column_bytes(width)` apart, quantized for panels where there are more
  // than HYPNOS_STREAMED_COLUMNS. `next` is where the rows begin that the calling thread multiplies afterwards, which
  // are fetched towards the end, or null.
  void (*multiply)(
    int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const void *columns,
    size_t column_count, float *out, size_t out_stride, void *scratch, const uint8_t *next);

  // The same with rows packed beforehand, for a few columns again and again, always quantized for panels; all three are
  // null where the instruction set has no use for it. Rows are packed 16 or 32 at a time, the last filled up, into
  // panels that follow one another from a multiple of 64 bytes on: row `r`, a multiple of 32, begins
  // `packed_bytes(format, r, width)` bytes behind the first. `pack` takes the scratch of `multiply`.
  size_t (*packed_bytes)(int format, size_t row_count, size_t width);
  void (*pack)(
    int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, void *scratch, uint8_t *packed);
  void (*multiply_packed)(
    int format, const uint8_t *packed, size_t row_count, size_t width, const void *columns, size_t column_count,
    float *out, size_t out_stride, const uint8_t *next);

  // As `multiply`, for rows of F32, F16 or BF16 and columns of float32, `column_stride` floats apart.
  void (*multiply_floats)(
    int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const float *columns,
    size_t column_stride, size_t column_count, float *out, size_t out_stride);

  // out[c * out_stride + i] += sum over j of factors[c * factor_stride + j] * row j, value i, for i < width: the
  // second half of a low-rank product. The rows, F32, F16 or I8, lie in tiles of sixteen values, [tile][rank][16], the
  // last padded.
  void (*add_low_rank)(
    int format, const uint8_t *tiles, size_t rank, size_t width, const float *factors, size_t factor_stride,
    size_t column_count, float *out, size_t out_stride);

  // Decodes one row of `width` values in any format.
  void (*decode)(int format, const uint8_t *row, size_t width, float *out);

  // out = values / rms(values) * weights. Shapes [width].
  void (*rms_norm)(const float *values, const float *weights, float epsilon, size_t width, float *out);
  // values += addend.
  void (*add)(float *values, const float *addend, size_t width);
  // values *= factor.
  void (*scale)(float *values, float factor, size_t width);
  // gate = silu(gate) * up.
  void (*silu_multiply)(float *gate, const float *up, size_t width);
  // gate = gelu(gate) * up, the tanh approximation.
  void (*gelu_multiply)(float *gate, const float *up, size_t width);
  // Rotates the pairs (i, i + 1), or (i, i + size / 2) when `halves` is set, of one head by the angles whose
  // cosines and sines are given, [size / 2].
  void (*rotate)(float *head, const float *cosines, const float *sines, size_t size, int halves);
  // Stores one key or value, [size], at `position` of the tiles that start at `tiles`.
  void (*store_key)(int cache, const float *key, size_t size, size_t position, void *tiles);
  void (*store_value)(int cache, const float *value, size_t size, size_t position, void *tiles);

  // Softmax attention of up to HYPNOS_ATTEND_QUERIES queries over one chunk of at most HYPNOS_CHUNK positions.
  // queries, outputs: [query_count][size]; firsts, lasts: the positions in the chunk each query sees.
  // Gives each query's maximum, its sum of exponentials and the weighted sum of values, not divided.
  // scratch: HYPNOS_ATTEND_QUERIES * HYPNOS_CHUNK floats, 64-byte aligned. `next` is what the calling thread reads
  // afterwards, whose beginning is fetched towards the end, or null.
  void (*attend)(
    int cache, const float *queries, size_t query_count, size_t size, const void *keys, const void *values,
    const int32_t *firsts, const int32_t *lasts, float *maxima, float *sums, float *outputs, float *scratch,
    const hypnos_cache_part *next);
  // Makes the sketch of one head's full chunk.
  void (*sketch)(int cache, size_t size, const void *keys, const void *values, void *sketch);
  // Rounds one query, [size], for the sketches.
  void (*sketch_query)(const float *query, size_t size, void *rounded);
  // The weights of a full chunk as its sketch has them: exponentials [query_count][HYPNOS_CHUNK] of scores less each
  // query's maximum, their sums, and the standard deviation of the scores' rounding errors, at most. `next` is the
  // sketch that the thread reads afterwards, or null.
  void (*score_sketch)(
    const void *rounded, size_t query_count, size_t size, const void *sketch, const void *next, float *weights,
    float *maxima, float *sums, float *noises);
  // What `attend` gives, from those weights, and the values of the sketch; where a weight is above the query's bound, as
  // all are above one below zero, key and value are read from the cache itself, and the weight becomes zero; where a
  // query's weights of a group of positions are far below it, the mean stands for their values. `rounded` is what
  // `sketch_query` made of the queries, one behind the other. `next` is what the thread reads afterwards, without a
  // sketch for nothing.
  void (*attend_sketched)(
    int cache, const float *queries, const void *rounded, size_t query_count, size_t size, const void *keys,
    const void *values, const hypnos_sketched_part *part, const hypnos_sketched_part *next, float *maxima, float *sums,
    float *outputs);
  // Merges a chunk's partial result into what earlier chunks gave.
  void (*merge)(
    float *maximum, float *sum, float *output, float chunk_maximum, float chunk_sum, const float *chunk_output,
    size_t size);

  // For training.
  // c[i * c_row + j] = sum over p of a[i * a_row + p * a_step] * b[p * b_row + j], or += with `adds`, for i < m, j < n,
  // 0 <= p < k in this order, by fused multiply-adds; k > 0. Strides in floats; a may be read transposed through its two.
  void (*multiply_add)(
    size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
    size_t c_row, int adds);
  // Decodes the values `first` to `first + count` of some rows in any format; `first` is a multiple of 128, and so is
  // `count` unless it reaches the end of the rows.
  void (*decode_rows)(
    int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, float *out,
    size_t out_row);
  // Rounds `width` values to 16-bit codes in blocks of HYPNOS_FINE_BLOCK, the last filled up with zeros, with a scale
  // each. A value that is not finite makes its block's scale not finite, and with it every product.
  void (*round_finely)(const float *values, size_t width, int16_t *codes, float *scales);
  // Lays the values `first` to `first + count` of some rows, as `decode_rows` takes them, into panels in the same
  // rounding, hypnos_fine_panel_bytes each: to be summed over the values, or with `backward` over the rows.
  void (*lay_finely)(
    int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t first, size_t count, int backward,
    void *panels);
  // out[r * out_row + l] = sum over `depth` of rounded row r times lane l of the panels, or += with `adds`, block by
  // block.
  void (*multiply_finely)(
    size_t row_count, size_t lane_count, size_t depth, const int16_t *codes, size_t code_row, const float *scales,
    size_t scale_row, const void *panels, float *out, size_t out_row, int adds);
  // out[r * out_row + l] += sum over `depth` of lane r of the panels `left` times lane l of those `right`.
  void (*multiply_laid_finely)(
    size_t row_count, size_t lane_count, size_t depth, const void *left, const void *right, float *out,
    size_t out_row);
  // The largest of `count` values, -infinity when there are none; NaN counts as none.
  float (*largest)(const float *values, size_t count);
  // values = exp(values * factor - shift); returns their sum.
  float (*exponentials)(float *values, float factor, float shift, size_t count);
  // The backward twins: each takes the gradients of its loop's result and leaves those of its operands in place of
  // something it was given.
  // gradients = factor * probabilities * (gradients - sum of probabilities * gradients): of softmax(factor * scores)
  // by the scores.
  void (*softmax_backward)(const float *probabilities, float *gradients, float factor, size_t count);
  // gradients = those by the values of rms_norm(values).
  void (*rms_norm_backward)(
    const float *values, const float *weights, float epsilon, size_t width, float *gradients);
  // gate and up = the gradients by them, of silu(gate) * up.
  void (*silu_multiply_backward)(const float *gradients, float *gate, float *up, size_t width);
  // The same of gelu(gate) * up.
  void (*gelu_multiply_backward)(const float *gradients, float *gate, float *up, size_t width);
  // Multiplies each value by `factor`, or makes it 0 where a 32-bit hash of `key` and its index is below `threshold`.
  void (*drop)(float *values, uint64_t key, uint32_t threshold, float factor, size_t width);

  // What speeds are held against. Reads `count` bytes and returns the sum of their 64-bit words, so that every byte
  // is fetched; a tail shorter than 256 bytes may be left out.
  uint64_t (*read_bytes)(const uint8_t *bytes, size_t count);
  // Does `rounds` rounds of 8-bit multiply-accumulates on registers, some hundreds each, in the way of this set's
  // products, and returns how many that were.
  size_t (*integer_peak)(size_t rounds);
} hypnos_kernels;

// Tells the processor that this is a waiting loop.
static inline void hypnos_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Fetches the line of memory at `line` into the second-level cache. Any address will do.
static inline void hypnos_fetch(const void *line) { __builtin_prefetch(line, 0, 2); }

// The tables this processor and operating system can run, best first; null after the last.
const hypnos_kernels *hypnos_available_kernels(size_t index);

#endif
