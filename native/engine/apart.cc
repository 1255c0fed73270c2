// Steps whose lanes go on by themselves: sequences need nothing of one another, and lanes that met after every token would
// wait each time for the slowest.
#include <algorithm>
#include <atomic>
#include <new>

#include "clock.h"
#include "engine.h"
#include "errors.h"

namespace pathpress {
namespace {

// Passes of a lane after which all meet, so that lanes are shared out anew as caches grow.
constexpr int64_t mostPasses = 64;

struct alignas(64) PassCount {
  int64_t passes = 0;
};

}  // namespace

// Lanes meet when one has made so many passes, when the engine's thread has to decide of a sequence (it ended, it found no
// room, its prompt has more to bring), or has a command to run. Returns false where they were not parted.
bool Engine::goApart() {
  if (fed_.empty() || backend_->runsAhead()) return false;
  if (std::ranges::any_of(fed_, [](const Fed& fed) { return fed.sequence->inStep(); })) return false;
  const auto inTurn = [this](const auto& sequence) { return sequence->ready() && sequence->turnEnd > steps_; };
  // One that got no rows, other prompts having had them all, has them in the next step.
  std::atomic<bool> meet = std::ranges::count_if(sequences_, inTurn) > std::ssize(fed_);
  std::vector<PassCount> counts(static_cast<size_t>(backend_->threads()));
  const bool parted = backend_->runApart(fed_, [&](const LanePass& pass) {
    double rows = 0;
    for (const Fed* const fed : pass.fed) rows += fed->rows;
    for (const Fed* const fed : pass.fed) *fed->seconds += pass.seconds / pass.lanes / rows * fed->rows;
    if (std::erase_if(pass.fed, [&](Fed* const fed) { return !goesOn(*fed, pass); }) > 0) meet = true;
    if (++counts[static_cast<size_t>(pass.lane)].passes == mostPasses) meet = true;
    return !meet && !called_;
  });
  if (!parted) return false;
  fed_.clear();
  if (backend_->cancelled()) return true;
  steps_ += std::ranges::max(counts, {}, &PassCount::passes).passes - 1;
  for (size_t place = 0; place < sequences_.size();) {
    if (sequences_[place]->ended && !sequences_[place]->asked) endSequence(*sequences_[place]);
    else ++place;
  }
  endFailed();
  return true;
}

// What a step does of a sequence after its pass, on its lane's thread. Returns false where the engine's thread decides what
// comes next.
bool Engine::goesOn(Fed& fed, const LanePass& pass) {
  Sequence& sequence = *fed.sequence;
  sequence.afterPass(fed.rows);
  sequence.unread = fed.sampled;
  if (sequence.due()) {
    const auto start = Clock::now();
    backend_->compressApart(pass.lane, sequence);
    if (backend_->cancelled()) return false;
    sequence.result.compressSeconds += secondsSince(start) / pass.lanes;
  }
  sequence.unread = false;
  if (fed.follow == 0) return false;
  acceptSampled(fed);
  if (sequence.ended || !sequence.failureCode.empty()) return false;
  try {
    sequence.holding->reserve(1);
  } catch (const EngineError&) {  // others may give way
    return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
  fed = {&sequence, 1, 1, true, &sequence.result.decodeSeconds};
  return true;
}

}  // namespace pathpress
