// Which rows a step feeds: the next token of every sequence that runs, and beside them prompts, and what is computed anew
// after a preemption, in chunks, so that a long prompt holds nobody up for longer than its chunk takes.
#include <algorithm>

#include "engine.h"

namespace pathpress {

void Engine::collectRows() {
  rows_.clear();
  fed_.clear();
  logitRows_ = 0;
  int left = prefillRows_;
  for (size_t place = 0; place < sequences_.size(); ++place) {
    Sequence& sequence = *sequences_[place];
    const bool known = sequence.replaying() && !sequence.ahead, bulk = known || sequence.prefilling();
    if (sequence.parked || sequence.waiting || sequence.asked || (bulk && left == 0)) continue;
    const int count = bulk ? static_cast<int>(std::min<int64_t>(left, sequence.feedable())) : 1;
    if (!makeRoom(place, count)) continue;
    if (bulk) left -= count;
    feed(sequence, count, known);
  }
}

void Engine::feed(Sequence& sequence, int count, bool known) {
  const bool prompt = sequence.prefilling();
  const bool sampled = !known && (!prompt || sequence.prefilled + count == sequence.progress.prompt);
  for (int i = 0; i < count; ++i) {
    rows_.push_back({sequence.upcoming(i), sequence.position(i), i, &sequence.cache, &sequence.side,
                     sampled && i == count - 1});
  }
  const int follow = !prompt ? count : sequence.prefilled + count == sequence.progress.prompt ? 1 : 0;
  fed_.push_back({&sequence, count, sampled ? logitRows_++ : -1, follow, 0});
}

}  // namespace pathpress
