// Products of quantized rows and columns, the same for every vector instruction set: which rows are streamed and
// which go through a panel, and the end of a row that fills no group. Included after the set's own loaders,
// sum_rows, store_group and panel functions, which PANEL_FOR names.
#ifndef HYPNOS_PRODUCTS_H
#define HYPNOS_PRODUCTS_H

// The rows of a tile, or of a panel, are read side by side, so that what the next one needs first lies far apart: the
// second-level cache is filled in the order of addresses, from a tile and PREFETCH bytes, or a panel, ahead.
enum { STREAM_ROWS = 4, STREAM_COLUMNS = HYPNOS_STREAMED_COLUMNS, PREFETCH = 2048 };

typedef void (*panel_function)(
  const panel *, int, const hypnos_column_block *, int, float[PANEL_COLUMNS][PANEL_ROWS]);

// What lies `offset` bytes behind the start of rows that take `total`: behind their end it is what comes next.
ALWAYS_INLINE const uint8_t *address_ahead(const uint8_t *rows, size_t total, const uint8_t *next, size_t offset) {
  return offset < total || !next ? rows + offset : next + (offset - total);
}

// Four neighbouring rows: where each starts, and how many bytes may be read from there on. Rows beyond the last are
// the last once more, and their results are dropped.
typedef struct {
  const uint8_t *starts[4];
  size_t readable[4];
} row_tile;

ALWAYS_INLINE row_tile tile_from(const uint8_t *rows, size_t row_bytes, size_t first, size_t row_count) {
  row_tile tile;
  for (size_t r = 0; r < 4; r++) {
    size_t row = first + r < row_count ? first + r : row_count - 1;
    tile.starts[r] = rows + row * row_bytes;
    tile.readable[r] = (row_count - row) * row_bytes;
  }
  return tile;
}

// A row that is no whole number of groups ends in one of `blocks` blocks. Loaders read four all the same: what
// follows is the next row, or, behind the last row, zeros that a copy is filled up with. Its scales are cleared.
ALWAYS_INLINE void find_tail(
  int format, const row_tile *tile, size_t index, size_t blocks, padded_group padded[4], const uint8_t *groups[4]) {
  for (int r = 0; r < 4; r++) {
    groups[r] = group_at(format, tile->starts[r], index);
    if ((size_t)(groups[r] - tile->starts[r]) + 4 * block_bytes(format) > tile->readable[r]) {
      pad_group(tile->starts[r], index, blocks, format, &padded[r]);
      groups[r] = padded[r].bytes;
    }
  }
}

ALWAYS_INLINE floats first_blocks(floats x, size_t blocks) {
  ints block = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
  return (floats)((ints)x & (block < (int32_t)blocks));
}

ALWAYS_INLINE void clear_tail(four_rows *g, size_t blocks, int halves, int minimum) {
  for (int h = 0; h < halves; h++) {
    g->scales[h] = first_blocks(g->scales[h], blocks);
    if (minimum) g->minima[h] = first_blocks(g->minima[h], blocks);
  }
}

// Adds one group of four rows to the partial sums [block][row] of `count` columns.
ALWAYS_INLINE void stream_group(
  const four_rows *g, int shift, int halves, int minimum, int bits, const hypnos_column_group *column,
  size_t column_groups, int count, floats *partial) {
  for (int c = 0; c < count; c++, column += column_groups) {
    ints sums[2];
    sum_rows(g, column, halves, bits, sums);
    floats scale = repeat_each(column->scales);
    for (int h = 0; h < halves; h++) {
      int part = halves == 2 ? 1 + h : 0;
      if (shift >= 0 && HAS_BIAS(bits)) sums[h] += repeat_each_int(column->sums[part].negative) << shift;
      partial[c] = fused(__builtin_convertvector(sums[h], floats), g->scales[h] * scale, partial[c]);
      if (minimum) partial[c] = fused(-g->minima[h], repeat_each(column->sums[part].scaled), partial[c]);
    }
  }
}

// Adds each row's four partial sums in order and stores those of the first `count` rows.
ALWAYS_INLINE void finish_rows(floats partial, size_t count, float *out) {
  typedef float four_anywhere __attribute__((vector_size(16), aligned(4)));
  ints p = (ints)partial;
  four_floats sums = (((four_floats)quarter(p, 0) + (four_floats)quarter(p, 1)) + (four_floats)quarter(p, 2)) +
                     (four_floats)quarter(p, 3);
  if (count >= 4) *(four_anywhere *)out = sums;
  else for (size_t r = 0; r < count; r++) out[r] = sums[r];
}

static void multiply_columns(
  panel *p, panel_function function, int shift, const hypnos_column_block *columns, size_t column_count,
  size_t row_count, float *out, size_t out_stride, const uint8_t *ahead, size_t ahead_bytes) {
  // As few tiles as possible, all of about the same breadth.
  size_t tiles = (column_count + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
  p->ahead_step = (ahead_bytes / tiles + p->blocks - 1) / p->blocks;
  for (size_t t = 0; t < tiles; t++) {
    size_t c = t * column_count / tiles;
    int count = (int)((t + 1) * column_count / tiles - c);
    _Alignas(64) float result[PANEL_COLUMNS][PANEL_ROWS];
    p->ahead = ahead + t * p->blocks * p->ahead_step;
    function(p, shift, column_at(p, columns, c), count, result);
    for (int i = 0; i < count; i++) {
      float *target = out + (c + (size_t)i) * out_stride;
      if (row_count == PANEL_ROWS) memcpy(target, result[i], sizeof result[i]);
      else memcpy(target, result[i], row_count * sizeof(float));
    }
  }
}

#define LOAD_GROUP(name, number, tile, i, halves, minimum, g) \
  if (i < whole) { \
    const uint8_t *starts[4]; \
    for (int r = 0; r < 4; r++) starts[r] = group_at(number, (tile)->starts[r], i); \
    load_##name(starts, i % 2, g); \
  } else { \
    const uint8_t *starts[4]; \
    padded_group padded[4]; \
    find_tail(number, tile, i, tail, padded, starts); \
    load_##name(starts, i % 2, g); \
    clear_tail(g, tail, halves, minimum); \
  }

#define FORMAT(name, number, shift, halves, minimum, bits) \
  ALWAYS_INLINE void stream_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const hypnos_column_group *columns, \
    int count, float *out, size_t out_stride, const uint8_t *next) { \
    size_t whole = width / HYPNOS_GROUP, tail = width % HYPNOS_GROUP / HYPNOS_BLOCK, groups = whole + (tail > 0); \
    size_t group_bytes = row_bytes / groups; \
    for (size_t first = 0; first < row_count; first += STREAM_ROWS) { \
      row_tile tile = tile_from(rows, row_bytes, first, row_count); \
      floats partial[STREAM_COLUMNS] = {}; \
      for (size_t i = 0; i < groups; i++) { \
        four_rows g; \
        LOAD_GROUP(name, number, &tile, i, halves, minimum, &g) \
        size_t step_bytes = STREAM_ROWS * group_bytes; \
        size_t offset = (first + STREAM_ROWS) * row_bytes + PREFETCH + i * step_bytes; \
        const uint8_t *ahead = address_ahead(rows, row_count * row_bytes, next, offset); \
        fetch_lines(ahead, ahead + step_bytes); \
        stream_group(&g, shift, halves, minimum, bits, columns + i, groups, count, partial); \
      } \
      for (int c = 0; c < count; c++) finish_rows(partial[c], row_count - first, out + c * out_stride + first); \
    } \
  } \
  static void fill_panel_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const panel *p, size_t first) { \
    size_t whole = width / HYPNOS_GROUP, tail = width % HYPNOS_GROUP / HYPNOS_BLOCK; \
    row_tile tiles[FILL_ROWS / 4]; \
    for (size_t t = 0; t < FILL_ROWS / 4; t++) tiles[t] = tile_from(rows, row_bytes, first + 4 * t, row_count); \
    for (size_t i = 0; i < p->groups; i++) { \
      four_rows g[FILL_ROWS / 4]; \
      for (size_t t = 0; t < FILL_ROWS / 4; t++) { \
        LOAD_GROUP(name, number, &tiles[t], i, halves, minimum, &g[t]) \
      } \
      store_group(g, halves, minimum, first, i, p); \
    } \
  } \
  static void multiply_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const void *columns, \
    size_t column_count, float *out, size_t out_stride, void *scratch, const uint8_t *next) { \
    switch (column_count) { \
      case 1: return stream_##name(rows, row_bytes, row_count, width, columns, 1, out, out_stride, next); \
      case 2: return stream_##name(rows, row_bytes, row_count, width, columns, 2, out, out_stride, next); \
      case 3: return stream_##name(rows, row_bytes, row_count, width, columns, 3, out, out_stride, next); \
      case 4: return stream_##name(rows, row_bytes, row_count, width, columns, 4, out, out_stride, next); \
    } \
    panel p = panel_in(scratch, width); \
    panel_function function = PANEL_FOR(bits, halves, minimum); \
    fetch_lines(rows, rows + (row_count < PANEL_ROWS ? row_count : PANEL_ROWS) * row_bytes); \
    for (size_t r = 0; r < row_count; r += PANEL_ROWS) { \
      size_t count = row_count - r < PANEL_ROWS ? row_count - r : PANEL_ROWS; \
      const uint8_t *ahead = address_ahead(rows, row_count * row_bytes, next, (r + count) * row_bytes); \
      for (size_t first = 0; first < count; first += FILL_ROWS) \
        fill_panel_##name(rows + r * row_bytes, row_bytes, count, width, &p, first); \
      multiply_columns( \
        &p, function, shift, columns, column_count, count, out + r, out_stride, ahead, PANEL_ROWS * row_bytes); \
    } \
  }
HYPNOS_QUANTIZED_FORMATS(FORMAT)

static void multiply(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const void *columns,
  size_t column_count, float *out, size_t out_stride, void *scratch, const uint8_t *next) {
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: \
    multiply_##name(rows, row_bytes, row_count, width, columns, column_count, out, out_stride, scratch, next); \
    break;
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: break;
  }
}

#endif
