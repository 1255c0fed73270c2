// What a back end is asked to widen: a page whose entries are held in 8 or 4 bits (quantised_page.h).
#pragma once

#include "attention_task.h"

namespace pathpress {

// Channels of a value that share a scale and a zero point.
constexpr int codeGroup = 32;

// An element is its code · scale + zero. A code takes a byte, or four bits of one: of each eight bytes the low halves are
// the codes of the first eight of sixteen elements and the high halves those of the others.
struct PageCodes {
  int dim;
  int bits;  // 8 or 4
  const uint8_t* keys;           // (dim, 16)
  const uint8_t* values;         // (16, dim)
  const uint16_t* keyScales;     // (dim), float16 as all four
  const uint16_t* keyZeros;      // (dim)
  const uint16_t* valueScales;   // (dim / 32 rounded up, 16)
  const uint16_t* valueZeros;    // likewise
  float* out;                    // (dim, 16) keys and then (16, dim) values
};

}  // namespace pathpress
