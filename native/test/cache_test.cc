// Block accounting under random admission, growth, compaction, exhaustion, preemption and release: no block is lost, none
// is owned twice, and what a head holds is what was written. Arguments: check.h.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "../engine/errors.h"
#include "../engine/sequence_cache.h"
#include "check.h"

using namespace pathpress;

namespace {

constexpr int layers = 2, kvHeads = 2, dim = 3;
const PageLayout layout{dim, DType::f32};
std::mt19937_64 generator;

int below(int limit) { return static_cast<int>(generator() % static_cast<unsigned>(limit)); }

// What a sequence should hold: the key that each head's entries begin with.
struct Shadow {
  std::unique_ptr<SequenceCache> cache;
  std::vector<std::vector<float>> first = std::vector<std::vector<float>>(layers * kvHeads);
  int position = 0;
  float next = 0;
};

// Returns false where the pool has no room; the cache is then as it was.
bool append(Shadow& shadow, int count) {
  try {
    shadow.cache->reserve(count);
  } catch (const EngineError&) {
    return false;
  }
  for (int layer = 0; layer < layers; ++layer) {
    for (int head = 0; head < kvHeads; ++head) {
      for (int i = 0; i < count; ++i) {
        const float key[dim] = {shadow.next, 1, 2}, value[dim] = {-shadow.next, 0, 0};
        shadow.cache->write(layer, head, i, key, value);
        shadow.first[static_cast<size_t>(layer * kvHeads + head)].push_back(shadow.next++);
      }
    }
  }
  shadow.cache->commit(count, shadow.position);
  shadow.position += count;
  return true;
}

// As a preempted sequence gives way: everything goes back, and it begins again.
void preempt(Shadow& shadow) {
  shadow.cache->clear();
  for (auto& first : shadow.first) first.clear();
  shadow.position = 0;
}

void compact(Shadow& shadow) {
  for (int layer = 0; layer < layers; ++layer) {
    for (int head = 0; head < kvHeads; ++head) {
      auto& first = shadow.first[static_cast<size_t>(layer * kvHeads + head)];
      std::vector<int32_t> kept;
      std::vector<float> left;
      for (size_t e = 0; e < first.size(); ++e) {
        if (below(3) == 0) continue;
        kept.push_back(static_cast<int32_t>(e));
        left.push_back(first[e]);
      }
      first = left;
      shadow.cache->compact(layer, head, kept);
      auto& positions = shadow.cache->positions(layer, head);
      for (size_t i = 0; i < kept.size(); ++i) positions[i] = positions[static_cast<size_t>(kept[i])];
      positions.resize(kept.size());
    }
  }
  shadow.cache->releaseTails();
}

bool holdsWhatWasWritten(const Shadow& shadow) {
  for (int layer = 0; layer < layers; ++layer) {
    for (int head = 0; head < kvHeads; ++head) {
      const auto& first = shadow.first[static_cast<size_t>(layer * kvHeads + head)];
      if (shadow.cache->head(layer, head).count != static_cast<int>(first.size())) return false;
      for (size_t e = 0; e < first.size(); ++e) {
        float key[dim];
        shadow.cache->readKey(layer, head, static_cast<int>(e), key);
        if (key[0] != first[e] || key[2] != 2) return false;
      }
    }
  }
  return true;
}

struct Held {
  bool balanced = true, unshared = true, intact = true, minimal = true;
  int refusals = 0;
};

void look(const BlockPool& pool, const std::vector<Shadow>& live, Held& so) {
  std::set<const std::byte*> owned;
  size_t held = 0;
  for (const Shadow& shadow : live) {
    size_t own = 0;
    for (int i = 0; i < layers * kvHeads; ++i) {
      const HeadCache& head = shadow.cache->head(i / kvHeads, i % kvHeads);
      own += head.blocks.size();
      owned.insert(head.blocks.begin(), head.blocks.end());
      so.minimal &= head.blocks.size() == static_cast<size_t>((head.count + pageEntries - 1) / pageEntries);
    }
    so.balanced &= own == shadow.cache->blocks();
    held += own;
  }
  so.balanced &= held == pool.used() && pool.free() + pool.used() == pool.total() && pool.total() <= pool.capacity();
  so.unshared &= owned.size() == held;
}

void randomLife(Held& so) {
  BlockPool pool(layout.bytes(), layout.bytes() * static_cast<size_t>(8 + below(120)));
  std::vector<Shadow> live;
  for (int step = 0; step < 100; ++step) {
    const int what = below(12);
    if (live.size() < 8 && (live.empty() || what == 0)) {
      live.emplace_back();
      live.back().cache = std::make_unique<SequenceCache>(pool, CacheShape{layers, kvHeads, layout},
                                                          CacheTracking{true, true, what % 2 == 0});
    }
    const auto at = static_cast<size_t>(below(static_cast<int>(live.size())));
    if (what == 1) live.erase(live.begin() + static_cast<int64_t>(at));
    else if (what == 2) compact(live[at]);
    else if (what == 3) preempt(live[at]);
    else if (!append(live[at], 1 + below(what < 6 ? 60 : 3))) ++so.refusals;
    look(pool, live, so);
    if (step % 20 == 0) {
      for (const Shadow& shadow : live) so.intact &= holdsWhatWasWritten(shadow);
    }
  }
  live.clear();
  so.balanced &= pool.used() == 0;
}

void randomLives(const check::Soak& soak) {
  int refusals = 0;
  for (uint64_t i = soak.first; i < soak.first + soak.count; ++i) {
    soak.at(i, 200);
    generator.seed(soak.seedOf(i));
    Held so;
    randomLife(so);
    CHECK_CASE(so.balanced && so.unshared && so.intact && so.minimal, "life " + std::to_string(i));
    refusals += so.refusals;
  }
  if (soak.count >= 100) CHECK(refusals > 0);
}

void limit() {
  BlockPool pool(layout.bytes(), 10 * layout.bytes());
  const size_t room = 10 * layout.bytes() / pool.blockBytes();
  SequenceCache cache(pool, {1, 1, layout}, {});
  cache.reserve(static_cast<int>(room) * pageEntries);
  std::string said;
  try {
    cache.reserve(static_cast<int>(room) * pageEntries + 1);
  } catch (const EngineError& error) {
    said = error.code + " " + error.what();
  }
  const std::string block = std::to_string(pool.blockBytes()), all = std::to_string(room * pool.blockBytes());
  CHECK_CASE(said.starts_with("OUT_OF_MEMORY KV cache: ") && said.find("need " + block + " bytes, at hand are 0 of " + all) !=
             std::string::npos, said);
  CHECK(pool.used() == room && cache.blocks() == room);
  cache.clear();
  CHECK(pool.used() == 0 && cache.blocks() == 0);
}

// A process may have some ten thousand mappings, and a cache of many gigabytes must not be made of as many.
void mappings() {
  const auto count = [] {
    std::ifstream maps("/proc/self/maps");
    int lines = 0;
    for (std::string line; std::getline(maps, line);) ++lines;
    return lines;
  };
  const int before = count();
  BlockPool pool(size_t{1} << 17, size_t{1} << 30);
  std::set<std::byte*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.insert(pool.take());
  CHECK(blocks.size() == 1000 && pool.used() == 1000);
  // 63 extents of 16 blocks that lie side by side. A sanitizer maps memory of its own meanwhile.
  CHECK_CASE(count() - before < 32, std::to_string(count() - before));
  for (std::byte* block : blocks) pool.give(block);
  CHECK(pool.used() == 0 && pool.free() == pool.total() && pool.total() < 1016);
}

// Heads that grow together, a page each in turn, as in decoding: each finds its pages in runs, what the pool holds beyond
// them is bounded, and where the limit is near every block is used.
void runs() {
  constexpr size_t block = 4096, heads = 90, pages = 100, slab = (size_t{1} << 21) / block;
  const auto grown = [](BlockPool& pool, size_t count, size_t most) {
    std::vector<std::vector<std::byte*>> all(count);
    for (size_t page = 0; page < most; ++page) {
      for (auto& head : all) head.push_back(pool.takeAfter(head.empty() ? nullptr : head.back()));
    }
    return all;
  };
  const auto adjacent = [](const std::vector<std::vector<std::byte*>>& all) {
    size_t pairs = 0, near = 0;
    for (const auto& head : all) {
      for (size_t i = 1; i < head.size(); ++i) ++pairs, near += head[i] == head[i - 1] + block;
    }
    return static_cast<double>(near) / static_cast<double>(pairs);
  };
  BlockPool pool(block, size_t{1} << 30);
  auto all = grown(pool, heads, pages);
  CHECK_CASE(adjacent(all) >= 0.85, std::to_string(adjacent(all)));
  CHECK_CASE(pool.total() <= 2 * pool.used() + 3 * slab, std::to_string(pool.total()));
  // A compression leaves each head its first pages; it grows again where it was.
  for (auto& head : all) {
    for (; head.size() > pages / 4; head.pop_back()) pool.give(head.back());
  }
  const size_t held = pool.total();
  for (size_t page = pages / 4; page < pages; ++page) {
    for (auto& head : all) head.push_back(pool.takeAfter(head.back()));
  }
  CHECK_CASE(adjacent(all) >= 0.8 && pool.total() <= held + slab, std::to_string(adjacent(all)));
  // What is free again serves a prompt of one sequence without a gap.
  for (auto& head : all) {
    for (std::byte* own : head) pool.give(own);
  }
  const auto prompt = grown(pool, 1, pages);
  CHECK_CASE(pool.used() == pages && adjacent(prompt) >= 0.95, std::to_string(adjacent(prompt)));
  BlockPool young(block, size_t{1} << 30);
  grown(young, 5000, 1);
  CHECK_CASE(young.used() == 5000 && young.total() <= 2 * young.used() + 3 * slab, std::to_string(young.total()));
  BlockPool narrow(block, heads * pages * block);
  const auto last = grown(narrow, heads, pages);
  std::set<std::byte*> distinct;
  for (const auto& head : last) distinct.insert(head.begin(), head.end());
  CHECK(distinct.size() == heads * pages && narrow.used() == narrow.capacity());
  // A slab need not end where a run does: what the pool grows by may be the rest of one that is in use.
  for (const size_t odd : {size_t{2432}, size_t{1} << 20, size_t{1} << 21}) {
    const size_t least = std::max<size_t>(1, (size_t{1} << 21) / odd);
    for (size_t more = 0; more < 10; ++more) {
      BlockPool uneven(odd, (least + more) * odd);
      size_t taken = 0;
      try {
        for (std::byte* last = nullptr; taken < least + more; ++taken) last = taken % 3 ? uneven.takeAfter(last) : uneven.take();
      } catch (const EngineError&) {
      }
      CHECK_CASE(taken == least + more, std::to_string(odd) + " bytes, " + std::to_string(more) + " beyond a slab");
    }
  }
  std::string said;
  try {
    narrow.takeAfter(last[0].back());
  } catch (const EngineError& error) {
    said = error.code;
  }
  CHECK(said == "OUT_OF_MEMORY");
}

void rounding() {
  CHECK(floatToBf16(1.0f) == 0x3F80);
  CHECK(floatToBf16(__builtin_bit_cast(float, 0x3F808000u)) == 0x3F80);  // halfway, to even: down
  CHECK(floatToBf16(__builtin_bit_cast(float, 0x3F818000u)) == 0x3F82);  // halfway, to even: up
  CHECK(floatToBf16(__builtin_bit_cast(float, 0x3F808001u)) == 0x3F81);
  bool exact = true, between = true;
  for (uint32_t half = 0; half < 0x7C00u; ++half) {
    const float value = f16ToFloat(static_cast<uint16_t>(half)), next = f16ToFloat(static_cast<uint16_t>(half + 1));
    exact &= floatToF16(value) == half && floatToF16(-value) == (half | 0x8000u);
    if (half == 0x7BFFu) break;  // the largest
    const float middle = value + (next - value) / 2;
    between &= floatToF16(middle) == half + (half & 1u);  // to even
    between &= floatToF16(std::nextafter(middle, 1e9f)) == half + 1 && floatToF16(std::nextafter(middle, 0.0f)) == half;
  }
  CHECK(exact && between);
  CHECK(floatToF16(65519.9f) == 0x7BFF && floatToF16(65520.0f) == 0x7C00 && floatToF16(1e30f) == 0x7C00);
  CHECK((floatToF16(__builtin_nanf("")) & 0x7FFFu) > 0x7C00u && roundTo(1.0f / 3, DType::f32) == 1.0f / 3);
  CHECK(f16ToFloat(0x3C00) == 1.0f && f16ToFloat(0xC000) == -2.0f && f16ToFloat(0x0001) == 0x1p-24f);
}

}  // namespace

int main(int argc, char** argv) {
  randomLives(check::Soak(argc, argv, 200));
  limit();
  mappings();
  runs();
  rounding();
  return checks();
}
