// Lanes that go on by themselves (Engine::goApart): each request has to the bit what it has alone, whoever ends, is
// stopped or loses its blocks meanwhile; lanes make many passes between two meetings, and a sequence keeps its lane.
#include <array>
#include <atomic>
#include <map>
#include <mutex>

#include "../engine/cpu_backend.h"
#include "check.h"
#include "engine_world.h"

using namespace pathpress;

namespace {

// Counts what its lanes do.
class CountingBackend final : public CpuBackend {
 public:
  using CpuBackend::CpuBackend;

  double peakBlocks(const Request& request, const Policy& policy) const override {
    return promised * CpuBackend::peakBlocks(request, policy);
  }
  void run(std::span<Fed> fed, int turn) override {
    together += 1;
    for (const Fed& one : fed) rows += one.rows;
    CpuBackend::run(fed, turn);
  }
  bool runApart(std::span<Fed> fed, const AfterPass& after) override {
    const bool parted = CpuBackend::runApart(fed, [&](const LanePass& pass) {
      passes[static_cast<size_t>(pass.lane)] += 1;
      {
        std::lock_guard lock(mutex_);
        for (const Fed* const one : pass.fed) {
          rows += one->rows;
          const auto [at, first] = lanes_.emplace(one->sequence, pass.lane);
          moves += !first && at->second != pass.lane;
          at->second = pass.lane;
        }
      }
      return after(pass);
    });
    meetings += parted;
    return parted;
  }

  std::array<std::atomic<int>, 4> passes = {};
  int together = 0, meetings = 0, moves = 0;
  int64_t rows = 0;
  double promised = 1;  // share of a request's peak that admission is told: below 1 the pool runs out

 private:
  std::mutex mutex_;
  std::map<const Sequence*, int> lanes_;
};

std::shared_ptr<Collector> alone(const std::vector<Request>& all) {
  Engine engine(options(1));
  return finish(engine, 1, all, 1);
}

void check(const Collector& got, const Collector& want, const std::string& how) {
  CHECK_CASE(oneResultEach(got), how);
  for (size_t i = 0; i < got.results.size(); ++i) {
    const bool same = sameResult(got.results[i].at(0), want.results[i].at(0)) && got.tokens[i] == want.tokens[i];
    CHECK_CASE(same, how + ", request " + std::to_string(i));
  }
}

// With room for all: hardly a step runs together, and between two meetings a lane makes dozens of passes.
void roomy(int threads) {
  const std::vector<Request> all = requests(24, 300);
  EngineOn<CountingBackend> parted(options(threads));
  check(*finish(parted.engine, 1, all, 12), *alone(all), std::to_string(threads) + " threads");
  const CountingBackend& counted = parted.backend;
  int passes = 0, busy = 0;
  for (const auto& lane : counted.passes) passes += lane, busy += lane > 0;
  CHECK(busy == threads);
  CHECK(passes > 10 * counted.meetings);
  CHECK(counted.moves <= static_cast<int>(all.size()));  // each time a lane had two more
  CHECK(allFree(parted.engine));
}

// A pool that does not hold what was admitted: lanes meet, somebody gives way, and goes on later.
void crowded() {
  const std::vector<Request> all = requests(16, 160);
  EngineOptions few = options(2);
  few.cacheLimit = 120 << 10;
  EngineOn<CountingBackend> parted(few);
  parted.backend.promised = 0.3;
  const auto got = finish(parted.engine, 1, all, 16);
  check(*got, *alone(all), "few blocks");
  int64_t rows = 0;
  for (const auto& results : got->results) rows += results[0].promptTokens + std::ssize(results[0].ids) - 1;
  CHECK(parted.backend.meetings > 0 && parted.backend.rows > rows);  // some were computed anew
  CHECK(allFree(parted.engine));
}

// Ends requests by commands from outside while lanes run: what they have is a beginning of what they would have had.
void stopped() {
  const std::vector<Request> all = requests(8, 2000);
  const auto want = alone(all);
  EngineOn<CountingBackend> parted(options(2));
  struct Stopper : Collector {
    Stopper(Engine& of, size_t count) : Collector(count), engine(of) {}
    void token(size_t request, int32_t id) override {
      Collector::token(request, id);
      if (tokens[request].size() == 40 + 13 * request) engine.stop(1, request, Finish::aborted);
    }
    Engine& engine;
  };
  const auto got = std::make_shared<Stopper>(parted.engine, all.size());
  parted.engine.start(1, all, all.size(), got);
  got->finished.get_future().wait();
  CHECK(oneResultEach(*got));
  for (size_t i = 0; i < all.size(); ++i) {
    const std::vector<int32_t> &ours = got->results[i].at(0).ids, &theirs = want->results[i].at(0).ids;
    CHECK(got->results[i].at(0).finish == Finish::aborted && ours.size() < 2000);
    CHECK(ours == got->tokens[i] && std::equal(ours.begin(), ours.end(), theirs.begin()));
  }
  CHECK(allFree(parted.engine));
}

// Prompts that are each a whole chunk: while some of them wait for rows, lanes make one pass at a time.
void queued() {
  std::vector<Request> all = requests(12, 200);
  for (Request& one : all) one.promptIds.assign(8, 5);
  EngineOptions narrow = options(2);
  narrow.prefillRows = 8;
  struct Watching : Collector {
    using Collector::Collector;
    void token(size_t request, int32_t id) override {
      Collector::token(request, id);
      if (request == 0) ++ofFirst;
      if (request == 11 && tokens[request].size() == 1) before = ofFirst;
    }
    std::atomic<int> ofFirst = 0;
    int before = -1;  // tokens that the first had when the last got its first
  };
  EngineOn<CountingBackend> parted(narrow);
  const auto got = std::make_shared<Watching>(all.size());
  parted.engine.start(1, all, all.size(), got);
  got->finished.get_future().wait();
  check(*got, *alone(all), "queued");
  CHECK(got->before >= 0 && got->before < 100);  // a step a prompt, and 64 passes beside the last
  CHECK(parted.backend.meetings > 0);
}

// Of which each token waits for an answer: their lanes meet after each.
void together() {
  std::vector<Request> all = requests(8, 20);
  for (Request& one : all) one.lockstep = true;
  const auto want = alone(requests(8, 20));
  EngineOn<CountingBackend> parted(options(2));
  struct Answering : Collector {
    Answering(Engine& of, size_t count) : Collector(count), engine(of) {}
    void token(size_t request, int32_t id) override {
      Collector::token(request, id);
      engine.acknowledge(1, request);
    }
    Engine& engine;
  };
  const auto got = std::make_shared<Answering>(parted.engine, all.size());
  parted.engine.start(1, all, all.size(), got);
  got->finished.get_future().wait();
  check(*got, *want, "lockstep");
  CHECK(parted.backend.meetings == 0 && parted.backend.together >= 20);
}

}  // namespace

int main() {
  for (const int threads : {2, 3, 4}) roomy(threads);
  crowded();
  stopped();
  queued();
  together();
  return checks();
}
