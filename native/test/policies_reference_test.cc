// The preset `reference` keeps what the authors' own code kept, wherever its scores separate. The fixture and the
// script that ran their code: data/fixtures/rpc-reference.
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "../engine/json.h"
#include "check.h"
#include "policies_world.h"

using namespace pathpress;

namespace {

const JsonValue& field(const JsonValue& object, const std::string& name) {
  for (const auto& [key, value] : *object.object())
    if (key == name) return value;
  throw std::runtime_error("fixture lacks " + name);
}

double number(const JsonValue& value) { return std::strtod(std::get<JsonNumber>(value.value).text.c_str(), nullptr); }
int64_t count(const JsonValue& object, const std::string& name) {
  return static_cast<int64_t>(number(field(object, name)));
}

uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ (x >> 16);
}

// `element` of the fixture's script.
float element(uint32_t seed, int tensor, int64_t head, int64_t position, int64_t channel) {
  uint32_t x = mix(seed);
  for (const int64_t word : {int64_t{tensor}, head, position, channel})
    x = mix((x ^ static_cast<uint32_t>(word)) * 0x9e3779b1u);
  return static_cast<float>((x >> 8) * 0x1p-23 - 1.0);
}

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
  std::ifstream file("../data/fixtures/rpc-reference/cases.json");
  std::stringstream text;
  text << file.rdbuf();
  const JsonValue cases = parseJson(text.str());
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
