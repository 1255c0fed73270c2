// Which rows a step feeds: the next token of every sequence that runs, and beside them prompts, and what is computed anew
// after a preemption, in chunks, so that a long prompt holds nobody up for longer than its chunk takes.
#include <algorithm>

#include "engine.h"

namespace pathpress {
namespace {

// A turn's first step finds the caches in memory; the others are then many.
constexpr int64_t turnSteps = 64;
constexpr size_t fewest = 4;  // sequences at a turn however large their caches: weights are read for all of them together

}  // namespace

// Where the caches of all do not fit into the processor's, every token would wait for memory. Some sequences then go on for
// a number of steps while the others rest, and after them those that have rested longest.
void Engine::takeTurns() {
  steps_ += 1;
  size_t left = backend_->nearBlocks(), running = 0;
  resting_.clear();
  for (const auto& sequence : sequences_) {
    if (!sequence->ready()) continue;
    if (sequence->turnEnd <= steps_) {
      resting_.push_back(sequence.get());
      continue;
    }
    left -= std::min(left, sequence->holding->blocks());
    ++running;
  }
  std::ranges::stable_sort(resting_, {}, &Sequence::turnEnd);
  for (Sequence* const next : resting_) {
    if (running >= fewest && next->holding->blocks() >= left) break;
    left -= std::min(left, next->holding->blocks());
    next->turnEnd = steps_ + turnSteps;
    ++running;
  }
}

void Engine::collectRows() {
  takeTurns();
  fed_.clear();
  int left = bulkRows();
  for (size_t place = 0; place < sequences_.size(); ++place) {
    Sequence& sequence = *sequences_[place];
    const bool known = sequence.knowsNext(), prompt = sequence.prefilling(), bulk = known || prompt;
    if (!sequence.ready() || sequence.turnEnd <= steps_ || (bulk && left == 0)) continue;
    const int count = bulk ? static_cast<int>(std::min<int64_t>(left, sequence.feedable())) : 1;
    if (!makeRoom(place, count)) {
      if (unread_.empty()) continue;
      takeTokens();  // who turns out to have ended gives its blocks back
      return collectRows();
    }
    if (bulk) left -= count;
    const int follow = !prompt ? count : sequence.prefilled + count == sequence.progress.prompt ? 1 : 0;
    Result& result = sequence.result;
    double& seconds = prompt ? result.prefillSeconds : sequence.ahead ? result.compressSeconds : result.decodeSeconds;
    fed_.push_back({&sequence, count, follow, follow > 0 && !known, &seconds});
    if (sequence.forced() && !sequence.ahead) fed_.back().judged = follow;
  }
}

// Rows for sequences that bring several at a time: beside those that bring one there is always one.
int Engine::bulkRows() const {
  const int most = backend_->rows(), count = static_cast<int>(sequences_.size());
  if (most - count >= prefillRows_) return prefillRows_;
  const auto single = [](const auto& sequence) { return !sequence->prefilling() && !sequence->knowsNext(); };
  return std::min(prefillRows_, most - static_cast<int>(std::ranges::count_if(sequences_, single)));
}

size_t Engine::rowsFed() const {
  size_t rows = 0;
  for (const Fed& fed : fed_) rows += static_cast<size_t>(fed.rows);
  return rows;
}

}  // namespace pathpress
