// Block accounting under random admission, growth, compaction and release: no block is lost, none is owned twice, and
// what a head holds is what was written.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <set>

#include "../engine/errors.h"
#include "../engine/sequence_cache.h"
#include "check.h"

using namespace pathpress;

namespace {

constexpr int layers = 2, kvHeads = 2, dim = 3;
const PageLayout layout{dim, DType::f32};
std::mt19937 generator(5);

int below(int limit) { return static_cast<int>(generator() % static_cast<unsigned>(limit)); }

// What a sequence should hold: the key that each head's entries begin with.
struct Shadow {
  std::unique_ptr<SequenceCache> cache;
  std::vector<std::vector<float>> first = std::vector<std::vector<float>>(layers * kvHeads);
  int position = 0;
  float next = 0;
};

void append(Shadow& shadow, int count) {
  shadow.cache->reserve(count);
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

void randomLife() {
  BlockPool pool(layout.bytes(), size_t{1} << 24);
  std::vector<Shadow> live;
  bool balanced = true, unshared = true, intact = true, minimal = true;
  for (int step = 0; step < 10000; ++step) {
    const int what = below(10);
    if (live.size() < 8 && (live.empty() || what == 0)) {
      live.emplace_back();
      live.back().cache = std::make_unique<SequenceCache>(pool, CacheShape{layers, kvHeads, layout},
                                                          CacheTracking{true, true, what % 2 == 0});
    }
    const auto at = static_cast<size_t>(below(static_cast<int>(live.size())));
    if (what == 1) live.erase(live.begin() + static_cast<int64_t>(at));
    else if (what == 2) compact(live[at]);
    else append(live[at], 1 + below(what == 3 ? 40 : 3));

    std::set<const std::byte*> owned;
    size_t held = 0;
    for (const Shadow& shadow : live) {
      size_t own = 0;
      for (int i = 0; i < layers * kvHeads; ++i) {
        const HeadCache& head = shadow.cache->head(i / kvHeads, i % kvHeads);
        own += head.blocks.size();
        owned.insert(head.blocks.begin(), head.blocks.end());
        minimal &= head.blocks.size() == static_cast<size_t>((head.count + pageEntries - 1) / pageEntries);
      }
      balanced &= own == shadow.cache->blocks();
      held += own;
    }
    balanced &= held == pool.used() && pool.free() + pool.used() == pool.total();
    unshared &= owned.size() == held;
    if (step % 50 == 0) {
      for (const Shadow& shadow : live) intact &= holdsWhatWasWritten(shadow);
    }
  }
  CHECK(balanced);
  CHECK(unshared);
  CHECK(intact);
  CHECK(minimal);
  live.clear();
  CHECK(pool.used() == 0);
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

int main() {
  randomLife();
  limit();
  rounding();
  return checks();
}
