// The engine one step behind a backend that runs ahead: whoever ends, joins or loses its blocks meanwhile, each request has
// to the bit what it has in step; and those whose next pass waits for a token are never run ahead.
#include <random>
#include <thread>

#include "check.h"
#include "engine_world.h"
#include "late_backend.h"

using namespace pathpress;

namespace {

// A request of every policy, and of every other one two more; compressed often.
std::vector<Request> everyPolicy(int64_t maxTokens) {
  std::vector<Request> all;
  for (const PolicyRow& row : policyRows()) {
    for (int copy = all.size() % 2 ? 1 : 3; copy > 0; --copy) {
      Request one = request(static_cast<int>(all.size()), maxTokens);
      while (one.promptIds.size() < 40) one.promptIds.push_back(static_cast<int32_t>(one.promptIds.size() * 11 % 64));
      one.policy = {.name = std::string(row.name), .interval = 8, .window = 4, .budget = "cap", .keep = 24};
      one.policy.pinPrompt = false;
      one.trace = true;
      all.push_back(one);
    }
  }
  return all;
}

// Ends each request by a stop id, if its output has one that its earlier tokens are not, at steps of all remainders.
size_t stopSomewhere(std::vector<Request>& requests, const Collector& unstopped) {
  size_t stopped = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::vector<int32_t>& ids = unstopped.results[i].at(0).ids;
    for (size_t at = 3 + i * 5 % 37; at < ids.size(); ++at) {
      const auto before = ids.begin() + static_cast<int64_t>(at);
      if (std::find(ids.begin(), before, ids[at]) != before) continue;
      requests[i].stopIds = {ids[at]};
      ++stopped;
      break;
    }
  }
  return stopped;
}

void check(const Collector& got, const Collector& want, const std::vector<Request>& requests, const std::string& how) {
  CHECK_CASE(oneResultEach(got), how);
  for (size_t i = 0; i < requests.size(); ++i) {
    const Result &ours = got.results[i].at(0), &theirs = want.results[i].at(0);
    CHECK_CASE(sameResult(ours, theirs) && got.tokens[i] == ours.ids, how + ", " + requests[i].policy.name);
  }
}

void sameAsInStep() {
  std::vector<Request> all = everyPolicy(60);
  Engine inStep(options(1));
  const size_t stopped = stopSomewhere(all, *finish(inStep, 1, all, 1));
  CHECK_CASE(2 * stopped > all.size(), std::to_string(stopped));
  const auto want = finish(inStep, 2, all, 1);
  EngineOptions tight = options(2);
  tight.cacheLimit = 70'000;
  tight.prefillRows = 7;
  EngineOn<LateBackend> alone(options(1)), together(options(2)), crowded(tight);
  check(*finish(alone.engine, 1, all, 1), *want, all, "alone");
  check(*finish(together.engine, 1, all, 7), *want, all, "together");
  check(*finish(crowded.engine, 1, all, 7), *want, all, "crowded");
  for (EngineOn<LateBackend>* const late : {&alone, &together, &crowded}) CHECK(allFree(late->engine));
  CHECK(alone.backend.behind > alone.backend.taken / 2 && crowded.backend.behind > 0);
}

// Blocks are taken away at any moment. A step in which anybody's tokens are waited for is in step for all: not here.
void preempted() {
  std::vector<Request> all = everyPolicy(60);
  std::erase_if(all, [](const Request& r) { return r.policy.name == "adaptive" || r.policy.name == "lookahead"; });
  Engine inStep(options(1));
  const auto want = finish(inStep, 1, all, 1);
  EngineOn<LateBackend> late(options(1));
  std::mt19937 random(10);
  for (uint64_t round = 0; round < 5; ++round) {
    const auto got = std::make_shared<Collector>(all.size());
    late.engine.start(round, all, 2, got);
    for (size_t i = 0; i < all.size(); ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 800));
      late.engine.preempt(round, i);
    }
    got->finished.get_future().wait();
    check(*got, *want, all, "preempted");
  }
  CHECK(late.backend.behind > late.backend.taken / 2);

  EngineOptions tight = options(1);
  tight.cacheLimit = 40'000;
  EngineOn<LateBackend> crowded(tight);
  crowded.backend.promised = 0.1;
  check(*finish(crowded.engine, 1, all, 5), *want, all, "crowded out");
  CHECK(crowded.backend.behind > crowded.backend.taken / 4 && allFree(crowded.engine));
}

// Whoever is stopped from outside has heard of every token that it was fed, and of one more.
void stopped() {
  EngineOn<LateBackend> late(options(1));
  Request endless = request(3, 1'000'000);
  endless.policy.name = "full";
  endless.tokens = true;
  std::mt19937 random(11);
  for (uint64_t round = 0; round < 30; ++round) {
    const auto got = std::make_shared<Collector>(2);
    late.engine.start(round, {endless, endless}, 2, got);
    std::this_thread::sleep_for(std::chrono::microseconds(200 + random() % 800));
    late.engine.stop(round, 0, Finish::stop);
    late.engine.abort(round);
    got->finished.get_future().wait();
    for (const size_t i : {0, 1}) {
      if (!CHECK(got->results[i].size() == 1)) continue;
      const Result& result = got->results[i][0];
      if (result.ids.empty()) continue;
      const auto entries = static_cast<double>(endless.promptIds.size() + result.ids.size() - 1);
      CHECK(result.cache.finalEntries == entries && got->tokens[i] == result.ids);
    }
  }
  CHECK(late.backend.behind > 100 && allFree(late.engine));
}

// A row too many is one that an output needs which goes on: no output has more rows than its length says, and where the
// pool has no room for it, what has ended ends well.
void noMoreRoomThanInStep() {
  Request one = request(3, 29);  // its 32nd entry and last is a block's last
  one.policy.name = "full";
  Engine inStep(options(1));
  const Result whole = finish(inStep, 1, {one}, 1)->results[0].at(0);
  CHECK(whole.cache.finalEntries == 32);
  EngineOptions exact = options(1);
  exact.cacheLimit = static_cast<size_t>(whole.cache.peakBytes);
  EngineOn<LateBackend> full(exact), roomy(options(1));
  const auto finishes = [&](EngineOn<LateBackend>& late, size_t tokens, int64_t rows) {
    const Result want = finish(inStep, 2, {one}, 1)->results[0].at(0);
    late.backend.rows = 0;
    const auto got = finish(late.engine, 2, {one}, 1);
    CHECK(want.ids.size() == tokens && got->results[0].size() == 1 && sameResult(got->results[0][0], want));
    CHECK_CASE(late.backend.rows == rows, std::to_string(late.backend.rows));
  };
  finishes(full, 29, 32);
  finishes(roomy, 29, 32);
  one.maxTokens = 1000;
  one.stopIds = {whole.ids[10]};
  const auto before = std::ranges::find(whole.ids, whole.ids[10]) - whole.ids.begin();
  finishes(full, static_cast<size_t>(before), 4 + before + 1);  // with the row too many
  one.stopIds = {whole.ids[28]};
  finishes(full, 28, 32);  // there is no block for one
  finishes(roomy, 28, 33);
}

// Whose tokens are taken before the next pass begins.
void whoIsInStep() {
  const auto behind = [](const std::string& policy, const std::function<void(Request&)>& change) {
    EngineOn<LateBackend> late(options(1));
    Request one = request(1, 30);
    one.policy = {.name = policy, .interval = 8, .window = 4, .budget = "cap", .keep = 24};
    one.policy.pinPrompt = false;
    change(one);
    const auto collector = finish(late.engine, 1, {one}, 1);
    CHECK(collector->results[0].size() == 1 && late.backend.taken >= 3);
    return late.backend.behind;
  };
  const auto asItIs = [](Request&) {};
  for (const char* const name : {"full", "rpc", "h2o", "quest", "adakv", "raas"}) CHECK_CASE(behind(name, asItIs) >= 25, name);
  for (const char* const name : {"adaptive", "lookahead"}) CHECK_CASE(behind(name, asItIs) == 0, name);
  CHECK(behind("rpc", [](Request& r) {
    for (int i = 0; i < 30; ++i) r.forced.push_back(i);
  }) == 0);
}

struct Waiting : Collector {
  explicit Waiting(Engine& engine) : Collector(1), engine_(engine) {}
  void token(size_t request, int32_t id) override {
    Collector::token(request, id);
    engine_.acknowledge(1, request);
  }

 private:
  Engine& engine_;
};

// Who hears of each token first: none is drawn beyond the one at which it is stopped.
void lockstep() {
  EngineOn<LateBackend> late(options(1));
  Request one = request(1, 30);
  one.lockstep = true;
  const auto collector = std::make_shared<Waiting>(late.engine);
  late.engine.start(1, {one}, 1, collector);
  collector->finished.get_future().wait();
  CHECK(collector->tokens[0].size() == 30 && late.backend.behind == 0 && late.backend.taken >= 30);
}

}  // namespace

int main() {
  sameAsInStep();
  preempted();
  stopped();
  noMoreRoomThanInStep();
  whoIsInStep();
  lockstep();
  return checks();
}
