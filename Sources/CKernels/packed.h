// Weights kept in the layout of panels. A step of several sequences spends more on laying a panel out than on a few
// columns' products with it, and lays the same weights out in the next step again; kept in memory, with two codes of up
// to four bits in a byte, they are read as fast as the file's own blocks. Included after products.h; sums are taken in
// the order of the panels in the scratch, so that results are the same to the bit.
#ifndef HYPNOS_PACKED_H
#define HYPNOS_PACKED_H

// Formats of up to four bits have nibbles, the others whole bytes.
#define IS_NIBBLES(bits) ((bits) <= 4)
#define PACKED_FUNCTION(bits, halves, minimum) PACKED_FUNCTION_##bits(bits, halves, minimum)
#define PACKED_FUNCTION_2 NIBBLE_PANEL_FOR
#define PACKED_FUNCTION_3 NIBBLE_PANEL_FOR
#define PACKED_FUNCTION_4 NIBBLE_PANEL_FOR
#define PACKED_FUNCTION_5 PANEL_FOR
#define PACKED_FUNCTION_6 PANEL_FOR
#define PACKED_FUNCTION_8 PANEL_FOR

// The bytes of a block's codes in all rows of a panel.
ALWAYS_INLINE size_t packed_code_bytes(int bits) {
  return (size_t)PANEL_ROWS * (IS_NIBBLES(bits) ? HYPNOS_BLOCK / 2 : HYPNOS_BLOCK);
}

ALWAYS_INLINE size_t packed_panel_bytes(size_t width, int halves, int minimum, int bits) {
  size_t scale_bytes = sizeof(float) * (size_t)(PANEL_ROWS * halves * (1 + minimum));
  return width / HYPNOS_BLOCK * (packed_code_bytes(bits) + scale_bytes);
}

// The packed panel at `start`: only the blocks there are, and the scales they have.
ALWAYS_INLINE panel packed_panel(const uint8_t *start, size_t width, int halves, int bits) {
  panel p = panel_in((void *)start, width);
  for (size_t lane = 1; lane < 4; lane++) p.starts[lane] = p.starts[lane - 1] + blocks_in_lane(&p, lane - 1);
  p.block_scales = (size_t)halves * PANEL_ROWS;
  p.scales = (float *)(start + p.blocks * packed_code_bytes(bits));
  p.minima = p.scales + p.blocks * p.block_scales;
  return p;
}

// Copies a panel from the scratch into a packed one.
ALWAYS_INLINE void pack_panel(const panel *from, const panel *to, int minimum, int bits) {
  enum { HALF = PANEL_ROWS * HYPNOS_BLOCK / 2 };
  for (size_t lane = 0; lane < 4; lane++)
    for (size_t g = 0; g < blocks_in_lane(from, lane); g++) {
      size_t source = from->starts[lane] + g, target = to->starts[lane] + g;
      const uint8_t *codes = from->codes + source * 2 * HALF;
      uint8_t *packed = to->codes + target * packed_code_bytes(bits);
      if (IS_NIBBLES(bits)) {
        for (size_t i = 0; i < HALF; i++) packed[i] = (uint8_t)(codes[i] | codes[HALF + i] << 4);
      } else {
        memcpy(packed, codes, 2 * HALF);
      }
      size_t bytes = to->block_scales * sizeof(float);
      memcpy(to->scales + target * to->block_scales, from->scales + source * from->block_scales, bytes);
      if (minimum)
        memcpy(to->minima + target * to->block_scales, from->minima + source * from->block_scales, bytes);
    }
}

#define PACKED_FORMAT(name, number, shift, halves, minimum, bits) \
  static void pack_##name( \
    const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, void *scratch, uint8_t *packed) { \
    for (size_t r = 0; r < row_count; r += PANEL_ROWS) { \
      panel p = panel_in(scratch, width), target = packed_panel(packed, width, halves, bits); \
      size_t count = row_count - r < PANEL_ROWS ? row_count - r : PANEL_ROWS; \
      for (size_t first = 0; first < PANEL_ROWS; first += FILL_ROWS) \
        fill_panel_##name(rows + r * row_bytes, row_bytes, count, width, &p, first); \
      pack_panel(&p, &target, minimum, bits); \
      packed += packed_panel_bytes(width, halves, minimum, bits); \
    } \
  } \
  static void multiply_packed_##name( \
    const uint8_t *packed, size_t row_count, size_t width, const void *columns, size_t column_count, \
    float *out, size_t out_stride, const uint8_t *next) { \
    size_t bytes = packed_panel_bytes(width, halves, minimum, bits); \
    for (size_t r = 0; r < row_count; r += PANEL_ROWS, packed += bytes) { \
      size_t count = row_count - r < PANEL_ROWS ? row_count - r : PANEL_ROWS; \
      const uint8_t *ahead = r + PANEL_ROWS < row_count || !next ? packed + bytes : next; \
      panel p = packed_panel(packed, width, halves, bits); \
      multiply_columns( \
        &p, PACKED_FUNCTION(bits, halves, minimum), shift, columns, column_count, count, out + r, out_stride, ahead, \
        bytes); \
    } \
  }
HYPNOS_QUANTIZED_FORMATS(PACKED_FORMAT)
#undef PACKED_FORMAT

static size_t packed_bytes(int format, size_t row_count, size_t width) {
  size_t panels = (row_count + PANEL_ROWS - 1) / PANEL_ROWS;
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: return panels * packed_panel_bytes(width, halves, minimum, bits);
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: return 0;
  }
}

static void pack(
  int format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t width, void *scratch, uint8_t *packed) {
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: pack_##name(rows, row_bytes, row_count, width, scratch, packed); break;
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: break;
  }
}

static void multiply_packed(
  int format, const uint8_t *packed, size_t row_count, size_t width, const void *columns, size_t column_count,
  float *out, size_t out_stride, const uint8_t *next) {
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: \
    multiply_packed_##name(packed, row_count, width, columns, column_count, out, out_stride, next); \
    break;
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: break;
  }
}

// The entries of a table.
#define HYPNOS_PACKED_KERNELS .packed_bytes = packed_bytes, .pack = pack, .multiply_packed = multiply_packed

#endif
