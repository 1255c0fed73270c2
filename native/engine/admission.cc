// Who may hold blocks. A request is admitted where its peak, by its policy's closed form, fits beside the peaks of those
// that run; one alone may always try. Where the pool runs out all the same, the youngest gives its blocks back and is
// computed anew later; only a sequence that the whole pool cannot hold fails.
#include <algorithm>
#include <new>

#include "engine.h"
#include "errors.h"

namespace pathpress {

void Engine::census(std::function<void(const PoolCensus&)> done) {
  post([this, done = std::move(done)] {
    std::vector<const Holding*> live;
    for (const auto& sequence : sequences_) live.push_back(sequence->holding.get());
    done(backend_->census(live));
  });
}

bool Engine::fits(const Run& run, double peakBlocks) {
  double promised = 0;
  size_t running = 0;
  for (const auto& sequence : sequences_) {
    if (sequence->parked) continue;
    promised += sequence->peakBlocks;
    ++running;
  }
  if (!backend_->prepare(run.demand, running == 0)) return false;
  return running == 0 || (running < backend_->places() && promised + peakBlocks <= backend_->capacity());
}

void Engine::admit() {
  bool room = readmit();
  for (size_t r = 0; r < runs_.size();) {
    Run& run = *runs_[r];
    while (run.active < run.batch && run.started < run.requests.size()) {
      if (run.stopped.contains(run.started)) endUnstarted(run);
      else if (!room || !(room = admitNext(run))) break;
    }
    if (run.active == 0 && run.started == run.requests.size()) endRun(run, "", "");
    else ++r;
  }
}

// Returns false where the run's next request does not fit yet. One whose own state finds no memory fails.
bool Engine::admitNext(Run& run) {
  const Request& request = run.requests[run.started];
  const auto failed = [&run](const std::string& code, const std::string& what) {
    run.listener->failed(run.started, code, "request " + std::to_string(run.started) + ": " + what);
  };
  try {
    std::unique_ptr<Policy> policy = makePolicy(request.policy);
    if (!fits(run, backend_->peakBlocks(request, *policy))) return false;
    sequences_.push_back(std::make_unique<Sequence>(request, run, run.started, std::move(policy), *backend_));
    ++run.active;
  } catch (const EngineError& error) {
    failed(error.code, error.what());
  } catch (const std::bad_alloc&) {
    failed("OUT_OF_MEMORY", "the machine has no memory left for its state");
  }
  ++run.started;
  return true;
}

// Parked sequences go before requests that have not started. Returns false while one of them waits.
bool Engine::readmit() {
  const auto isParked = [](const auto& sequence) { return sequence->parked; };
  if (std::all_of(sequences_.begin(), sequences_.end(), isParked)) crowded_ = false;
  for (const auto& sequence : sequences_) {
    if (!sequence->parked) continue;
    if (crowded_ || !fits(sequence->run, sequence->peakBlocks)) return false;
    sequence->parked = false;
  }
  return true;
}

void Engine::park(Sequence& sequence) {
  sequence.restart();
  sequence.parked = true;
  crowded_ = true;
}

// Reserves entries for the sequence at `place`. Those after it have no rows in this step yet and may give way; else it
// gives way itself to those before it. Returns false where it takes no part in this step, or nobody is to give way before
// it is known who has ended.
bool Engine::makeRoom(size_t place, int entries) {
  Sequence& sequence = *sequences_[place];
  for (size_t last = sequences_.size();;) {
    std::string reason;
    try {
      sequence.holding->reserve(entries);
      return true;
    } catch (const EngineError& error) {
      reason = error.what();
    } catch (const std::bad_alloc&) {
      reason = "the machine has no memory left for the tables of the KV cache";
    }
    if (!unread_.empty()) return false;
    do --last;
    while (last > place && sequences_[last]->holding->blocks() == 0);
    if (last > place) {
      park(*sequences_[last]);
      continue;
    }
    const auto holdsBlocks = [](const auto& other) { return other->holding->blocks() > 0; };
    if (std::any_of(sequences_.begin(), sequences_.begin() + static_cast<int64_t>(place), holdsBlocks)) park(sequence);
    else sequence.fail("OUT_OF_MEMORY", reason);
    return false;
  }
}

}  // namespace pathpress
