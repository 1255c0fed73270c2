// The rivals keep what their own published code kept, wherever its scores separate. The fixture and the scripts that
// ran their code: data/fixtures/peers. What differs is stated in one place, AsTheirs, and in what Tally::edges counts.
#include <map>

#include "../engine/page_bounds.h"
#include "check.h"
#include "fixture.h"
#include "policies_world.h"

using namespace pathpress;
using fixture::count;
using fixture::field;
using fixture::number;

namespace {

constexpr double kSeparate = 1e-6;

// Ours with three differences taken out. torch's average pooling divides by the kernel where it reaches past an end.
// The softmax of SnapKV during decoding runs over the candidates alone in VaSE's code, not over the whole row. Random
// Attention's engine always leaves a place to chance: where prompt and window fill the cap, the prompt's last token
// stands with the candidates.
struct AsTheirs : Policy {
  AsTheirs(const Policy& ours, const std::string& rival, const std::string& source)
      : ours(ours), how(ours.recipe()), leavesAPlace(source == "Random-Attention/engine") {
    how.paddingCounts = true;
    if (rival == "snapkv-decode") how.softmax = Domain::slice;
  }
  bool due(const Progress& p) const override { return ours.due(p); }
  Keep keep(const Progress& p) const override {
    Keep k = ours.keep(p);
    if (leavesAPlace && k.scored == 0) --k.pinned, ++k.scored;
    return k;
  }
  Recipe recipe() const override { return how; }
  void admit(int64_t prompt) const override { ours.admit(prompt); }

  const Policy& ours;
  Recipe how;
  bool leavesAPlace;
};

struct Tally {
  int sets = 0, leftOut = 0, edges = 0;
};
std::map<std::string, Tally> tallies;

PolicyOptions optionsOf(const JsonValue& c) {
  PolicyOptions o{.name = *field(c, "rival").string(), .interval = 1};
  const JsonValue& given = field(c, "options");
  const auto setCount = [&](const char* name, int64_t& to) {
    if (fixture::find(given, name)) to = count(given, name);
  };
  o.budget = "cap";
  if (const auto* pin = fixture::find(given, "pinPrompt")) o.pinPrompt = std::get<bool>(pin->value);
  setCount("keep", o.keep);
  setCount("interval", o.interval);
  setCount("window", o.window);
  setCount("kernel", o.kernel);
  setCount("sinks", o.sinks);
  if (const auto* pooling = fixture::find(given, "pooling")) o.pooling = *pooling->string();
  if (const auto* aggregation = fixture::find(given, "aggregation")) o.aggregation = *aggregation->string();
  if (const auto* granularity = fixture::find(given, "granularity")) o.granularity = *granularity->string();
  if (const auto* draw = fixture::find(given, "draw")) o.draw = *draw->string();
  if (const auto* floor = fixture::find(given, "floor")) o.floor = number(*floor);
  if (const auto* lambda = fixture::find(given, "lambda")) o.lambda = number(*lambda);
  return o;
}

World worldOf(const JsonValue& c) {
  const int64_t prompt = count(c, "prompt");
  const auto seed = static_cast<uint32_t>(count(c, "seed"));
  const auto scale = static_cast<float>(number(field(c, "scale")));
  return World(count(c, "heads"), count(c, "kvHeads"), count(c, "dim"), prompt, prompt + count(c, "generated"),
               [&](int tensor, int64_t h, int64_t p, int64_t j) {
                 return fixture::element(seed, tensor, h, p, j) * (tensor == 2 ? 1.0f : scale);
               });
}

std::vector<int32_t> listed(const JsonValue& set) {
  std::vector<int32_t> positions;
  for (const JsonValue& p : *field(set, "kept").array()) positions.push_back(static_cast<int32_t>(number(p)));
  return positions;
}

// As shipped, pooling leaves padding out: only an entry so near an end of the candidates that the kernel reaches past it
// may stay in place of another.
bool nearEnds(const std::vector<int32_t>& held, const Keep& keep, int64_t kernel, const std::vector<int32_t>& ours,
              const std::vector<int32_t>& theirs) {
  std::vector<int32_t> gained;
  std::ranges::set_difference(ours, theirs, std::back_inserter(gained));
  return std::ranges::all_of(gained, [&](int32_t p) {
    const int64_t at = std::ranges::lower_bound(held, p) - held.begin() - keep.pinned;
    const int64_t last = std::ssize(held) - keep.recent - keep.pinned - 1;
    return at < kernel / 2 || last - at < kernel / 2;
  });
}

void evictions(const JsonValue& c, const std::string& where) {
  const PolicyOptions options = optionsOf(c);
  const auto policy = makePolicy(options);
  const std::string& source = *field(c, "source").string();
  const AsTheirs adjusted(*policy, options.name, source);
  World world = worldOf(c);
  world.prefill(*policy);
  Tally& tally = tallies[source + " " + options.name];
  for (const JsonValue& eviction : *field(c, "evictions").array()) {
    const std::string at = where + " at " + std::to_string(count(eviction, "written"));
    while (!policy->due(world.progress) && world.progress.written < count(c, "generated")) world.write();
    if (!CHECK_CASE(world.progress.written == count(eviction, "written"), at)) return;
    const auto same = world.compressed(adjusted), shipped = world.compressed(*policy);
    const JsonArray& sets = *field(eviction, "sets").array();
    if (!CHECK_CASE(sets.size() == same.size(), at)) return;
    std::vector<std::vector<int32_t>> theirs;
    for (size_t s = 0; s < sets.size(); ++s) {
      theirs.push_back(listed(sets[s]));
      const bool clear = number(field(sets[s], "gap")) >= kSeparate;
      ++(clear ? tally.sets : tally.leftOut);
      if (clear) CHECK_CASE(same[s] == theirs[s], at + ", set " + std::to_string(s));
      else if (!policy->recipe().sharedOut) CHECK_CASE(same[s].size() == theirs[s].size(), at);
      if (!clear || shipped[s] == theirs[s]) continue;
      ++tally.edges;
      // Another softmax moves all scores. What heads share out, one head's edge decides for all.
      if (options.name == "snapkv-decode" || policy->recipe().sharedOut) continue;
      const Keep keep = policy->keep(world.progress);
      if (options.name == "random") {
        CHECK_CASE(keep.scored == 0, at + ", as shipped");  // only where prompt and window fill the cap
        continue;
      }
      CHECK_CASE(nearEnds(world.held[s], keep, options.kernel, shipped[s], theirs[s]), at + ", as shipped");
    }
    world.settle(std::move(theirs));  // go on from what they hold, also where a tie was broken otherwise
  }
}

// Quest: theirs reads the pages with the highest bounds, `kept` from the highest to the lowest; ours reads the newest
// page whatever its bound, in place of the lowest.
void pages(const JsonValue& c, const std::string& where) {
  const World world = worldOf(c);
  const PageLayout layout{static_cast<int>(world.dim), DType::f32};
  const auto policy = makePolicy({.name = "quest", .keep = count(field(c, "options"), "keep")});
  BlockPool pool(layout.bytes(), size_t{1} << 24);
  SequenceCache cache(pool, {3, static_cast<int>(world.kvHeads), layout}, {});
  PageBounds bounds(policy->recipe(), world.prompt, cache.shape());
  PageScratch scratch;
  Tally& tally = tallies["Quest quest"];
  const auto append = [&](int64_t p) {
    cache.reserve(1);
    for (int h = 0; h < world.kvHeads; ++h) cache.write(2, h, 0, world.key(h, p), world.key(h, p));
    cache.commit(1, static_cast<int>(p));
  };
  for (int64_t p = 0; p < world.prompt; ++p) append(p);
  for (const JsonValue& pass : *field(c, "evictions").array()) {
    const int64_t at = world.prompt + count(pass, "written") - 1;
    append(at);
    const auto newest = static_cast<int32_t>(at / pageEntries);
    for (int h = 0; h < world.heads; ++h) {
      const JsonValue& set = (*field(pass, "sets").array())[static_cast<size_t>(h)];
      std::vector<int32_t> theirs = listed(set);
      if (number(field(set, "gap")) < kSeparate) {
        ++tally.leftOut;
        continue;
      }
      ++tally.sets;
      const auto ours = bounds.pages(cache, 2, h, static_cast<int>(at + 1), world.query(h, at), 1, scratch);
      if (std::ranges::find(theirs, newest) == theirs.end()) {
        theirs.back() = newest;
        ++tally.edges;
      }
      std::ranges::sort(theirs);
      CHECK_CASE(std::ranges::equal(ours, theirs), where + " at " + std::to_string(at) + ", head " + std::to_string(h));
    }
  }
}

}  // namespace

int main() {
  const JsonValue cases = fixture::read("../data/fixtures/peers/cases.json");
  for (const JsonValue& c : *cases.array()) {
    const std::string where = *field(c, "rival").string() + " of seed " + std::to_string(count(c, "seed"));
    if (*field(c, "rival").string() == "quest") pages(c, where);
    else evictions(c, where);
  }
  for (const auto& [name, tally] : tallies) {
    std::printf("%s: %d sets equal, %d left out (scores nearer than %g), %d otherwise as shipped\n", name.c_str(),
                tally.sets, tally.leftOut, kSeparate, tally.edges);
    CHECK(tally.sets >= 12);
  }
  CHECK(tallies.size() == 14);
  return checks();
}
