// A given output fed as if it had been generated: the log-likelihoods of its tokens, and everything else that a run leaves
// behind, against the run that generated them. Likelihoods are worked out here from the logits that generation drew from.
#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include "check.h"
#include "engine_world.h"

using namespace pathpress;

namespace {

struct Heard : Collector {
  using Collector::Collector;
  void logits(size_t request, std::span<const float> row) override { rows[request].emplace_back(row.begin(), row.end()); }
  std::vector<std::vector<std::vector<float>>> rows = std::vector<std::vector<std::vector<float>>>(results.size());
};

// Every policy of the registry, some in several settings. What the oracle looks at is another thing where the text is
// given: it has a test of its own.
std::vector<Request> runs(int64_t maxTokens) {
  std::vector<Request> all;
  const auto add = [&](PolicyOptions policy) {
    Request one = request(static_cast<int>(all.size()), maxTokens);
    while (one.promptIds.size() < 20) one.promptIds.push_back(static_cast<int32_t>(one.promptIds.size() * 11 % 64));
    one.policy = std::move(policy);
    one.trace = true;
    all.push_back(std::move(one));
  };
  for (const PolicyRow& row : policyRows()) {
    if (row.name == "lookahead") continue;
    add({.name = std::string(row.name), .interval = 8, .window = 4, .budget = "cap", .keep = 24, .pinPrompt = false});
  }
  for (const char* name : {"rpc", "random", "recency", "rpc-shuffled", "rpc-inverted"}) {
    add({.name = name, .interval = 16, .window = 4, .ratio = 4});
  }
  add({.name = "rpc", .interval = 5, .window = 12, .selectors = "all"});
  add({.name = "rpc", .interval = 12, .window = 6, .aggregation = "head"});
  add({.name = "h2o", .interval = 16, .window = 4, .budget = "ratio", .aggregation = "layer", .recent = "window"});
  return all;
}

std::vector<Request> forcedBy(std::vector<Request> all, const Collector& generated) {
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].forced = generated.results[i][0].ids;
    all[i].maxTokens = std::ssize(all[i].forced);
  }
  return all;
}

// Naive, in long double: log softmax of the row at the id.
float expected(const std::vector<float>& row, int32_t id) {
  long double total = 0;
  for (const float logit : row) total += std::exp(static_cast<long double>(logit) - row[static_cast<size_t>(id)]);
  return static_cast<float>(-std::log(total));
}

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

EngineOptions chunked(int threads, int rows) {
  EngineOptions one = options(threads);
  one.prefillRows = rows;
  return one;
}

void asGenerated() {
  const auto all = runs(90);
  Engine engine(options(1));
  const auto generated = std::make_shared<Heard>(all.size());
  engine.start(1, all, 1, generated);
  generated->finished.get_future().wait();
  CHECK(oneResultEach(*generated));
  const auto forced = forcedBy(all, *generated);
  std::shared_ptr<Collector> first;
  for (const auto& [threads, rows, batch] : {std::array{1, 128, 1}, {2, 1, 1}, {1, 3, 4}, {3, 33, 40}}) {
    Engine other(chunked(threads, rows));
    const auto got = finish(other, 1, forced, static_cast<size_t>(batch));
    CHECK(oneResultEach(*got));
    for (size_t i = 0; i < all.size(); ++i) {
      const Result &own = got->results[i][0], &reference = generated->results[i][0];
      CHECK_CASE(sameResult(own, reference), all[i].policy.name);
      CHECK_CASE(own.logLikelihoods.size() == reference.ids.size(), all[i].policy.name);
      CHECK_CASE(!first || sameBits(own.logLikelihoods, first->results[i][0].logLikelihoods), all[i].policy.name);
      for (size_t t = 0; t < reference.ids.size(); ++t) {
        const float error = own.logLikelihoods[t] - expected(generated->rows[i][t], reference.ids[t]);
        CHECK_CASE(std::abs(error) <= 1e-6f, all[i].policy.name + ", token " + std::to_string(t + 1));
      }
    }
    if (!first) first = got;
  }
}

// Its cache taken away at random moments, a replay begins anew and says the same.
void preempted() {
  Engine quiet(options(1)), engine(chunked(2, 16));
  const auto all = forcedBy(runs(70), *finish(quiet, 1, runs(70), 1));
  const auto reference = finish(quiet, 2, all, 1);
  std::mt19937 random(4);
  for (uint64_t round = 0; round < 5; ++round) {
    const auto got = std::make_shared<Collector>(all.size());
    engine.start(round, all, all.size(), got);
    for (int i = 0; i < 40; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 400));
      engine.preempt(round, random() % all.size());
    }
    got->finished.get_future().wait();
    CHECK(oneResultEach(*got));
    for (size_t i = 0; i < all.size(); ++i) {
      const Result &own = got->results[i][0], &alone = reference->results[i][0];
      CHECK_CASE(sameResult(own, alone) && sameBits(own.logLikelihoods, alone.logLikelihoods), all[i].policy.name);
    }
  }
}

// The oracle sees the text that is given: at its first compression what the same text's generation with everything kept
// sees. Its likelihoods do not depend on how much of that is fed at once; where nothing leaves they are the full cache's.
void oracle() {
  Engine engine(options(2)), byOne(chunked(1, 1)), byFew(chunked(2, 7));
  for (const int64_t ahead : {1, 16, 40}) {
    std::vector<Request> all(3, request(6, 80));
    for (Request& one : all) one.policy = {.name = "lookahead", .interval = 16, .window = 4, .ahead = ahead}, one.trace = true;
    all[1].policy.name = "full";
    all[2].policy.ratio = 1;
    const auto generated = finish(engine, 1, all, 3);
    const std::vector<int32_t> text = generated->results[1][0].ids;
    for (Request& one : all) one.forced = text;
    const auto got = finish(engine, 2, all, 3), slow = finish(byOne, 1, all, 3), other = finish(byFew, 1, all, 1);
    const Result &own = got->results[0][0], &looked = generated->results[0][0];
    CHECK(own.ids == text && own.compressions.size() == 4 && own.trace.size() == 8);
    for (size_t layer = 0; layer < 2; ++layer) CHECK(own.trace[layer].positions == looked.trace[layer].positions);
    CHECK(sameBits(got->results[1][0].logLikelihoods, got->results[2][0].logLikelihoods));
    CHECK(!sameBits(got->results[1][0].logLikelihoods, own.logLikelihoods));
    for (size_t i = 0; i < 3; ++i) {
      for (const auto& elsewhere : {slow, other}) {
        const Result &a = got->results[i][0], &b = elsewhere->results[i][0];
        CHECK(sameResult(a, b) && sameBits(a.logLikelihoods, b.logLikelihoods));
      }
    }
  }
}

// Tokens that no sampling would give are fed all the same, and the cache is that of their text.
void unlikely() {
  Engine engine(options(2));
  Request one = request(0, 60);
  for (int t = 0; t < 60; ++t) one.forced.push_back(t * 29 % 64);
  const auto got = finish(engine, 1, {one}, 1);
  CHECK(oneResultEach(*got) && got->results[0][0].ids == one.forced);
  std::promise<std::vector<float>> logits;
  one.policy.name = "full";
  const auto full = finish(engine, 2, {one}, 1);
  std::vector<int32_t> text = one.promptIds;
  text.insert(text.end(), one.forced.begin(), one.forced.end());
  engine.logits(text, [&](std::vector<float>&& all, const std::string&, const std::string&) { logits.set_value(std::move(all)); });
  const std::vector<float> rows = logits.get_future().get();
  for (size_t t = 0; t < 60; ++t) {
    const auto at = rows.begin() + static_cast<int64_t>((one.promptIds.size() + t - 1) * 64);
    const float error = full->results[0][0].logLikelihoods[t] - expected({at, at + 64}, one.forced[t]);
    CHECK_CASE(std::abs(error) <= 1e-6f, std::to_string(t));
  }
}

void refused() {
  Engine engine(options(1));
  const auto said = [&](const Request& one) {
    return check::thrown([&] { engine.start(1, {one}, 1, std::make_shared<Collector>(1)); });
  };
  Request one = request(0, 2);
  one.forced = {3, 64};
  CHECK(said(one).starts_with("id 64 at index 1 of the output"));
  one.forced = {3, 4, 5};
  CHECK(said(one) == "an output of 3 ids is not maxTokens 2");
}

}  // namespace

int main() {
  asGenerated();
  preempted();
  oracle();
  unlikely();
  refused();
  return checks();
}
