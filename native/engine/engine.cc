#include "engine.h"

#include <unistd.h>

#include <algorithm>

#include "errors.h"
#include "memory_limit.h"
#include "plan.h"
#include "threads.h"

namespace pathpress {
namespace {

size_t defaultCacheLimit() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), bytes = ::sysconf(_SC_PAGE_SIZE);
  return memoryLimit(static_cast<size_t>(pages) * static_cast<size_t>(bytes)) / 5 * 4;
}

ProductInput productsFor(const std::string& asked) {
  if (asked.empty() || asked == "float32") return ProductInput::float32;
  if (asked == "bf16") return ProductInput::bf16;
  throw EngineError("BAD_OPTION", "products \"" + asked + "\" is not float32 or bf16");
}

CacheShape shapeFor(const Model& model, const std::string& cacheType) {
  const ModelConfig& config = model.config;
  return {config.layers, config.kvHeads, pageLayout(config.headDim, cacheType, model.type())};
}

std::vector<CompressScratch> scratchFor(int threads, const Kernels& kernels) {
  std::vector<CompressScratch> all(static_cast<size_t>(threads));
  for (CompressScratch& scratch : all) scratch.select.kernels = &kernels;
  return all;
}

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
    : model_(loadModel(options.config, options.weightFiles, options.threads)),
      kernels_(selectKernels(options.simd)),
      products_(productsFor(options.products)),
      threads_(options.threads),
      whole_(*model_, kernels_, products_, &threads_),
      lanes_(makeLanes()),
      shape_(shapeFor(*model_, options.cacheType)),
      pool_(shape_.page.bytes(), options.cacheLimit ? options.cacheLimit : defaultCacheLimit()),
      prefillRows_(std::max(1, options.prefillRows)),
      compressScratch_(scratchFor(options.threads, kernels_)),
      thread_(startThread(1, options.threads, [this] { loop(); })) {}

Engine::~Engine() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  threads_.cancel();  // first: it is what step() asks once a lane has left its rows undone
  for (const auto& lane : lanes_) lane->cancel();
  wake_.notify_one();
  thread_.join();
}

std::string Engine::simd() const {
  if (products_ == ProductInput::float32) return kernels_.name;
  return std::string(kernels_.name) + (kernels_.bf16 ? "-bf16" : "-rounded");
}

void Engine::checkIds(const std::vector<int32_t>& ids, const char* what) const {
  if (ids.empty()) throw EngineError("BAD_PROMPT", std::string(what) + " has no ids");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= model_->config.vocab) {
      throw EngineError("BAD_PROMPT", "id " + std::to_string(ids[i]) + " at index " + std::to_string(i) + " of " + what +
                                          " is outside the vocabulary of " + std::to_string(model_->config.vocab));
    }
  }
}

void Engine::start(uint64_t id, std::vector<Request> requests, size_t batch, std::shared_ptr<Listener> listener) {
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
      checkHolds(shape_.page, request.policy.name, *policy);
      checkAssumed(request, policy->recipe());
      checkScored(request, policy->recipe());
    } catch (const std::invalid_argument& error) {
      throw EngineError("BAD_OPTION", error.what());
    }
  }
  auto run = std::make_shared<Run>(Run{id, std::move(requests), std::max<size_t>(1, batch), std::move(listener), 0, 0, {}});
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
      if (run->id == id && request >= run->started) run->stopped.insert(request);
    }
    for (size_t place = sequences_.size(); place-- > 0;) {
      const Sequence& sequence = *sequences_[place];
      if (sequence.run.id == id && sequence.index == request) endSequence(place, how);
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
  constexpr size_t chunk = 64;
  const double bytes = static_cast<double>(ids.size()) * model_->config.vocab * sizeof(float);
  std::vector<float> all;
  std::vector<Row> rows;
  try {
    try {
      all.reserve(ids.size() * static_cast<size_t>(model_->config.vocab));
    } catch (const std::exception&) {  // bad_alloc, or length_error where it could never be
      throw EngineError("OUT_OF_MEMORY", "the logits of " + std::to_string(ids.size()) + " positions need " +
                                             std::to_string(static_cast<uint64_t>(bytes)) + " bytes");
    }
    SequenceCache cache(pool_, shape_, {});
    for (size_t at = 0; at < ids.size(); at += chunk) {
      const size_t count = std::min(chunk, ids.size() - at);
      cache.reserve(static_cast<int>(count));
      rows.clear();
      for (size_t i = 0; i < count; ++i) {
        rows.push_back({ids[at + i], static_cast<int>(at + i), static_cast<int>(i), &cache, nullptr, true});
      }
      whole_.forward.run(rows);
      if (threads_.cancelled()) throw EngineError("DISPOSED", "the engine was disposed");
      cache.commit(static_cast<int>(count), static_cast<int>(at));
      for (size_t i = 0; i < count; ++i) {
        const auto row = whole_.forward.logits(i);
        if (!allFinite(row)) throw EngineError("BAD_LOGITS", "position " + std::to_string(at + i) + ": " + overflowText);
        all.insert(all.end(), row.begin(), row.end());
      }
    }
  } catch (const EngineError& error) {
    return done({}, error.code, error.what());
  } catch (const std::bad_alloc&) {
    return done({}, "OUT_OF_MEMORY", memoryText(rows.size(), rows.size()));
  } catch (const std::exception& error) {
    return done({}, "INTERNAL", error.what());
  }
  done(std::move(all), "", "");
}

std::string Engine::memoryText(size_t rows, size_t wanted) const {
  return "the machine has no memory left for a step of " + std::to_string(rows) + " rows, which needs " +
         std::to_string(whole_.forward.workBytes(rows, wanted)) + " bytes beside weights and caches";
}

void Engine::post(Command command) {
  {
    std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(command));
  }
  wake_.notify_one();
}

}  // namespace pathpress
