// What the kernels of products share: what lies between two steps of 32 cols, and what becomes of sums, of four rows of a
// token at a time.
#pragma once

#include "product.h"
#include "words.h"

namespace pathpress::cuda {

constexpr int stepElements = packedRows * packedCols, inputStep = groupTokens * packedCols;
constexpr int tokenStride = 20;  // floats between the tokens of a tile: 16 rows, and 4 so that no bank is hit twice

DEVICE void addWords(const Words& words, float* to) {
  UNROLL(4)
  for (int i = 0; i < 4; ++i) to[i] += asFloat(words.word[i]);
}

DEVICE void storeSums(const WeightProduct& task, bool wanted, int64_t at, float* total) {
  addWords(task.out.load16If(wanted && task.ending == Ending::added, at), total);
  task.out.store16If(wanted, at, {{asWord(total[0]), asWord(total[1]), asWord(total[2]), asWord(total[3])}});
}

// Of four neighbouring lanes the first two have the gates of a tile, the others what these let through.
DEVICE void storeGated(const WeightProduct& task, bool wanted, int token, int row, const float* total) {
  float made[4];
  UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    const float up = shuffleXor(total[i], 2);
    made[i] = total[i] / (1 + powerOfTwo(total[i] * -1.44269504f)) * up;
  }
  const int64_t at = inputAt(token, row / packedRows * 8 + row % packedRows, task.rows / 2);
  const bool first = row % packedRows < 8;
  task.halves.store8If(wanted && first, at, {{halves(made[0], made[1]), halves(made[2], made[3])}});
}

// All lanes of a warp, four neighbouring ones with the 16 rows of a token's tile.
DEVICE void endSums(const WeightProduct& task, bool wanted, int token, int row, float* total) {
  addWords(task.bias.load16If(wanted && task.bias, row), total);
  if (task.ending == Ending::gated) storeGated(task, wanted, token, row, total);
  else storeSums(task, wanted, static_cast<int64_t>(token) * task.rows + row, total);
}

}  // namespace pathpress::cuda
