#include "norm.h"

#include "product.h"
#include "words.h"

namespace pathpress::cuda {

constexpr int normWarps = normThreads / 32;

// 1 / sqrt(mean + epsilon) of what the block's threads have squared and added up.
DEVICE float scaleOf(float squares, const SharedArray<float>& warpSums, const ResidualNorm& task) {
  for (int mask = 16; mask > 0; mask /= 2) squares += shuffleXor(squares, mask);
  if (threadIndex() % 32 == 0) warpSums.set(threadIndex() / 32, squares);
  barrier();
  float total = 0;
  for (int warp = 0; warp < normWarps; ++warp) total += warpSums.get(warp);
  return reciprocalRoot(total / static_cast<float>(task.hidden) + task.epsilon);
}

// A block a row. What a thread adds up it keeps in registers, so that the state is read and written once. Neighbouring
// lanes read neighbouring 16 bytes of the state: with 8 elements a lane its sectors were asked for twice.
template <int chunks>  // of 4 elements, of a thread
BOUNDED_KERNEL(normThreads, 2) normalizeRow(ResidualNorm task) {
  SHARED_ARRAY(float, branchSums, normWarps);
  SHARED_ARRAY(float, stateSums, normWarps);
  letNextBegin();
  constexpr int held = chunks <= 8 ? chunks : 1;  // of the weights, before their use: as far as registers go
  const auto weightsOf = [&](int c) {
    const int at = (c * normThreads + threadIndex()) * 4;
    return task.weight.load8If(at < task.hidden, at);
  };
  WordPair early[held];
  UNROLL(held)
  for (int c = 0; c < held; ++c) early[c] = weightsOf(c);
  awaitEarlier();
  const int64_t row = static_cast<int64_t>(blockIndex()) * task.hidden;
  const bool adds = static_cast<bool>(task.branch);
  float kept[chunks][4] = {};
  if (adds) {
    float sum = 0;
    UNROLL(chunks)
    for (int c = 0; c < chunks; ++c) {
      const int at = (c * normThreads + threadIndex()) * 4;
      const Words branch = task.branch.load16If(at < task.hidden, row + at);
      UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        kept[c][i] = asFloat(branch.word[i]);
        sum += kept[c][i] * kept[c][i];
      }
    }
    const float scale = scaleOf(sum, branchSums, task);
    UNROLL(chunks)
    for (int c = 0; c < chunks; ++c) {
      const int at = (c * normThreads + threadIndex()) * 4;
      const WordPair weight = task.branchWeight.load8If(at < task.hidden, at);
      UNROLL(4)
      for (int i = 0; i < 4; ++i) kept[c][i] *= scale * half(weight.word, i);
    }
  }
  float sum = 0;
  UNROLL(chunks)
  for (int c = 0; c < chunks; ++c) {
    const int at = (c * normThreads + threadIndex()) * 4;
    Words state = task.state.load16If(at < task.hidden, row + at);
    UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      kept[c][i] += asFloat(state.word[i]);
      state.word[i] = asWord(kept[c][i]);
      sum += kept[c][i] * kept[c][i];
    }
    task.state.store16If(at < task.hidden && adds, row + at, state);
  }
  const float scale = scaleOf(sum, stateSums, task);
  UNROLL(chunks)
  for (int c = 0; c < chunks; ++c) {
    const int at = (c * normThreads + threadIndex()) * 4;
    const WordPair weight = held == chunks ? early[c % held] : weightsOf(c);
    UNROLL(4)
    for (int i = 0; i < 4; ++i) kept[c][i] *= scale * half(weight.word, i);
    const int64_t to = inputAt(blockIndex(), at, task.hidden);
    task.normed.store8If(at < task.hidden, to, {{halves(kept[c][0], kept[c][1]), halves(kept[c][2], kept[c][3])}});
  }
}

template <int chunks>
void launchNorm(Stream stream, const ResidualNorm& task, int tokens) {
  const Grid grid{tokens, normThreads};
  if (task.whole) launch(stream, grid, normalizeRow<chunks>, task);
  else launchEarly(stream, grid, normalizeRow<chunks>, task);
}

bool addAndNormalize(Stream stream, const ResidualNorm& task, int tokens) {
  if (task.hidden < 4 || task.hidden % 4 != 0 || task.hidden > maxNormWidth) return false;
  const int chunks = (task.hidden / 4 + normThreads - 1) / normThreads;
  if (chunks == 1) launchNorm<1>(stream, task, tokens);
  else if (chunks == 2) launchNorm<2>(stream, task, tokens);
  else if (chunks <= 4) launchNorm<4>(stream, task, tokens);
  else if (chunks <= 8) launchNorm<8>(stream, task, tokens);
  else launchNorm<16>(stream, task, tokens);
  return true;
}

}  // namespace pathpress::cuda
