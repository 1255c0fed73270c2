// Which rows a step feeds: the next token of every sequence that runs, and beside them prompts, and what is computed anew
// after a preemption, in chunks, so that a long prompt holds nobody up for longer than its chunk takes.
#include <algorithm>

#include "engine.h"

namespace pathpress {

void Engine::collectRows() {
  fed_.clear();
  int left = bulkRows();
  for (size_t place = 0; place < sequences_.size(); ++place) {
    Sequence& sequence = *sequences_[place];
    const bool known = sequence.knowsNext(), prompt = sequence.prefilling(), bulk = known || prompt;
    if (sequence.parked || sequence.waiting || sequence.asked || (bulk && left == 0)) continue;
    const int count = bulk ? static_cast<int>(std::min<int64_t>(left, sequence.feedable())) : 1;
    if (!makeRoom(place, count)) continue;
    if (bulk) left -= count;
    const int follow = !prompt ? count : sequence.prefilled + count == sequence.progress.prompt ? 1 : 0;
    fed_.push_back({&sequence, count, follow, follow > 0 && !known, prompt});
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
