// A panel of rows, unpacked once and multiplied with many columns. Included by each instruction set's file after
// its own PANEL_ROWS and `four_rows`.
#ifndef HYPNOS_PANEL_H
#define HYPNOS_PANEL_H

// A panel: for each block in the order it is summed, 8 times PANEL_ROWS rows of 4 codes, or with two codes to a byte 4
// times; behind the codes the scales, [block][half][row], and as many minima. The order: all blocks that lie first in
// their group, then the second ones, the third, the fourth. In the scratch there is room for four blocks of every group
// and two halves of every block.
typedef struct {
  uint8_t *codes;
  float *scales, *minima;
  size_t groups, blocks;
  // Where the blocks begin that lie first in their group, second, third and fourth; how many scales a block has.
  size_t starts[4], block_scales;
  // What is to be fetched while columns are multiplied: from where on, and how many bytes for each block.
  const uint8_t *ahead;
  size_t ahead_step;
} panel;

ALWAYS_INLINE panel panel_in(void *scratch, size_t width) {
  size_t groups = hypnos_group_count(width);
  uint8_t *codes = scratch;
  float *scales = (float *)(codes + groups * 4 * 32 * PANEL_ROWS);
  return (panel){
    codes, scales, scales + groups * 4 * 2 * PANEL_ROWS, groups, width / HYPNOS_BLOCK,
    {0, groups, 2 * groups, 3 * groups}, 2 * PANEL_ROWS, scratch, 0};
}

// The blocks of column `index` of those that begin at `columns`.
ALWAYS_INLINE const hypnos_column_block *column_at(const panel *p, const hypnos_column_block *columns, size_t index) {
  return columns + index * p->groups * HYPNOS_GROUP_BLOCKS;
}

// How many groups have a block at place `lane`.
ALWAYS_INLINE size_t blocks_in_lane(const panel *p, size_t lane) { return (p->blocks + 3 - lane) / 4; }

// Fetches the lines from `line` on that begin before `due`, and returns the first that does not.
ALWAYS_INLINE const uint8_t *fetch_lines(const uint8_t *line, const uint8_t *due) {
  for (; line < due; line += 64) _mm_prefetch((const char *)line, _MM_HINT_T1);
  return line;
}

// Four rows' scales [block][row] go to their places from row `row` on.
ALWAYS_INLINE void store_scales(floats scales, int half, size_t row, size_t index, size_t groups, float *out) {
  float four[16];
  store(four, scales);
  for (size_t i = 0; i < 4; i++)
    memcpy(out + ((i * groups + index) * 2 + (size_t)half) * PANEL_ROWS + row, four + 4 * i, 16);
}

#endif
