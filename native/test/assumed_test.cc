// Sequences that begin in the middle (Request::assumed): the same tokens in any batch, compressions where they are due.
#include "../engine/errors.h"
#include "check.h"
#include "engine_world.h"

using namespace pathpress;

namespace {

Request assumed(int entries, int64_t written, const char* policy, int64_t maxTokens) {
  Request one = request(3, maxTokens);
  one.promptIds = {1};
  one.policy.name = policy;
  one.policy.aggregation = "layer";
  one.assumed = {entries, written};
  return one;
}

void sameTokensInAnyBatch(const char* cacheType) {
  EngineOptions two = options(2);
  two.cacheType = cacheType;
  Engine engine(two);
  std::vector<Request> all;
  for (const int entries : {1, 15, 16, 17, 70, 130}) all.push_back(assumed(entries, entries, "full", 9));
  const auto together = finish(engine, 1, all, all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    const auto alone = finish(engine, 2 + i, {all[i]}, 1);
    CHECK(alone->tokens[0] == together->tokens[i]);
    CHECK(together->tokens[i].size() == 9);
    // Every pass is a decode pass and writes one entry.
    CHECK(together->results[i][0].cache.finalEntries == all[i].assumed.entries + 9);
  }
}

// P = 16, R = 4, c = 4: the third compression is due at 52 written tokens, when two have left 1 + 8 + 4 entries.
void compressesWhereDue() {
  Engine engine(options(1));
  const auto run = finish(engine, 1, {assumed(13 + 16 - 3, 52 - 3, "rpc", 6)}, 1);
  const auto& compressions = run->results[0][0].compressions;
  CHECK(compressions.size() == 1);
  CHECK(compressions[0].generated == 52 && compressions[0].before == 29 && compressions[0].after == 17);
}

void refusesWhatCannotBe() {
  Engine engine(options(1));
  Request scored = assumed(9, 9, "rpc", 4);
  scored.scored = true;
  for (const Request& bad : {assumed(3, 1, "full", 4), assumed(-1, 1, "full", 4), assumed(9, 9, "h2o", 4),
                             assumed(9, 9, "quest", 4), assumed(9, 9, "adaptive", 4), scored}) {
    std::string code;
    try {
      engine.start(1, {bad}, 1, std::make_shared<Collector>(1));
    } catch (const EngineError& error) {
      code = error.code;
    }
    CHECK(code == "BAD_OPTION");
  }
}

}  // namespace

int main() {
  for (const char* cacheType : {"f32", "int8", "int4"}) sameTokensInAnyBatch(cacheType);
  compressesWhereDue();
  refusesWhatCannotBe();
  return checks();
}
