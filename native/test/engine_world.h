// What the tests of a running engine share: a listener that collects, the tiny checkpoint, and requests for it.
#pragma once

#include <array>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "../engine/engine.h"

namespace pathpress {

struct Collector : Listener {
  explicit Collector(size_t requests) : results(requests), tokens(requests), failures(requests) {}
  void token(size_t request, int32_t id) override { tokens[request].push_back(id); }
  void result(size_t request, Result&& result) override { results[request].push_back(std::move(result)); }
  void failed(size_t request, const std::string& code, const std::string& message) override {
    failures[request].push_back(code + " " + message);
  }
  void done(const std::string& code, const std::string&) override {
    ends += 1;
    end = code;
    finished.set_value();
  }
  std::vector<std::vector<Result>> results;
  std::vector<std::vector<int32_t>> tokens;
  std::vector<std::vector<std::string>> failures;
  int ends = 0;
  std::string end;
  std::promise<void> finished;
};

// An engine on a backend of a test's own.
template <class Made>
struct EngineOn {
  explicit EngineOn(const EngineOptions& options) : EngineOn(std::make_unique<Made>(options), options.prefillRows) {}

  Made& backend;
  Engine engine;

 private:
  EngineOn(std::unique_ptr<Made> made, int prefillRows) : backend(*made), engine(std::move(made), prefillRows) {}
};

// Whether every block is back in the pool.
inline bool allFree(Engine& engine) {
  std::promise<PoolCensus> counted;
  engine.census([&](const PoolCensus& census) { counted.set_value(census); });
  const PoolCensus census = counted.get_future().get();
  return census.used == 0 && census.free == census.total;
}

inline bool oneResultEach(const Collector& collector) {
  for (const auto& results : collector.results) {
    if (results.size() != 1) return false;
  }
  return collector.ends == 1 && collector.end.empty();
}

// Everything but the time it took.
inline bool sameResult(const Result& a, const Result& b) {
  const auto of = [](const CacheReport& r) {
    return std::array{r.finalEntries, r.peakEntries, r.meanEntries, r.peakBytes, r.meanBytes,
                      r.sideBytes,    r.readBytes,   r.minEntries,  r.maxEntries};
  };
  bool same = a.ids == b.ids && a.finish == b.finish && of(a.cache) == of(b.cache) &&
              a.compressions.size() == b.compressions.size() && a.trace.size() == b.trace.size();
  for (size_t i = 0; same && i < a.compressions.size(); ++i) {
    const Compression &x = a.compressions[i], &y = b.compressions[i];
    same = x.generated == y.generated && x.before == y.before && x.after == y.after;
  }
  for (size_t i = 0; same && i < a.trace.size(); ++i) {
    const KeptPositions &x = a.trace[i], &y = b.trace[i];
    same = x.generated == y.generated && x.layer == y.layer && x.head == y.head && x.positions == y.positions;
  }
  return same;
}

inline EngineOptions options(int threads) {
  ModelConfig config;  // data/fixtures/hf/llama-g4
  config.family = "llama";
  config.layers = 2;
  config.hidden = 32;
  config.intermediate = 56;
  config.heads = 8;
  config.kvHeads = 2;
  config.headDim = 4;
  config.vocab = 64;
  config.normEpsilon = 1e-6;
  EngineOptions options;
  options.config = config;
  options.weightFiles = {"../data/fixtures/hf/llama-g4/model.safetensors"};
  options.threads = threads;
  return options;
}

inline Request request(int i, int64_t maxTokens) {
  constexpr std::array aggregations = {"layer", "group", "head"};
  Request request;
  for (int k = 0; k <= i % 7; ++k) request.promptIds.push_back((i * 5 + k * 3) % 64);
  request.policy.name = i % 4 == 3 ? "full" : "rpc";
  request.policy.interval = 16;
  request.policy.window = 4;
  request.policy.aggregation = aggregations[static_cast<size_t>(i % 3)];
  request.sampling = {.temperature = 1, .topP = 0.9, .seed = 5};
  request.stream[0] = i;
  request.maxTokens = maxTokens;
  request.trace = i % 2 == 0;
  return request;
}

inline std::vector<Request> requests(int count, int64_t maxTokens) {
  std::vector<Request> all;
  for (int i = 0; i < count; ++i) all.push_back(request(i, maxTokens));
  return all;
}

inline std::shared_ptr<Collector> finish(Engine& engine, uint64_t id, std::vector<Request> all, size_t batch) {
  const auto collector = std::make_shared<Collector>(all.size());
  engine.start(id, std::move(all), batch, collector);
  collector->finished.get_future().wait();
  return collector;
}

}  // namespace pathpress
