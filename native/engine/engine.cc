#include "engine.h"

#include <algorithm>

#include "cpu_backend.h"
#include "errors.h"
#include "threads.h"

namespace pathpress {
namespace {

void checkAssumed(const Request& request, const Recipe& recipe) {
  const auto [entries, written] = request.assumed;
  if (entries == 0) return;
  const auto longest = static_cast<int64_t>(request.promptIds.size()) + written;
  if (entries < 0 || entries > longest) {
    throw EngineError("BAD_OPTION", "assumed entries " + std::to_string(entries) + " are not 1 to " + std::to_string(longest));
  }
  if (recipe.record != Record::none || recipe.readPages > 0 || recipe.rotatedAtReading || recipe.entropies) {
    throw EngineError("BAD_OPTION", "assumed entries: policy " + request.policy.name + " needs what is noted of real ones");
  }
  if (request.scored) throw EngineError("BAD_OPTION", "assumed entries have no tokens that a score could be shown");
}

// Whose candidates somebody else may score: sets all of one size, of which the votes are the only order.
void checkScored(const Request& request, const Recipe& recipe) {
  const bool alike = recipe.sets != Aggregation::head && !recipe.sharedOut && recipe.rangeShare == 0;
  if (!request.scored || (recipe.scoring == Scoring::votes && alike)) return;
  throw EngineError("BAD_OPTION", "scored: policy " + request.policy.name + " does not take scores for a set of a layer " +
                                      "or of a key-value head");
}

}  // namespace

Engine::Engine(const EngineOptions& options)
    : Engine(std::make_unique<CpuBackend>(options), options.prefillRows) {}

Engine::Engine(std::unique_ptr<Backend> backend, int prefillRows)
    : backend_(std::move(backend)),
      prefillRows_(std::max(1, prefillRows)),
      thread_(startThread(1, backend_->threads(), [this] { loop(); })) {}

Engine::~Engine() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  backend_->cancel();
  wake_.notify_one();
  thread_.join();
}

void Engine::checkIds(const std::vector<int32_t>& ids, const char* what) const {
  if (ids.empty()) throw EngineError("BAD_PROMPT", std::string(what) + " has no ids");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= backend_->model().config.vocab) {
      throw EngineError("BAD_PROMPT", "id " + std::to_string(ids[i]) + " at index " + std::to_string(i) + " of " + what +
                                          " is outside the vocabulary of " + std::to_string(backend_->model().config.vocab));
    }
  }
}

void Engine::start(uint64_t id, std::vector<Request> requests, size_t batch, std::shared_ptr<Listener> listener) {
  Demand demand;
  for (const Request& request : requests) {
    checkIds(request.promptIds, "the prompt");
    const auto given = std::ssize(request.forced);
    if (given > 0) checkIds(request.forced, "the output");
    if (given > 0 && given != request.maxTokens) {
      throw EngineError("BAD_OPTION", "an output of " + std::to_string(given) + " ids is not maxTokens " +
                                          std::to_string(request.maxTokens));
    }
    if (request.maxTokens < 1) throw EngineError("BAD_OPTION", "maxTokens " + std::to_string(request.maxTokens) + " < 1");
    try {
      const auto policy = makePolicy(request.policy);
      policy->admit(static_cast<int64_t>(request.promptIds.size()));
      checkAssumed(request, policy->recipe());
      checkScored(request, policy->recipe());
      backend_->check(request, *policy);
      demand.cover(backend_->demandOf(request, *policy));
    } catch (const std::invalid_argument& error) {
      throw EngineError("BAD_OPTION", error.what());
    }
  }
  batch = std::max<size_t>(1, batch);
  demand.places = std::min(batch, requests.size());
  auto run = std::make_shared<Run>(Run{id, std::move(requests), batch, std::move(listener), demand, 0, 0, {}});
  for (size_t i = 0; i < run->requests.size(); ++i) {
    if (run->requests[i].aborted) run->stopped.emplace(i, Finish::aborted);
  }
  post([this, run] { runs_.push_back(std::make_unique<Run>(std::move(*run))); });
}

void Engine::abort(uint64_t id) {
  post([this, id] {
    const auto at = std::find_if(runs_.begin(), runs_.end(), [id](const auto& run) { return run->id == id; });
    if (at == runs_.end()) return;
    Run& run = **at;
    for (size_t place = sequences_.size(); place-- > 0;) {
      if (&sequences_[place]->run == &run) endSequence(place, Finish::aborted);
    }
    while (run.started < run.requests.size()) endUnstarted(run);
    endRun(run, "", "");
  });
}

void Engine::stop(uint64_t id, size_t request, Finish how) {
  post([this, id, request, how] {
    for (const auto& run : runs_) {
      if (run->id == id && request >= run->started) run->stopped.emplace(request, how);
    }
    for (size_t place = sequences_.size(); place-- > 0;) {
      Sequence& sequence = *sequences_[place];
      if (sequence.run.id != id || sequence.index != request) continue;
      if (how == Finish::stop && sequence.asked) {  // the compression that waits for its scores belongs to the token before
        sequence.ended = true;
        sequence.result.finish = how;
      } else endSequence(place, how);
    }
  });
}

void Engine::preempt(uint64_t id, size_t request) {
  post([this, id, request] {
    for (const auto& sequence : sequences_) {
      if (sequence->run.id == id && sequence->index == request && !sequence->parked) park(*sequence);
    }
  });
}

void Engine::acknowledge(uint64_t id, size_t request) {
  post([this, id, request] {
    for (const auto& sequence : sequences_) {
      if (sequence->run.id == id && sequence->index == request) sequence->waiting = false;
    }
  });
}

void Engine::logits(std::vector<int32_t> ids, LogitsDone done) {
  checkIds(ids, "the prompt");
  post([this, ids = std::move(ids), done = std::move(done)] { computeLogits(ids, done); });
}

void Engine::computeLogits(const std::vector<int32_t>& ids, const LogitsDone& done) {
  std::vector<float> all;
  try {
    all = backend_->logits(ids);
  } catch (const EngineError& error) {
    return done({}, error.code, error.what());
  } catch (const std::exception& error) {
    return done({}, "INTERNAL", error.what());
  }
  done(std::move(all), "", "");
}

void Engine::post(Command command) {
  {
    std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(command));
    called_ = true;
  }
  wake_.notify_one();
}

}  // namespace pathpress
