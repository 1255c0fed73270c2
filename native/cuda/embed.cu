#include "embed.h"

#include "pack.h"
#include "words.h"

namespace pathpress::cuda {

constexpr int startThreads = 128;

// A block a row. Of 16 packed bytes that hold two rows of the table, 8 are this one's.
BOUNDED_KERNEL(startThreads, 4) startRow(StepStart task) {
  const int row = blockIndex(), slot = task.slots.load(row);
  const bool live = slot >= 0;
  const int given = task.tokens.load(row), drawn = task.sequences.drawn.loadIf(live && given < 0, slot);
  const int token = given >= 0 ? given : drawn < 0 ? 0 : drawn;
  const int offset = task.offsets.load(row);
  const int position = task.sequences.positions.loadIf(live, slot) + offset;
  const int length = task.sequences.entries.loadIf(live, slot) + offset + 1;
  task.positions.storeIf(threadIndex() == 0, row, position);
  task.lengths.storeIf(threadIndex() == 0, row, length);

  const int64_t steps = (task.hidden + packedCols - 1) / packedCols;
  const int fours = task.hidden / 4, turns = (fours + startThreads - 1) / startThreads;
  for (int turn = 0; turn < turns; ++turn) {
    const int four = turn * startThreads + threadIndex();
    const int step = four / 8, quarter = four % 8 / 2, fragment = four % 2;
    const int lane = token % 8 * 4 + quarter;
    const int64_t at = ((token / packedRows * steps + step) * 2 + fragment) * 256 + lane * 8;
    const Words packed = task.embedding.load16If(live && four < fours, at);
    const int upper = token % packedRows / 8;
    const uint32_t low = upper ? packed.word[1] : packed.word[0], high = upper ? packed.word[3] : packed.word[2];
    const int64_t to = static_cast<int64_t>(row) * task.hidden + four * 4;
    task.state.store16If(four < fours, to, {{asWord(half(&low, 0)), asWord(half(&low, 1)),
                                             asWord(half(&high, 0)), asWord(half(&high, 1))}});
  }
}

bool startStep(Stream stream, const StepStart& task) {
  if (task.hidden < 4 || task.hidden % 4 != 0) return false;
  launch(stream, {task.rows, startThreads}, startRow, task);
  return true;
}

}  // namespace pathpress::cuda
