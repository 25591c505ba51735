// Products of quantized rows and columns, the same for every vector instruction set: which rows are streamed and
// which go through a panel, and the end of a row that fills no group. Included after the set's own loaders and its
// stream_group, finish_rows, store_group and panel functions, which PANEL_FOR names.
#ifndef HYPNOS_PRODUCTS_H
#define HYPNOS_PRODUCTS_H

typedef void (*panel_function)(
  const panel *, int, const hypnos_column *, int, float[PANEL_COLUMNS][PANEL_ROWS]);

static void multiply_columns(
  const panel *p, panel_function function, int shift, size_t width, const uint8_t *columns, size_t column_count,
  size_t row_count, float *out, size_t out_stride) {
  size_t column_bytes = hypnos_column_bytes(width);
  for (size_t c = 0; c < column_count; c += PANEL_COLUMNS) {
    int count = column_count - c < PANEL_COLUMNS ? (int)(column_count - c) : PANEL_COLUMNS;
    hypnos_column tile[PANEL_COLUMNS];
    for (int i = 0; i < count; i++) tile[i] = hypnos_column_at(columns + (c + i) * column_bytes, width);
    _Alignas(64) float result[PANEL_COLUMNS][PANEL_ROWS];
    function(p, shift, tile, count, result);
    for (int i = 0; i < count; i++) memcpy(out + (c + i) * out_stride, result[i], row_count * sizeof(float));
  }
}

#define LOAD_ROWS(name, number, how_many) \
  for (size_t r = 0; r < how_many; r++) { \
    const uint8_t *row = rows + (r < row_count ? r : row_count - 1) * row_bytes; \
    if (i < whole) { \
      load_##name(row, i, &g[r]); \
    } else { \
      padded_group padded; \
      pad_group(row, i, tail, small_block_bytes(number), &padded); \
      load_##name(padded.bytes, 0, &g[r]); \
    } \
  }

#define FORMAT(name, number, shift, halves, minimum, bits) \
  ALWAYS_INLINE void stream_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const hypnos_column *columns, \
    int count, float *out, size_t out_stride) { \
    size_t whole = width / HYPNOS_GROUP, tail = width % HYPNOS_GROUP / HYPNOS_BLOCK; \
    size_t group_bytes = row_bytes / (whole + (tail > 0)); \
    partial_sums partial[STREAM_COLUMNS]; \
    for (int c = 0; c < count; c++) partial[c] = (partial_sums){0}; \
    for (size_t i = 0; i < whole + (tail > 0); i++) { \
      group g[STREAM_ROWS]; \
      LOAD_ROWS(name, number, STREAM_ROWS) \
      for (size_t line = 0; line < STREAM_ROWS * group_bytes + 63; line += 64) \
        _mm_prefetch((const char *)rows + i * STREAM_ROWS * group_bytes + PREFETCH + line, _MM_HINT_T0); \
      stream_group(g, shift, halves, minimum, bits, columns, count, i, partial); \
    } \
    for (int c = 0; c < count; c++) { \
      float finished[STREAM_ROWS]; \
      finish_rows(partial[c], finished); \
      size_t finished_rows = row_count < STREAM_ROWS ? row_count : STREAM_ROWS; \
      memcpy(out + c * out_stride, finished, finished_rows * sizeof(float)); \
    } \
  } \
  static void stream_rows_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const hypnos_column *columns, \
    int count, float *out, size_t out_stride) { \
    for (size_t r = 0; r < row_count; r += STREAM_ROWS) { \
      const uint8_t *some = rows + r * row_bytes; \
      float *target = out + r; \
      switch (count) { \
        case 1: stream_##name(some, row_bytes, row_count - r, width, columns, 1, target, out_stride); break; \
        case 2: stream_##name(some, row_bytes, row_count - r, width, columns, 2, target, out_stride); break; \
        case 3: stream_##name(some, row_bytes, row_count - r, width, columns, 3, target, out_stride); break; \
        default: stream_##name(some, row_bytes, row_count - r, width, columns, 4, target, out_stride); break; \
      } \
    } \
  } \
  static void fill_panel_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const panel *p, size_t first) { \
    size_t whole = width / HYPNOS_GROUP, tail = width % HYPNOS_GROUP / HYPNOS_BLOCK; \
    for (size_t i = 0; i < whole + (tail > 0); i++) { \
      group g[FILL_ROWS]; \
      LOAD_ROWS(name, number, FILL_ROWS) \
      store_group(g, halves, minimum, first, i, p); \
    } \
  } \
  static void multiply_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const uint8_t *columns, \
    size_t column_count, float *out, size_t out_stride, void *scratch) { \
    if (column_count <= STREAM_COLUMNS) { \
      hypnos_column few[STREAM_COLUMNS]; \
      for (size_t c = 0; c < column_count; c++) \
        few[c] = hypnos_column_at(columns + c * hypnos_column_bytes(width), width); \
      stream_rows_##name(rows, row_bytes, row_count, width, few, (int)column_count, out, out_stride); \
      return; \
    } \
    panel p = panel_in(scratch, (width + HYPNOS_GROUP - 1) / HYPNOS_GROUP); \
    panel_function function = PANEL_FOR(bits, halves, minimum); \
    for (size_t r = 0; r < row_count; r += PANEL_ROWS) { \
      size_t count = row_count - r < PANEL_ROWS ? row_count - r : PANEL_ROWS; \
      for (size_t first = 0; first < PANEL_ROWS; first += FILL_ROWS) { \
        size_t from = first < count ? first : 0; \
        fill_panel_##name(rows + (r + from) * row_bytes, row_bytes, count - from, width, &p, first); \
      } \
      multiply_columns(&p, function, shift, width, columns, column_count, count, out + r, out_stride); \
    } \
  }
HYPNOS_QUANTIZED_FORMATS(FORMAT)

static void multiply(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, const void *columns,
  size_t column_count, float *out, size_t out_stride, void *scratch) {
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: \
    multiply_##name(rows, row_bytes, row_count, width, columns, column_count, out, out_stride, scratch); \
    break;
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: break;
  }
}

#endif
