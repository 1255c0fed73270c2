// The engine without Node: runs that start, stop and are aborted from other threads; each request gets one result, each
// run one end, and a run that was left alone, or preempted, what it has on an engine of its own. A request that cannot go
// on ends by itself.
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "../engine/errors.h"
#include "../engine/safetensors.h"
#include "check.h"
#include "engine_world.h"
#include "late_backend.h"

using namespace pathpress;

namespace {

// Runs come and go, are stopped and aborted, and steady ones lose their caches at random moments, while admission and
// preemption share out a pool too small for all.
void restless() {
  Engine quiet(options(1));
  EngineOptions tight = options(3);
  tight.cacheLimit = 70'000;  // some three of the steady requests
  Engine engine(tight);
  const auto reference = finish(quiet, 1, requests(6, 90), 1);
  CHECK(oneResultEach(*reference));

  std::mt19937 random(9);
  for (uint64_t round = 0; round < 40; ++round) {
    const auto steady = std::make_shared<Collector>(6);
    const auto endless = std::make_shared<Collector>(5);
    engine.start(2 * round, requests(6, 90), 1 + random() % 6, steady);
    auto unending = requests(5, 1'000'000);  // one in four with a full cache, which no pool holds
    for (Request& one : unending) one.policy.budget = "cap", one.policy.keep = 48;
    engine.start(2 * round + 1, unending, 1 + random() % 4, endless);
    std::thread meddler([&engine, round, seed = random()] {
      std::mt19937 moments(seed);
      for (int i = 0; i < 4; ++i) {
        std::this_thread::sleep_for(std::chrono::microseconds(moments() % 1500));
        engine.preempt(2 * round, moments() % 6);
      }
      engine.stop(2 * round + 1, round % 5, Finish::stop);
      engine.stop(2 * round + 1, 99, Finish::stop);
      engine.abort(2 * round + 1);
      engine.abort(1'000'000);
    });
    meddler.join();
    steady->finished.get_future().wait();
    endless->finished.get_future().wait();
    CHECK(oneResultEach(*steady) && endless->ends == 1 && endless->end.empty());
    for (size_t i = 0; i < 5; ++i) CHECK(endless->results[i].size() + endless->failures[i].size() == 1);
    bool same = true;
    for (size_t i = 0; i < 6; ++i) {
      same &= sameResult(steady->results[i][0], reference->results[i][0]) && steady->tokens[i] == steady->results[i][0].ids;
    }
    CHECK(same);
  }
}

// What a policy notes beside keys and values is forgotten with them, and noted anew.
void preemptedRivals() {
  Engine engine(options(2)), quiet(options(1));
  std::vector<Request> all;
  for (const PolicyRow& row : policyRows()) {
    Request one = request(static_cast<int>(all.size()), 70);
    while (one.promptIds.size() < 40) one.promptIds.push_back(static_cast<int32_t>(one.promptIds.size() * 11 % 64));
    one.policy = {.name = std::string(row.name), .interval = 8, .window = 4, .budget = "cap", .keep = 24};
    one.policy.pinPrompt = false;
    all.push_back(one);
  }
  const auto reference = finish(quiet, 1, all, 1);
  std::mt19937 random(10);
  for (uint64_t round = 0; round < 5; ++round) {
    const auto got = std::make_shared<Collector>(all.size());
    engine.start(round, all, all.size(), got);
    for (int i = 0; i < 60; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
      engine.preempt(round, random() % all.size());
    }
    got->finished.get_future().wait();
    CHECK(oneResultEach(*got));
    for (size_t i = 0; i < all.size(); ++i) {
      CHECK_CASE(sameResult(got->results[i][0], reference->results[i][0]), all[i].policy.name);
    }
  }
}

// Where a step may read little, four sequences at a time go on while the others rest, and all have what they have alone.
void turns() {
  struct Order : Collector {
    using Collector::Collector;
    void token(size_t request, int32_t id) override {
      Collector::token(request, id);
      if (told.empty() || told.back() / 4 != request / 4) told.push_back(request), steps.push_back(0);
      steps.back() += 1;
    }
    std::vector<size_t> told, steps;  // whose token came after another four's, and how many came before the next four's
  };
  Engine quiet(options(1));
  const auto reference = finish(quiet, 1, requests(12, 200), 1);
  for (const int threads : {1, 3}) {
    EngineOptions near = options(threads);
    near.nearBytes = 1;
    Engine engine(near);
    const auto order = std::make_shared<Order>(12);
    engine.start(1, requests(12, 200), 12, order);
    order->finished.get_future().wait();
    for (size_t i = 0; i < 12; ++i) CHECK(sameResult(order->results[i][0], reference->results[i][0]));
    bool inTurn = order->told.size() == 12;  // 200 tokens are four turns
    for (size_t t = 0; t < order->told.size(); ++t) {
      inTurn &= order->told[t] / 4 == t % 3 && order->steps[t] == (t < 9 ? 4 * 64 : 4 * (200 - 3 * 64));
    }
    CHECK(inTurn);
  }
}

// One request that the pool cannot hold fails by itself, naming bytes; the others have the tokens they have alone.
void exhausted() {
  EngineOptions small = options(2);
  small.cacheLimit = 40'000;
  Engine engine(small), roomy(options(1));
  auto all = requests(4, 60);
  all[1].policy.name = "full";
  all[1].maxTokens = 100'000;
  const auto got = finish(engine, 1, all, 4);
  CHECK_CASE(got->end.empty() && got->failures[1].size() == 1 && got->results[1].empty(), got->end);
  const std::string said = got->failures[1].empty() ? "" : got->failures[1][0];
  CHECK_CASE(said.starts_with("OUT_OF_MEMORY request 1, token ") && said.find("bytes, at hand are ") != std::string::npos, said);
  all[1].maxTokens = 5;
  const auto alone = finish(roomy, 1, all, 1);
  for (const size_t i : {0, 2, 3}) {
    CHECK(got->results[i].size() == 1 && sameResult(got->results[i][0], alone->results[i][0]));
  }
}

// A window of any size must not wrap around into a small allocation.
void unboundedWindow() {
  Engine engine(options(1));
  auto all = requests(2, 40);
  all[0].policy.window = all[0].maxTokens = int64_t{1} << 53;
  const auto got = finish(engine, 1, all, 2);
  CHECK(got->end.empty() && got->failures[0].size() == 1 && got->results[1].size() == 1);
  CHECK(!got->failures[0].empty() && got->failures[0][0].starts_with("OUT_OF_MEMORY request 0: the query rows"));
}

// Finite weights whose logits overflow: llama-g4 with its largest possible output matrix.
void overflowing() {
  EngineOptions huge = options(2);
  const std::string path = huge.weightFiles[0];
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto entries = readSafetensors(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), path);
  for (const TensorEntry& entry : entries) {
    if (entry.name != "lm_head.weight") continue;
    for (size_t at = entry.begin; at < entry.begin + entry.bytes; at += 4) {
      const float most = 3e38f;
      std::memcpy(bytes.data() + at, &most, 4);
    }
  }
  const auto copy = std::filesystem::temp_directory_path() / ("pathpress-huge-" + std::to_string(::getpid()));
  std::ofstream(copy, std::ios::binary) << bytes;
  huge.weightFiles = {copy.string()};
  Engine engine(huge);
  EngineOn<LateBackend> late(huge);  // of which a pass has gone on from no token by then
  auto all = requests(3, 10);
  all[1].sampling.temperature = 0;
  for (Engine* const each : {&engine, &late.engine}) {
    const auto got = finish(*each, 1, all, 2);
    for (size_t i = 0; i < 3; ++i) {
      const std::string expected = "BAD_LOGITS request " + std::to_string(i) + ", token 1: ";
      CHECK(got->failures[i].size() == 1 && got->failures[i][0].starts_with(expected) && got->results[i].empty());
    }
  }
  std::promise<std::string> said;
  engine.logits({1, 2}, [&](std::vector<float>&&, const std::string& code, const std::string& what) {
    said.set_value(code + " " + what);
  });
  CHECK(said.get_future().get().starts_with("BAD_LOGITS position 0: "));
  std::filesystem::remove(copy);
}

// Logits asked of an engine that goes away are refused, not computed to the end first.
void leavingLogits() {
  std::string code = "none";
  {
    Engine engine(options(2));
    engine.logits(std::vector<int32_t>(20'000, 1),
                  [&](std::vector<float>&&, const std::string& how, const std::string&) { code = how; });
  }
  CHECK_CASE(code == "DISPOSED", code);
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
  preemptedRivals();
  turns();
  exhausted();
  unboundedWindow();
  overflowing();
  leaving();
  leavingLogits();
  refusals();
  return checks();
}
