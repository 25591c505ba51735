// The columns of products: values quantized to 8 bits in blocks with a scale each, in CKernels.h's two layouts. Included
// by floats.h, whose vectors it uses.
#ifndef HYPNOS_COLUMNS_H
#define HYPNOS_COLUMNS_H

// Four blocks side by side: their values' codes, and for each block a lane of what products need besides.
typedef struct {
  bytes16 codes[2][HYPNOS_GROUP_BLOCKS];
  four_floats scales;
  four_ints negative[3];
  four_floats scaled[3];
} quantized_group;

// Quantizes the 128 values at `values`.
ALWAYS_INLINE void quantize_group(const float *values, quantized_group *group) {
  floats parts[2][4];
  ints magnitudes[4];
  for (int b = 0; b < 4; b++) {
    for (int h = 0; h < 2; h++) parts[h][b] = load(values + b * HYPNOS_BLOCK + h * 16);
    magnitudes[b] = __builtin_elementwise_max(magnitude(parts[0][b]), magnitude(parts[1][b]));
  }
  four_floats peaks = (four_floats)largest_of_four(magnitudes);
  group->scales = peaks / 127.0f;
  // Below 2^-119 the quotient would be infinite, and such a block is nothing beside any other.
  four_ints present = peaks > 0x1p-119f;
  four_floats inverses = (four_floats)((four_ints)(127.0f / peaks) & present);
  four_ints sums[3];
  for (int h = 0; h < 2; h++) {
    ints whole[4];
    for (int b = 0; b < 4; b++) {
      whole[b] = nearest(parts[h][b] * splat(inverses[b]));
      group->codes[h][b] = __builtin_convertvector(whole[b], bytes16);
    }
    sums[1 + h] = sums_of_four(whole);
  }
  sums[0] = sums[1] + sums[2];
  for (int s = 0; s < 3; s++) {
    group->negative[s] = -sums[s];
    group->scaled[s] = group->scales * __builtin_convertvector(sums[s], four_floats);
  }
}

ALWAYS_INLINE void store_by_groups(const quantized_group *group, hypnos_column_group *out) {
  for (int h = 0; h < 2; h++)
    for (int b = 0; b < HYPNOS_GROUP_BLOCKS; b++) memcpy(out->values[h][b], &group->codes[h][b], 16);
  memcpy(out->scales, &group->scales, 16);
  for (int s = 0; s < 3; s++) {
    memcpy(out->sums[s].negative, &group->negative[s], 16);
    memcpy(out->sums[s].scaled, &group->scaled[s], 16);
  }
}

// Sixteen numbers, four after four.
ALWAYS_INLINE ints join(four_ints a, four_ints b, four_ints c, four_ints d) {
  typedef int32_t eight_ints __attribute__((vector_size(32)));
  eight_ints low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
  eight_ints high = __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

// The blocks of `group` go to `first` and on, `distance` apart. Each is stored whole: its line may be in another
// processor's cache, and the few stores that can wait for theirs are soon used up by parts of lines.
ALWAYS_INLINE void store_by_blocks(const quantized_group *group, hypnos_column_block *first, size_t distance) {
  const four_ints *negative = group->negative;
  four_ints scaled[3];
  for (int s = 0; s < 3; s++) scaled[s] = (four_ints)group->scaled[s];
  ints front = join((four_ints)group->scales, negative[0], scaled[0], negative[1]);
  ints back = join(scaled[1], negative[2], scaled[2], (four_ints){});
  front = __builtin_shufflevector(front, front, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  back = __builtin_shufflevector(back, back, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  for (int b = 0; b < HYPNOS_GROUP_BLOCKS; b++) {
    ints line =
      join((four_ints)group->codes[0][b], (four_ints)group->codes[1][b], quarter(front, b), quarter(back, b));
    memcpy(first + (size_t)b * distance, &line, sizeof line);
  }
}
_Static_assert(
  offsetof(hypnos_column_block, scale) == 32 && offsetof(hypnos_column_block, sums) == 36 &&
    sizeof(hypnos_column_block) == 64,
  "as store_by_blocks has it");

// An instruction set without panels reads all columns by groups.
static void quantize(const float *values, size_t width, int for_panels, void *base) {
  size_t groups = hypnos_group_count(width);
  for (size_t g = 0; g < groups; g++) {
    size_t rest = width - g * HYPNOS_GROUP;
    float padded[HYPNOS_GROUP];
    const float *source = values + g * HYPNOS_GROUP;
    if (rest < HYPNOS_GROUP) {
      memset(padded, 0, sizeof padded);
      source = memcpy(padded, source, rest * sizeof(float));
    }
    quantized_group group;
    quantize_group(source, &group);
    if (HAS_PANELS && for_panels) store_by_blocks(&group, (hypnos_column_block *)base + g, groups);
    else store_by_groups(&group, (hypnos_column_group *)base + g);
  }
}

#endif
