#include "wide_product.h"

#include "product_endings.h"

namespace pathpress::cuda {

constexpr int rowWarps = 4, tokenWarps = 2;  // of a block: each has some rows, with half of the tokens
constexpr int wideWarps = rowWarps * tokenWarps, wideThreads = wideWarps * 32;
constexpr int wideStages = 3;  // steps of 32 cols that are in shared memory or on their way there

// What a block multiplies: warps of so many tiles of 16 rows and of 8 tokens.
template <int rowTiles, int tokenTiles>
struct WideBlock {
  static constexpr int tiles = rowWarps * rowTiles, tokens = tokenWarps * tokenTiles * 8;
  static constexpr int weightPieces = tiles * stepElements / 8, inputPieces = tokens * packedCols / 8;  // of 16 bytes
  static constexpr int stage = (weightPieces + inputPieces) * 4;  // in words
  static constexpr int ending = tokenTiles * 8 * tokenStride;  // of a warp
  static constexpr int words = wideStages * stage > wideWarps * ending ? wideStages * stage : wideWarps * ending;
};

// Which 16 bytes a thread brings of each step, on their way to shared memory, where they lie as they do in global memory.
template <int rowTiles, int tokenTiles>
class WideCopies {
 public:
  using Block = WideBlock<rowTiles, tokenTiles>;

  DEVICE WideCopies(const WeightProduct& task, const SharedArray<uint32_t>& staged, int firstTile, int firstToken)
      : staged_(staged) {
    const int lastTile = task.rows / packedRows - 1;
    const int64_t steps = (task.cols + packedCols - 1) / packedCols;
    UNROLL(weightTurns)
    for (int i = 0; i < weightTurns; ++i) {
      constexpr int pieces = stepElements / 8;
      const int piece = i * wideThreads + threadIndex(), tile = firstTile + piece / pieces;
      // Past the end the last tile, for nobody.
      weight_[i] = task.weight + (tile < lastTile ? tile : lastTile) * steps * stepElements + piece % pieces * 8;
    }
    UNROLL(inputTurns)
    for (int i = 0; i < inputTurns; ++i) {
      constexpr int pieces = packedCols / 8;
      const int piece = i * wideThreads + threadIndex();
      if (brings(i)) input_[i] = task.input + inputAt(firstToken + piece / pieces, piece % pieces * 8, task.cols);
    }
  }

  DEVICE void weights(int step) const {
    UNROLL(weightTurns)
    for (int i = 0; i < weightTurns; ++i) {
      copyAsync(staged_, at(step) + (i * wideThreads + threadIndex()) * 4, weight_[i], int64_t{step} * stepElements);
    }
  }
  DEVICE void inputs(int step) const {
    UNROLL(inputTurns)
    for (int i = 0; i < inputTurns; ++i) {
      const int to = at(step) + (Block::weightPieces + i * wideThreads + threadIndex()) * 4;
      if (brings(i)) copyAsync(staged_, to, input_[i], int64_t{step} * inputStep);
    }
  }
  // Where a step lies.
  DEVICE int at(int step) const { return step % wideStages * Block::stage; }

 private:
  static constexpr int weightTurns = Block::weightPieces / wideThreads;
  static constexpr int inputTurns = (Block::inputPieces + wideThreads - 1) / wideThreads;
  static_assert(Block::weightPieces % wideThreads == 0 && Block::inputPieces % 32 == 0);

  SharedArray<uint32_t> staged_;
  Global<const Bf16> weight_[weightTurns], input_[inputTurns];

  // The same for all of a warp.
  static DEVICE bool brings(int turn) {
    return (turn + 1) * wideThreads <= Block::inputPieces || turn * wideThreads + threadIndex() < Block::inputPieces;
  }
};

// A step of a warp's tiles, weights as packWeights() and inputs as inputAt() have them.
template <int rowTiles, int tokenTiles>
struct StagedStep {
  Words low[rowTiles], high[rowTiles], both[tokenTiles];

  DEVICE StagedStep(const SharedArray<uint32_t>& staged, int weights, int inputs) {
    const int lane = threadIndex() % 32;
    UNROLL(rowTiles)
    for (int r = 0; r < rowTiles; ++r) {
      low[r] = staged.get16(weights + r * stepElements / 2 + lane * 4);
      high[r] = staged.get16(weights + r * stepElements / 2 + stepElements / 4 + lane * 4);
    }
    UNROLL(tokenTiles)
    for (int n = 0; n < tokenTiles; ++n) both[n] = staged.get16(inputs + n * 8 * packedCols / 2 + lane * 4);
  }

  DEVICE void multiply(FragmentC (&sums)[rowTiles][tokenTiles]) const {
    UNROLL(tokenTiles)
    for (int n = 0; n < tokenTiles; ++n) {
      UNROLL(rowTiles)
      for (int r = 0; r < rowTiles; ++r) mma(sums[r][n], fragment(low[r]), {{both[n].word[0], both[n].word[1]}});
    }
    UNROLL(tokenTiles)
    for (int n = 0; n < tokenTiles; ++n) {
      UNROLL(rowTiles)
      for (int r = 0; r < rowTiles; ++r) mma(sums[r][n], fragment(high[r]), {{both[n].word[2], both[n].word[3]}});
    }
  }

 private:
  static DEVICE FragmentA fragment(const Words& words) {
    return {{words.word[0], words.word[1], words.word[2], words.word[3]}};
  }
};

// A slice is done: its sums onto those of the slices before, from zero on, as multiplyTiles adds them.
template <int rowTiles, int tokenTiles>
DEVICE void endSlice(FragmentC (&sums)[rowTiles][tokenTiles], FragmentC (&totals)[rowTiles][tokenTiles]) {
  UNROLL(rowTiles)
  for (int r = 0; r < rowTiles; ++r) {
    UNROLL(tokenTiles)
    for (int n = 0; n < tokenTiles; ++n) {
      UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        totals[r][n].value[i] += sums[r][n].value[i];
        sums[r][n].value[i] = 0;
      }
    }
  }
}

// Blocks that differ in tokens alone stand side by side, so that weights come from memory for the first of them and from
// the second cache for the others.
template <int rowTiles, int tokenTiles, int blocks>
BOUNDED_KERNEL(wideThreads, blocks) multiplyBlocks(WeightProduct task, int slices, int tokenBlocks) {
  using Block = WideBlock<rowTiles, tokenTiles>;
  SHARED_ARRAY(uint32_t, staged, Block::words);
  letNextBegin();
  const int warp = threadIndex() / 32, lane = threadIndex() % 32;
  const int tile = blockIndex() / tokenBlocks * Block::tiles, firstTile = warp / tokenWarps * rowTiles;
  const int token = blockIndex() % tokenBlocks * Block::tokens, firstToken = warp % tokenWarps * tokenTiles * 8;
  const int steps = (task.cols + packedCols - 1) / packedCols, sliceSteps = (steps + slices - 1) / slices;
  const WideCopies<rowTiles, tokenTiles> copies(task, staged, tile, token);
  UNROLL(wideStages - 1)
  for (int s = 0; s < wideStages - 1; ++s) {
    if (s < steps) copies.weights(s);
  }
  awaitEarlier();
  UNROLL(wideStages - 1)
  for (int s = 0; s < wideStages - 1; ++s) {
    if (s < steps) copies.inputs(s);
    commitCopies();
  }

  FragmentC sums[rowTiles][tokenTiles] = {}, totals[rowTiles][tokenTiles] = {};
  int left = sliceSteps;
  for (int s = 0; s < steps; ++s) {
    waitCopies<wideStages - 2>();
    barrier();  // also: all have done with the step whose place the next one takes
    const StagedStep<rowTiles, tokenTiles> step(staged, copies.at(s) + firstTile * stepElements / 2,
                                                copies.at(s) + Block::weightPieces * 4 + firstToken * packedCols / 2);
    const int next = s + wideStages - 1;
    if (next < steps) {
      copies.weights(next);
      copies.inputs(next);
    }
    commitCopies();
    step.multiply(sums);
    if (--left > 0 && s + 1 < steps) continue;
    endSlice(sums, totals);
    left = sliceSteps;
  }
  barrier();

  const int own = warp * Block::ending;
  UNROLL(rowTiles)
  for (int r = 0; r < rowTiles; ++r) {
    if (r > 0) warpBarrier();
    UNROLL(tokenTiles)
    for (int n = 0; n < tokenTiles; ++n) {
      UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        const int at = n * 8 + lane % 4 * 2 + i % 2, row = lane / 4 + i / 2 * 8;
        staged.set(own + at * tokenStride + row, asWord(totals[r][n].value[i]));
      }
    }
    warpBarrier();
    for (int turn = 0; turn < tokenTiles; ++turn) {
      const int mine = turn * 8 + lane / 4, quarter = lane % 4;
      const int row = (tile + firstTile + r) * packedRows + quarter * 4, at = token + firstToken + mine;
      float total[4] = {};
      addWords(staged.get16(own + mine * tokenStride + quarter * 4), total);
      endSums(task, at < task.tokens && row < task.rows, at, row, total);
    }
  }
}

template <int rowTiles, int tokenTiles, int blocks>
void launchWide(Stream stream, const WeightProduct& task) {
  using Block = WideBlock<rowTiles, tokenTiles>;
  const int tokenBlocks = (task.tokens + Block::tokens - 1) / Block::tokens;
  const int rowBlocks = (task.rows / packedRows + Block::tiles - 1) / Block::tiles;
  launchEarly(stream, {rowBlocks * tokenBlocks, wideThreads}, multiplyBlocks<rowTiles, tokenTiles, blocks>, task,
              productSlices(task.rows, task.cols), tokenBlocks);
}

// Tokens of a block: 128, or 96 where then fewer columns are nobody's.
int blockTokens(int tokens) { return (tokens + 95) / 96 * 96 < (tokens + 127) / 128 * 128 ? 96 : 128; }

int wideRowTiles(int rows, int tokens) {
  constexpr int enoughBlocks = 264;  // two for each of an H100's processors
  const int tokenBlocks = (tokens + blockTokens(tokens) - 1) / blockTokens(tokens);
  return rows / packedRows / (2 * rowWarps) * tokenBlocks >= enoughBlocks ? 2 : 1;
}

void multiplyWide(Stream stream, const WeightProduct& task, int rowTiles) {
  const bool by96 = blockTokens(task.tokens) == 96;
  if (rowTiles == 2) by96 ? launchWide<2, 6, 1>(stream, task) : launchWide<2, 8, 1>(stream, task);
  else by96 ? launchWide<1, 6, 2>(stream, task) : launchWide<1, 8, 2>(stream, task);
}

}  // namespace pathpress::cuda
