// Block layouts of the GGUF number formats, as the GGUF specification and ggml define them, and the plain
// decoding of one group of 128 values that the faster loaders are tested against.
// A value is scale * (code - bias) - minimum; scales and minima belong to 32 values, or to 16 of them.
#ifndef HYPNOS_FORMATS_H
#define HYPNOS_FORMATS_H

#include <math.h>
#include <string.h>

#include "CKernels.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef struct __attribute__((packed)) { uint16_t d; uint8_t qs[16]; } block_q4_0;
typedef struct __attribute__((packed)) { uint16_t d, m; uint8_t qs[16]; } block_q4_1;
typedef struct __attribute__((packed)) { uint16_t d; uint8_t qh[4], qs[16]; } block_q5_0;
typedef struct __attribute__((packed)) { uint16_t d, m; uint8_t qh[4], qs[16]; } block_q5_1;
typedef struct __attribute__((packed)) { uint16_t d; int8_t qs[32]; } block_q8_0;
typedef struct __attribute__((packed)) { uint8_t scales[16], qs[64]; uint16_t d, dmin; } block_q2_k;
typedef struct __attribute__((packed)) { uint8_t hmask[32], qs[64], scales[12]; uint16_t d; } block_q3_k;
typedef struct __attribute__((packed)) { uint16_t d, dmin; uint8_t scales[12], qs[128]; } block_q4_k;
typedef struct __attribute__((packed)) { uint16_t d, dmin; uint8_t scales[12], qh[32], qs[128]; } block_q5_k;
typedef struct __attribute__((packed)) { uint8_t ql[128], qh[64]; int8_t scales[16]; uint16_t d; } block_q6_k;
typedef struct __attribute__((packed)) { uint16_t d; uint8_t qs[16]; } block_iq4_nl;
typedef struct __attribute__((packed)) { uint16_t d, scales_h; uint8_t scales_l[4], qs[128]; } block_iq4_xs;

_Static_assert(sizeof(block_q4_0) == 18, "Q4_0");
_Static_assert(sizeof(block_q4_1) == 20, "Q4_1");
_Static_assert(sizeof(block_q5_0) == 22, "Q5_0");
_Static_assert(sizeof(block_q5_1) == 24, "Q5_1");
_Static_assert(sizeof(block_q8_0) == 34, "Q8_0");
_Static_assert(sizeof(block_q2_k) == 84, "Q2_K");
_Static_assert(sizeof(block_q3_k) == 110, "Q3_K");
_Static_assert(sizeof(block_q4_k) == 144, "Q4_K");
_Static_assert(sizeof(block_q5_k) == 176, "Q5_K");
_Static_assert(sizeof(block_q6_k) == 210, "Q6_K");
_Static_assert(sizeof(block_iq4_nl) == 18, "IQ4_NL");
_Static_assert(sizeof(block_iq4_xs) == 136, "IQ4_XS");

// What the loops need to know of a format: BIAS is 1 << shift, or none; HALVES counts the scales of a block
// of 32; MINIMUM says whether there are minima; BITS is the width of a code, 8 for signed bytes.
//      name    number         bias shift  halves  minimum  bits
#define HYPNOS_QUANTIZED_FORMATS(X) \
  X(q4_0,   HYPNOS_Q4_0,   3,  1, 0, 4) \
  X(q4_1,   HYPNOS_Q4_1,   -1, 1, 1, 4) \
  X(q5_0,   HYPNOS_Q5_0,   4,  1, 0, 5) \
  X(q5_1,   HYPNOS_Q5_1,   -1, 1, 1, 5) \
  X(q8_0,   HYPNOS_Q8_0,   7,  1, 0, 8) \
  X(q2_k,   HYPNOS_Q2_K,   -1, 2, 1, 2) \
  X(q3_k,   HYPNOS_Q3_K,   2,  2, 0, 3) \
  X(q4_k,   HYPNOS_Q4_K,   -1, 1, 1, 4) \
  X(q5_k,   HYPNOS_Q5_K,   -1, 1, 1, 5) \
  X(q6_k,   HYPNOS_Q6_K,   5,  2, 0, 6) \
  X(iq4_nl, HYPNOS_IQ4_NL, 7,  1, 0, 8) \
  X(iq4_xs, HYPNOS_IQ4_XS, 7,  1, 0, 8)

// The sixteen values of the IQ4 formats.
static const int8_t iq4_values[16] = {
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Where group `index` of a row starts: formats with blocks of 32 hold a group in four of them, super-blocks
// hold two groups each.
#define GROUP32(type, row, index) ((const type *)(row) + (index) * 4)
#define SUPER(type, row, index) ((const type *)(row) + (index) / 2)

ALWAYS_INLINE float half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31, mantissa = half & 0x3ff, bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000 | mantissa << 13;
  } else if (exponent != 0) {
    bits = sign | (exponent + 112) << 23 | mantissa << 13;
  } else {
    float subnormal = (float)mantissa * 0x1p-24f;
    memcpy(&bits, &subnormal, 4);
    bits |= sign;
  }
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// The 6-bit scales and minima of Q4_K and Q5_K, packed in twelve bytes: the four of one group, a byte each.
ALWAYS_INLINE void unpack_k4_scales(const uint8_t *packed, size_t half, uint32_t *scales, uint32_t *minima) {
  uint32_t word[3];
  memcpy(word, packed, 12);
  if (half == 0) {
    *scales = word[0] & 0x3f3f3f3f;
    *minima = word[1] & 0x3f3f3f3f;
  } else {
    *scales = (word[2] & 0x0f0f0f0f) | (word[0] >> 6 & 0x03030303) << 4;
    *minima = (word[2] >> 4 & 0x0f0f0f0f) | (word[1] >> 6 & 0x03030303) << 4;
  }
}

// The eight 6-bit scales of one group of Q3_K, less their bias of 32.
ALWAYS_INLINE uint64_t unpack_q3_scales(const uint8_t *packed, size_t half) {
  uint32_t word[3];
  memcpy(word, packed, 12);
  uint32_t shift = half == 0 ? 0 : 4;
  uint32_t low0 = word[0] >> shift & 0x0f0f0f0f, low1 = word[1] >> shift & 0x0f0f0f0f;
  uint32_t high0 = word[2] >> shift & 0x03030303, high1 = word[2] >> (shift + 2) & 0x03030303;
  return (uint64_t)(low1 | high1 << 4) << 32 | (low0 | high0 << 4);
}

// The four 6-bit scales of one group of IQ4_XS, a byte each, less their bias of 32.
ALWAYS_INLINE uint32_t unpack_iq4_scales(const block_iq4_xs *b, size_t half) {
  uint32_t low0 = b->scales_l[half * 2], low1 = b->scales_l[half * 2 + 1], high = b->scales_h >> half * 8;
  uint32_t low = (low0 & 15) | (low0 >> 4) << 8 | (low1 & 15) << 16 | (low1 >> 4) << 24;
  return low | (high & 3) << 4 | (high & 12) << 10 | (high & 48) << 16 | (high & 192) << 22;
}

typedef struct {
  uint8_t codes[HYPNOS_GROUP];
  float scales[2][4], minima[2][4];
} plain_group;

ALWAYS_INLINE void plain_nibbles(const uint8_t *qs, uint8_t *codes) {
  for (int j = 0; j < 16; j++) {
    codes[j] = qs[j] & 15;
    codes[j + 16] = qs[j] >> 4;
  }
}

ALWAYS_INLINE void plain_fifth_bits(const uint8_t *qh, uint8_t *codes) {
  for (int j = 0; j < 32; j++) codes[j] |= (qh[j / 8] >> (j % 8) & 1) << 4;
}

ALWAYS_INLINE void plain_q4_0(const uint8_t *row, size_t index, plain_group *g) {
  const block_q4_0 *b = GROUP32(block_q4_0, row, index);
  for (int i = 0; i < 4; i++) {
    plain_nibbles(b[i].qs, g->codes + 32 * i);
    g->scales[0][i] = half_to_float(b[i].d);
  }
}

ALWAYS_INLINE void plain_q4_1(const uint8_t *row, size_t index, plain_group *g) {
  const block_q4_1 *b = GROUP32(block_q4_1, row, index);
  for (int i = 0; i < 4; i++) {
    plain_nibbles(b[i].qs, g->codes + 32 * i);
    g->scales[0][i] = half_to_float(b[i].d);
    g->minima[0][i] = -half_to_float(b[i].m);
  }
}

ALWAYS_INLINE void plain_q5_0(const uint8_t *row, size_t index, plain_group *g) {
  const block_q5_0 *b = GROUP32(block_q5_0, row, index);
  for (int i = 0; i < 4; i++) {
    plain_nibbles(b[i].qs, g->codes + 32 * i);
    plain_fifth_bits(b[i].qh, g->codes + 32 * i);
    g->scales[0][i] = half_to_float(b[i].d);
  }
}

ALWAYS_INLINE void plain_q5_1(const uint8_t *row, size_t index, plain_group *g) {
  const block_q5_1 *b = GROUP32(block_q5_1, row, index);
  for (int i = 0; i < 4; i++) {
    plain_nibbles(b[i].qs, g->codes + 32 * i);
    plain_fifth_bits(b[i].qh, g->codes + 32 * i);
    g->scales[0][i] = half_to_float(b[i].d);
    g->minima[0][i] = -half_to_float(b[i].m);
  }
}

ALWAYS_INLINE void plain_q8_0(const uint8_t *row, size_t index, plain_group *g) {
  const block_q8_0 *b = GROUP32(block_q8_0, row, index);
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 32; j++) g->codes[32 * i + j] = (uint8_t)b[i].qs[j] ^ 0x80;
    g->scales[0][i] = half_to_float(b[i].d);
  }
}

ALWAYS_INLINE void plain_q2_k(const uint8_t *row, size_t index, plain_group *g) {
  const block_q2_k *b = SUPER(block_q2_k, row, index);
  size_t half = index % 2;
  float d = half_to_float(b->d), dmin = half_to_float(b->dmin);
  for (int k = 0; k < 4; k++)
    for (int j = 0; j < 32; j++) g->codes[32 * k + j] = b->qs[32 * half + j] >> 2 * k & 3;
  for (int i = 0; i < 8; i++) {
    g->scales[i % 2][i / 2] = d * (float)(b->scales[8 * half + i] & 15);
    g->minima[i % 2][i / 2] = dmin * (float)(b->scales[8 * half + i] >> 4);
  }
}

ALWAYS_INLINE void plain_q3_k(const uint8_t *row, size_t index, plain_group *g) {
  const block_q3_k *b = SUPER(block_q3_k, row, index);
  size_t half = index % 2;
  float d = half_to_float(b->d);
  uint64_t scales = unpack_q3_scales(b->scales, half);
  for (int k = 0; k < 4; k++)
    for (int j = 0; j < 32; j++) {
      int low = b->qs[32 * half + j] >> 2 * k & 3, high = b->hmask[j] >> (4 * half + k) & 1;
      g->codes[32 * k + j] = (uint8_t)(low | high << 2);
    }
  for (int i = 0; i < 8; i++) g->scales[i % 2][i / 2] = d * (float)((int)(scales >> 8 * i & 63) - 32);
}

ALWAYS_INLINE void plain_k4_scales(
  const uint8_t *packed, size_t half, float d, float dmin, plain_group *g) {
  uint32_t scales, minima;
  unpack_k4_scales(packed, half, &scales, &minima);
  for (int i = 0; i < 4; i++) {
    g->scales[0][i] = d * (float)(scales >> 8 * i & 255);
    g->minima[0][i] = dmin * (float)(minima >> 8 * i & 255);
  }
}

ALWAYS_INLINE void plain_q4_k(const uint8_t *row, size_t index, plain_group *g) {
  const block_q4_k *b = SUPER(block_q4_k, row, index);
  size_t half = index % 2;
  for (int k = 0; k < 4; k++)
    for (int j = 0; j < 32; j++) g->codes[32 * k + j] = b->qs[64 * half + k / 2 * 32 + j] >> 4 * (k % 2) & 15;
  plain_k4_scales(b->scales, half, half_to_float(b->d), half_to_float(b->dmin), g);
}

ALWAYS_INLINE void plain_q5_k(const uint8_t *row, size_t index, plain_group *g) {
  const block_q5_k *b = SUPER(block_q5_k, row, index);
  size_t half = index % 2;
  for (int k = 0; k < 4; k++)
    for (int j = 0; j < 32; j++) {
      int low = b->qs[64 * half + k / 2 * 32 + j] >> 4 * (k % 2) & 15, high = b->qh[j] >> (4 * half + k) & 1;
      g->codes[32 * k + j] = (uint8_t)(low | high << 4);
    }
  plain_k4_scales(b->scales, half, half_to_float(b->d), half_to_float(b->dmin), g);
}

ALWAYS_INLINE void plain_q6_k(const uint8_t *row, size_t index, plain_group *g) {
  const block_q6_k *b = SUPER(block_q6_k, row, index);
  size_t half = index % 2;
  float d = half_to_float(b->d);
  for (int k = 0; k < 4; k++)
    for (int j = 0; j < 32; j++) {
      int low = b->ql[64 * half + k % 2 * 32 + j] >> k / 2 * 4 & 15, high = b->qh[32 * half + j] >> 2 * k & 3;
      g->codes[32 * k + j] = (uint8_t)(low | high << 4);
    }
  for (int i = 0; i < 8; i++) g->scales[i % 2][i / 2] = d * (float)b->scales[8 * half + i];
}

ALWAYS_INLINE void plain_iq4_codes(const uint8_t *qs, uint8_t *codes) {
  plain_nibbles(qs, codes);
  for (int j = 0; j < 32; j++) codes[j] = (uint8_t)(iq4_values[codes[j]] + 128);
}

ALWAYS_INLINE void plain_iq4_nl(const uint8_t *row, size_t index, plain_group *g) {
  const block_iq4_nl *b = GROUP32(block_iq4_nl, row, index);
  for (int i = 0; i < 4; i++) {
    plain_iq4_codes(b[i].qs, g->codes + 32 * i);
    g->scales[0][i] = half_to_float(b[i].d);
  }
}

ALWAYS_INLINE void plain_iq4_xs(const uint8_t *row, size_t index, plain_group *g) {
  const block_iq4_xs *b = SUPER(block_iq4_xs, row, index);
  size_t half = index % 2;
  float d = half_to_float(b->d);
  uint32_t scales = unpack_iq4_scales(b, half);
  for (int i = 0; i < 4; i++) {
    plain_iq4_codes(b->qs + 64 * half + 16 * i, g->codes + 32 * i);
    g->scales[0][i] = d * (float)((int)(scales >> 8 * i & 63) - 32);
  }
}

ALWAYS_INLINE size_t block_bytes(int format) {
  switch (format) {
#define AS(name, number, shift, halves, minimum, bits) \
  case number: return sizeof(block_##name);
    HYPNOS_QUANTIZED_FORMATS(AS)
#undef AS
    default: return 0;
  }
}

ALWAYS_INLINE int has_super_blocks(int format) { return block_bytes(format) > sizeof(block_q8_0); }

// Where group `index` of a row starts; of a super-block, which holds two, it is the super-block's start.
ALWAYS_INLINE const uint8_t *group_at(int format, const uint8_t *row, size_t index) {
  return row + (has_super_blocks(format) ? index / 2 : index * 4) * block_bytes(format);
}

// The last, partial group of a row, copied before zeros so that loaders may read all of it: its missing blocks
// have a scale and a minimum of zero and add nothing. Only formats with blocks of 32 have such groups.
typedef struct { _Alignas(64) uint8_t bytes[4 * sizeof(block_q8_0)]; } padded_group;

ALWAYS_INLINE void pad_group(const uint8_t *row, size_t index, size_t blocks, int format, padded_group *p) {
  memset(p->bytes, 0, sizeof p->bytes);
  memcpy(p->bytes, group_at(format, row, index), blocks * block_bytes(format));
}

#endif
