// A sequence is the same to the bit alone on one thread with its prompt fed whole, and in a crowd: joined at any step, its
// prompt in chunks of any size, preempted, on any number of threads; of every policy, those that watch attention among
// them. Compared are tokens, the logits that each was drawn from, kept sets, what scorers are shown, and what was counted.
// Arguments: check.h.
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "../engine/kernels.h"
#include "check.h"
#include "drawn_model.h"
#include "engine_world.h"

using namespace pathpress;

namespace {

// FNV-1a of the bits.
uint64_t hashOf(std::span<const float> values) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const float value : values) hash = (hash ^ __builtin_bit_cast(uint32_t, value)) * 0x100000001B3u;
  return hash;
}

// Answers questions with the policy's own votes.
struct LogitsCollector : Collector {
  LogitsCollector(Engine& of, uint64_t id, size_t requests)
      : Collector(requests), hashes(requests), shown(requests), engine(of), run(id) {}
  void logits(size_t request, std::span<const float> logits) override { hashes[request].push_back(hashOf(logits)); }
  void ask(size_t request, Question&& question) override {
    std::vector<std::vector<float>> scores;
    std::vector<Shown> sets;
    for (const Ballot& ballot : question.ballots) {
      sets.push_back({ballot.positions, ballot.ids, hashOf(ballot.votes), hashOf(ballot.entropies)});
      scores.push_back(ballot.votes);
    }
    const auto [at, first] = shown[request].emplace(question.generated, sets);
    askedAlike &= first || at->second == sets;
    engine.answer(run, request, question.number, std::move(scores));
  }
  struct Shown {
    std::vector<int32_t> positions, ids;
    uint64_t votes, entropies;
    bool operator==(const Shown&) const = default;
  };
  std::vector<std::vector<uint64_t>> hashes;
  std::vector<std::map<int64_t, std::vector<Shown>>> shown;  // by Question::generated
  bool askedAlike = true;  // of a question that was asked anew
  Engine& engine;
  uint64_t run;
};

class Crowd {
 public:
  Crowd(const DrawnModel& model, uint64_t seed) : random_(seed) {
    const std::string cache = pick(std::array{"f32", "bf16", "int8", "int4"});
    quantised_ = cache.starts_with("int");
    for (size_t n = 3 + below(8); n > 0; --n) requests_.push_back(drawn());
    crowded_ = options(1 + static_cast<int>(below(5)));
    crowded_.config = model.config;
    crowded_.weightFiles = {model.path.string()};
    crowded_.cacheType = cache;
    crowded_.simd = availableKernels()[below(availableKernels().size())]->name;
    alone_ = crowded_;
    alone_.threads = 1;
    alone_.prefillRows = 1 << 20;
    crowded_.prefillRows = pick(std::array{1, 2, 3, 7, 16, 17, 33, 64, 128, 1000});
    if (below(2) == 0) crowded_.nearBytes = 1 + below(40'000);
    if (below(3) == 0) crowded_.cacheLimit = 2'000'000;  // room for some of them
  }

  void check(const std::string& name) {
    Engine engine(crowded_);
    std::vector<std::shared_ptr<LogitsCollector>> runs;  // two of the requests each, or the last alone
    for (size_t first = 0; first < requests_.size(); first += 2) {
      const auto last = std::min(requests_.size(), first + 2);
      std::vector<Request> some(requests_.begin() + static_cast<int64_t>(first), requests_.begin() + static_cast<int64_t>(last));
      runs.push_back(std::make_shared<LogitsCollector>(engine, first, some.size()));
      engine.start(first, std::move(some), 1 + below(2), runs.back());
      std::this_thread::sleep_for(std::chrono::microseconds(below(3) * below(800)));
      if (below(2) == 0) engine.preempt(2 * below(runs.size()), below(2));
    }
    for (size_t n = below(16); n > 0; --n) {
      std::this_thread::sleep_for(std::chrono::microseconds(below(800)));
      for (size_t run = 0; run < runs.size(); ++run) engine.preempt(2 * run, below(3));
    }
    for (const auto& run : runs) run->finished.get_future().wait();
    Engine quiet(alone_);
    for (size_t i = 0; i < requests_.size(); ++i) {
      const auto alone = std::make_shared<LogitsCollector>(quiet, i, 1);
      quiet.start(i, {requests_[i]}, 1, alone);
      alone->finished.get_future().wait();
      const LogitsCollector& run = *runs[i / 2];
      const size_t at = i % 2;
      CHECK_CASE(run.results[at].size() == 1 && alone->results[0].size() == 1 &&
                     sameResult(run.results[at][0], alone->results[0][0]) && run.hashes[at] == alone->hashes[0] &&
                     run.askedAlike && run.shown[at] == alone->shown[0],
                 name + ", request " + std::to_string(i) + ", " + requests_[i].policy.name);
    }
  }

 private:
  size_t below(size_t limit) { return random_() % limit; }
  template <class T, size_t n>
  T pick(const std::array<T, n>& from) { return from[below(n)]; }

  Request drawn() {
    Request one = request(static_cast<int>(below(1000)), 1 + static_cast<int64_t>(below(150)));
    for (size_t n = below(2) * below(300); n > 0; --n) one.promptIds.push_back(static_cast<int32_t>(below(64)));
    one.policy.name = below(6) == 0 ? "quest" : policyRows()[below(policyRows().size())].name;
    if (quantised_) one.policy.name = "full";
    one.policy.interval = 1 + static_cast<int64_t>(below(60));
    one.policy.window = 1 + static_cast<int64_t>(below(12));
    one.policy.ratio = 1 + static_cast<double>(below(9)) / 2;
    one.policy.preset = pick(std::array{"corrected", "reference"});
    one.policy.selectors = pick(std::array{"recent", "prompt", "all"});
    one.policy.pinPrompt = below(2) == 0;
    one.policy.draw = pick(std::array{"persistent", "redraw"});
    one.policy.granularity = pick(std::array{"layer", "head"});
    if (below(2) == 0) one.policy.budget = "cap", one.policy.keep = 20 + static_cast<int64_t>(below(200));
    one.sampling = {.temperature = below(3) == 0 ? 0.0 : 1.0, .topP = below(2) == 0 ? 0.9 : 1.0, .seed = below(100)};
    one.trace = true;
    if (!quantised_ && below(4) == 0) {
      one.scored = true, one.policy.name = "rpc", one.policy.aggregation = pick(std::array{"layer", "group"});
    }
    const auto refused = check::thrown([&] { makePolicy(one.policy)->admit(static_cast<int64_t>(one.promptIds.size())); });
    return refused.empty() ? one : drawn();  // not every policy has a meaning for every option
  }

  std::mt19937_64 random_;
  bool quantised_ = false;  // only where every entry stays
  std::vector<Request> requests_;
  EngineOptions crowded_, alone_;
};

// Of a model that is not small, where lanes begin at 32 sequences a thread.
void manyOfLarge() {
  ModelConfig config = DrawnModel().config;
  config.hidden = 512;
  config.intermediate = 2048;
  const DrawnModel model(config, DType::f32, 5, 0.05f);
  EngineOptions crowded = options(2), alone = options(1);
  crowded.config = alone.config = config;
  crowded.weightFiles = alone.weightFiles = {model.path.string()};
  std::vector<Request> requests;
  for (int i = 0; i < 66; ++i) {
    requests.push_back(request(i, 4));
    requests.back().promptIds.resize(static_cast<size_t>(1 + i % 5), i % 64);
    requests.back().sampling = {.temperature = 1, .seed = 3};
  }
  const auto run = [&](const EngineOptions& of, size_t batch) {
    Engine engine(of);
    const auto all = std::make_shared<LogitsCollector>(engine, 0, requests.size());
    engine.start(0, requests, batch, all);
    all->finished.get_future().wait();
    return all;
  };
  CHECK(!loadModel(config, {model.path.string()}, 1)->small());
  const auto together = run(crowded, requests.size()), few = run(alone, 3);
  for (size_t i = 0; i < requests.size(); ++i) {
    CHECK_CASE(together->results[i].size() == 1 && few->results[i].size() == 1 &&
                   together->results[i][0].ids == few->results[i][0].ids && together->hashes[i] == few->hashes[i],
               "request " + std::to_string(i));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const check::Soak soak(argc, argv, 60);
  manyOfLarge();
  const DrawnModel model;
  for (uint64_t i = soak.first; i < soak.first + soak.count; ++i) {
    soak.at(i, 20);
    Crowd(model, soak.seedOf(i)).check("case " + std::to_string(i));
  }
  return checks();
}
