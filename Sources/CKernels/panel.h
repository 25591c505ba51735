// A panel of rows, unpacked once and multiplied with many columns. Included by each instruction set's file after
// its own PANEL_ROWS, FILL_ROWS (rows unpacked at a time) and `group`.
#ifndef HYPNOS_PANEL_H
#define HYPNOS_PANEL_H

// A panel in the scratch: for each block in the order it is summed, 8 times PANEL_ROWS rows of 4 codes; behind the
// codes the scales, [block][half][row], and as many minima. The order: all blocks that lie first in their group,
// then the second ones, the third, the fourth.
typedef struct {
  uint8_t *codes;
  float *scales, *minima;
  size_t groups;
} panel;

ALWAYS_INLINE panel panel_in(void *scratch, size_t groups) {
  uint8_t *codes = scratch;
  float *scales = (float *)(codes + groups * 4 * 32 * PANEL_ROWS);
  return (panel){codes, scales, scales + groups * 4 * 2 * PANEL_ROWS, groups};
}

ALWAYS_INLINE void store_scales(
  const group *g, int half, size_t row, size_t index, size_t groups, int minima, float *out) {
  for (int r = 0; r < FILL_ROWS; r += 4) {
    __m128 v[4];
    for (int i = 0; i < 4; i++) v[i] = minima ? g[r + i].minima[half] : g[r + i].scales[half];
    _MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]);
    for (size_t i = 0; i < 4; i++)
      _mm_storeu_ps(out + ((i * groups + index) * 2 + (size_t)half) * PANEL_ROWS + row + (size_t)r, v[i]);
  }
}

#endif
