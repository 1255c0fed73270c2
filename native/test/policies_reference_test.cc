// The preset `reference` keeps what the authors' own code kept, wherever its scores separate. The fixture and the
// script that ran their code: data/fixtures/rpc-reference.
#include <map>

#include "check.h"
#include "fixture.h"
#include "policies_world.h"

using namespace pathpress;
using fixture::count;
using fixture::element;
using fixture::field;
using fixture::number;

namespace {

constexpr double kSeparate = 1e-6;

std::map<std::string, int> compared;
int setsCompared = 0, setsLeftOut = 0;

void run(const JsonValue& c) {
  const std::string& aggregation = *field(c, "aggregation").string();
  const auto policy = makePolicy({.name = "rpc",
                                  .interval = count(c, "P"),
                                  .window = count(c, "R"),
                                  .ratio = number(field(c, "c")),
                                  .preset = "reference",
                                  .kernel = count(c, "kernel"),
                                  .pooling = *field(c, "pooling").string(),
                                  .aggregation = aggregation});
  const JsonArray& cycles = *field(c, "cycles").array();
  const int64_t prompt = count(c, "prompt"), window = count(c, "R"), last = count(cycles.back(), "written");
  const auto seed = static_cast<uint32_t>(count(c, "seed"));
  const auto scale = static_cast<float>(number(field(c, "scale")));
  World world(count(c, "heads"), count(c, "kvHeads"), count(c, "dim"), prompt, prompt + last,
              [&](int tensor, int64_t h, int64_t p, int64_t j) { return element(seed, tensor, h, p, j) * scale; });
  world.open(policy->recipe().sets);

  bool separate = true;
  for (const JsonValue& cycle : cycles) {
    const std::string where = "case of seed " + std::to_string(seed) + " at " + std::to_string(count(cycle, "written"));
    do world.write();
    while (!policy->due(world.progress) && world.progress.written < last);
    if (!CHECK_CASE(world.progress.written == count(cycle, "written"), where)) return;
    const auto ours = world.compressed(*policy);
    const JsonArray& sets = *field(cycle, "sets").array();
    if (!CHECK_CASE(sets.size() == ours.size(), where)) return;
    std::vector<std::vector<int32_t>> theirs;
    for (size_t s = 0; s < sets.size(); ++s) {
      auto& positions = theirs.emplace_back(world.held[s].begin(), world.held[s].begin() + prompt);
      for (const JsonValue& p : *field(sets[s], "kept").array()) positions.push_back(static_cast<int32_t>(number(p)));
      positions.insert(positions.end(), world.held[s].end() - window, world.held[s].end());
      if (number(field(sets[s], "gap")) < kSeparate) {
        ++setsLeftOut;
        separate = false;
        CHECK_CASE(ours[s].size() == positions.size(), where);
      } else {
        ++setsCompared;
        CHECK_CASE(ours[s] == positions, where + ", set " + std::to_string(s));
      }
    }
    world.settle(std::move(theirs));  // go on from what they hold, also where a tie was broken otherwise
  }
  compared[aggregation] += separate;
}

}  // namespace

int main() {
  const JsonValue cases = fixture::read("../data/fixtures/rpc-reference/cases.json");
  for (const JsonValue& c : *cases.array()) run(c);
  int whole = 0;
  for (const auto& [aggregation, n] : compared) {
    std::printf("%s: %d cases compared whole\n", aggregation.c_str(), n);
    CHECK(n >= 5);
    whole += n;
  }
  std::printf("%d sets compared, %d left out (scores nearer than %g)\n", setsCompared, setsLeftOut, kSeparate);
  CHECK(whole >= 50);
  return checks();
}
