// The engine without Node: runs that start, stop and are aborted from other threads; each request gets one result, each
// run one end, and a run that was left alone the tokens that it has on an engine of its own.
#include <array>
#include <atomic>
#include <future>
#include <random>

#include "../engine/engine.h"
#include "../engine/errors.h"
#include "check.h"

using namespace pathpress;

namespace {

struct Collector : Listener {
  explicit Collector(size_t requests) : results(requests), tokens(requests) {}
  void token(size_t request, int32_t id) override { tokens[request].push_back(id); }
  void result(size_t request, Result&& result) override { results[request].push_back(std::move(result)); }
  void done(const std::string& code, const std::string&) override {
    ends += 1;
    end = code;
    finished.set_value();
  }
  std::vector<std::vector<Result>> results;
  std::vector<std::vector<int32_t>> tokens;
  int ends = 0;
  std::string end;
  std::promise<void> finished;
};

EngineOptions options(int threads) {
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

Request request(int i, int64_t maxTokens) {
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

std::vector<Request> requests(int count, int64_t maxTokens) {
  std::vector<Request> all;
  for (int i = 0; i < count; ++i) all.push_back(request(i, maxTokens));
  return all;
}

bool oneResultEach(const Collector& collector) {
  for (const auto& results : collector.results) {
    if (results.size() != 1) return false;
  }
  return collector.ends == 1 && collector.end.empty();
}

void restless() {
  Engine engine(options(3)), quiet(options(1));
  const auto reference = std::make_shared<Collector>(6);
  quiet.start(1, requests(6, 90), 1, reference);
  reference->finished.get_future().wait();
  CHECK(oneResultEach(*reference));

  std::mt19937 random(9);
  for (uint64_t round = 0; round < 40; ++round) {
    const auto steady = std::make_shared<Collector>(6);
    const auto endless = std::make_shared<Collector>(5);
    engine.start(2 * round, requests(6, 90), 1 + random() % 6, steady);
    engine.start(2 * round + 1, requests(5, 1'000'000), 1 + random() % 4, endless);
    std::thread meddler([&engine, round, pause = random() % 2000] {
      std::this_thread::sleep_for(std::chrono::microseconds(pause));
      engine.stop(2 * round + 1, round % 5, Finish::stop);
      engine.stop(2 * round + 1, 99, Finish::stop);
      engine.abort(2 * round + 1);
      engine.abort(1'000'000);
    });
    meddler.join();
    steady->finished.get_future().wait();
    endless->finished.get_future().wait();
    CHECK(oneResultEach(*steady) && oneResultEach(*endless));
    bool same = true;
    for (size_t i = 0; i < 6; ++i) {
      same &= steady->results[i][0].ids == reference->results[i][0].ids && steady->tokens[i] == steady->results[i][0].ids;
    }
    CHECK(same);
  }
}

void leaving() {
  for (int i = 0; i < 20; ++i) {
    const auto collector = std::make_shared<Collector>(4);
    {
      Engine engine(options(2));
      engine.start(1, requests(4, 1'000'000), 2, collector);
      if (i % 2) std::this_thread::sleep_for(std::chrono::milliseconds(i % 5));
    }
    CHECK(oneResultEach(*collector));
  }
}

void refusals() {
  Engine engine(options(1));
  std::string code;
  auto bad = requests(2, 10);
  bad[1].promptIds.push_back(64);
  try {
    engine.start(1, bad, 1, std::make_shared<Collector>(2));
  } catch (const EngineError& error) {
    code = error.code + " " + error.what();
  }
  CHECK_CASE(code.starts_with("BAD_PROMPT id 64 at index"), code);
}

}  // namespace

int main() {
  restless();
  leaving();
  refusals();
  return checks();
}
