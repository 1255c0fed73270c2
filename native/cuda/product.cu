#include "product.h"

#include "product_endings.h"
#include "wide_product.h"

namespace pathpress::cuda {

constexpr int productThreads = productWarps * 32;

// A step's weights of a warp's 16 rows, in two fragments.
struct StepWeights {
  Words low, high;

  DEVICE StepWeights() : low{}, high{} {}
  DEVICE StepWeights(const Global<const Bf16>& weight, bool wanted, int step)
      : low(weight.stream16If(wanted, step * stepElements)),
        high(weight.stream16If(wanted, step * stepElements + stepElements / 2)) {}
};

template <int tokenTiles>
DEVICE void multiplyStep(const StepWeights& weights, const Global<const Bf16>& input, FragmentC* sums) {
  const Words &low = weights.low, &high = weights.high;
  UNROLL(tokenTiles)
  for (int n = 0; n < tokenTiles; ++n) {
    const Words both = input.load16(n * 8 * packedCols);
    mma(sums[n], {{low.word[0], low.word[1], low.word[2], low.word[3]}}, {{both.word[0], both.word[1]}});
    mma(sums[n], {{high.word[0], high.word[1], high.word[2], high.word[3]}}, {{both.word[2], both.word[3]}});
  }
}

// A warp goes through its stretch of 16 rows with the weights straight from memory to registers. Tokens are the mma's
// columns, so that each one's sums are its own, whoever else is there. Nothing in the loop is asked or computed that
// can be known before it: with few warps on a processor each instruction counts. The first `early` steps' weights are
// on their way while earlier launches still run.
template <int tokens, int blocks, int early>
BOUNDED_KERNEL(productThreads, blocks) multiplyTiles(WeightProduct task, int slices) {
  constexpr int tokenTiles = tokens / 8;
  SHARED_ARRAY(float, partial, productWarps * tokens * tokenStride);
  letNextBegin();
  const int warp = threadIndex() / 32, lane = threadIndex() % 32;
  const int blockTiles = productWarps / slices, tiles = task.rows / packedRows;  // of 16 rows
  const int own = blockIndex() * blockTiles + warp / slices;
  const int tile = own < tiles ? own : tiles - 1;  // past the end the last one, for nobody
  const int steps = (task.cols + packedCols - 1) / packedCols, sliceSteps = (steps + slices - 1) / slices;
  const int firstStep = warp % slices * sliceSteps;
  const int mySteps = firstStep + sliceSteps < steps ? sliceSteps : steps - firstStep;
  Global<const Bf16> weight = task.weight + (static_cast<int64_t>(tile) * steps + firstStep) * stepElements + lane * 8;
  Global<const Bf16> input = task.input + firstStep * inputStep + lane * 8;

  FragmentC sums[tokenTiles] = {};
  StepWeights first[early];
  const bool begun = mySteps >= early;
  UNROLL(early)
  for (int i = 0; i < early; ++i) first[i] = StepWeights(weight, begun, i);
  awaitEarlier();
  if (begun) {
    UNROLL(early)
    for (int i = 0; i < early; ++i) multiplyStep<tokenTiles>(first[i], input + i * inputStep, sums);
    weight = weight + early * stepElements;
    input = input + early * inputStep;
  }
  UNROLL(4)
  for (int s = begun ? early : 0; s < mySteps; ++s) {
    multiplyStep<tokenTiles>(StepWeights(weight, true, 0), input, sums);
    weight = weight + stepElements;
    input = input + inputStep;
  }

  UNROLL(tokenTiles)
  for (int n = 0; n < tokenTiles; ++n) {
    UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      const int token = n * 8 + lane % 4 * 2 + i % 2, row = lane / 4 + i / 2 * 8;
      partial.set((warp * tokens + token) * tokenStride + row, sums[n].value[i]);
    }
  }
  barrier();

  // Four rows of a token at a time; the slices in ascending order.
  const int quarters = blockTiles * 4;
  const int items = quarters * tokens, turns = (items + productThreads - 1) / productThreads;
  for (int turn = 0; turn < turns; ++turn) {
    const int item = turn * productThreads + threadIndex();
    const int quarter = item % quarters, token = item / quarters, row = (blockIndex() * quarters + quarter) * 4;
    const bool wanted = token < task.tokens && row < task.rows;
    float total[4] = {};
    for (int slice = 0; wanted && slice < slices; ++slice) {
      const int from = ((quarter / 4 * slices + slice) * tokens + token) * tokenStride + quarter % 4 * 4;
      addWords(partial.get16(from), total);
    }
    endSums(task, wanted, token, row, total);
  }
}

template <int tokens, int blocks, int early>
void launchProduct(Stream stream, const WeightProduct& task) {
  const int slices = productSlices(task.rows, task.cols);
  const int blockRows = productWarps / slices * packedRows;
  const Grid grid{(task.rows + blockRows - 1) / blockRows, productThreads};
  launchEarly(stream, grid, multiplyTiles<tokens, blocks, early>, task, slices);
}

int productSlices(int rows, int cols) {
  constexpr int enoughBlocks = 1056;  // eight for each of an H100's processors, so that the last leave few of them idle
  const int tiles = (rows + packedRows - 1) / packedRows, steps = (cols + packedCols - 1) / packedCols;
  int slices = 1;
  while (slices < productWarps && slices * 2 <= steps && tiles * slices < enoughBlocks * productWarps) slices *= 2;
  return slices;
}

bool multiply(Stream stream, const WeightProduct& task) {
  if (task.rows < 1 || task.rows % packedRows != 0 || task.cols < 8 || task.cols % 8 != 0) return false;
  if (task.tokens < 1 || task.tokens > maxProductTokens) return false;
  if (task.tokens <= 8) launchProduct<8, 3, 4>(stream, task);
  else if (task.tokens <= 16) launchProduct<16, 3, 4>(stream, task);
  else if (task.tokens <= 32) launchProduct<32, 3, 2>(stream, task);
  else if (task.tokens <= groupTokens) launchProduct<64, 2, 2>(stream, task);
  else multiplyWide(stream, task, wideRowTiles(task.rows, task.tokens));
  return true;
}

}  // namespace pathpress::cuda
