// Random runs that are admitted, stepped, compressed, preempted, stopped and aborted in a pool too small for all of them.
// Between steps the pool's blocks add up and none has two owners; each request ends once; on every other engine tokens are
// read a step late. Arguments: check.h.
#include <chrono>
#include <random>
#include <thread>

#include "check.h"
#include "engine_world.h"
#include "late_backend.h"

using namespace pathpress;

namespace {

constexpr uint64_t runsAnEngine = 20;

class Life {
 public:
  Life(Engine& engine, uint64_t seed, uint64_t firstId) : engine_(engine), random_(seed), nextId_(firstId) {}

  // Whether every check held.
  bool live() {
    begin();
    for (size_t n = 2 + below(6); n > 0; --n) {
      act();
      sound_ &= balanced(false);
    }
    for (const Live& run : live_) {
      if (run.endless || below(4) == 0) engine_.abort(run.id);
    }
    for (const Live& run : live_) sound_ &= ended(*run.collector);
    return sound_ && balanced(true);
  }

 private:
  struct Live {
    uint64_t id;
    std::shared_ptr<Collector> collector;
    bool endless;
  };

  size_t below(size_t limit) { return random_() % limit; }
  template <class T, size_t n>
  T pick(const std::array<T, n>& from) { return from[below(n)]; }

  Request drawn(bool endless) {
    Request one = request(static_cast<int>(below(1000)), endless ? 1'000'000 : 1 + static_cast<int64_t>(below(60)));
    for (size_t n = below(30); n > 0; --n) one.promptIds.push_back(static_cast<int32_t>(below(64)));
    one.policy.name = policyRows()[below(policyRows().size())].name;
    one.policy.interval = 1 + static_cast<int64_t>(below(24));
    one.policy.window = 1 + static_cast<int64_t>(below(8));
    one.policy.ratio = 1 + static_cast<double>(below(9)) / 2;
    one.policy.draw = pick(std::array{"persistent", "redraw"});
    one.policy.granularity = pick(std::array{"layer", "head"});
    if (endless || below(3) == 0) one.policy.budget = "cap", one.policy.keep = 56;  // above 37 of the prompt and the window
    one.sampling.temperature = below(2) == 0 ? 0 : 1;
    if (!accepted(one)) one.policy.name = "rpc";
    return one;
  }

  // Not every policy has a meaning for every option drawn.
  static bool accepted(const Request& one) {
    return check::thrown([&] { makePolicy(one.policy)->admit(static_cast<int64_t>(one.promptIds.size())); }).empty();
  }

  void begin() {
    const bool endless = below(3) == 0;
    std::vector<Request> all;
    for (size_t n = 1 + below(5); n > 0; --n) all.push_back(drawn(endless));
    live_.push_back({nextId_++, std::make_shared<Collector>(all.size()), endless});
    engine_.start(live_.back().id, std::move(all), 1 + below(4), live_.back().collector);
  }

  void act() {
    const Live& run = live_[below(live_.size())];
    const size_t one = below(run.collector->results.size() + 1);
    switch (below(6)) {
      case 0: engine_.preempt(run.id, one); break;
      case 1: engine_.stop(run.id, one, pick(std::array{Finish::stop, Finish::aborted})); break;
      case 2: engine_.abort(run.id); break;
      case 3: if (live_.size() < 4) begin(); break;
      default: std::this_thread::sleep_for(std::chrono::microseconds(below(400)));
    }
  }

  bool balanced(bool over) {
    std::promise<PoolCensus> counted;
    engine_.census([&](const PoolCensus& census) { counted.set_value(census); });
    const PoolCensus c = counted.get_future().get();
    return c.free + c.used == c.total && c.held == c.used && c.distinct == c.held && (!over || c.used == 0);
  }

  static bool ended(Collector& collector) {
    collector.finished.get_future().wait();
    bool good = collector.ends == 1 && collector.end.empty();
    for (size_t i = 0; i < collector.results.size(); ++i) {
      good &= collector.results[i].size() + collector.failures[i].size() == 1;
      for (const std::string& said : collector.failures[i]) good &= said.starts_with("OUT_OF_MEMORY request ");
    }
    return good;
  }

  Engine& engine_;
  std::mt19937_64 random_;
  uint64_t nextId_;
  std::vector<Live> live_;
  bool sound_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  const check::Soak soak(argc, argv, 150);
  std::unique_ptr<Engine> engine;
  bool late = false;
  for (uint64_t i = soak.first; i < soak.first + soak.count; ++i) {
    soak.at(i, 50);
    if (!engine || i % runsAnEngine == 0) {
      EngineOptions tight = options(1 + static_cast<int>(soak.seedOf(i) % 3));
      tight.cacheLimit = 20'000 + soak.seedOf(i) % 100'000;
      if (soak.seedOf(i) % 2 == 0) tight.nearBytes = 1;
      late = !late;
      engine = late ? std::make_unique<Engine>(std::make_unique<LateBackend>(tight), tight.prefillRows) : std::make_unique<Engine>(tight);
    }
    CHECK_CASE(Life(*engine, soak.seedOf(i), 4 * i).live(), "run " + std::to_string(i));
  }
  return checks();
}
