// Sequences that are due together as the device holds them, and the same ones in the CPU's own terms: a World
// (../../test/policies_world.h) a layer, whose numbers are all of bfloat16.
#pragma once

#include <set>

#include "../../engine/query_rows.h"
#include "../../test/policies_world.h"
#include "../compress_plan.h"
#include "draw.h"
#include "world.h"

namespace pathpress::cuda {

struct Shape {
  int layers, kvHeads, group, dim;
  int heads() const { return kvHeads * group; }
};

// One sequence, all of its layers.
struct WorldSequence {
  std::vector<World> layers;

  // `sharp`: how far queries stand out, so that scores lie apart.
  WorldSequence(const Shape& shape, int prompt, int positions, uint64_t seed, float sharp = 4) {
    for (int layer = 0; layer < shape.layers; ++layer) {
      std::mt19937_64 random(seed * 1000 + static_cast<uint64_t>(layer));
      const auto element = [&](int tensor, int64_t, int64_t, int64_t) {
        const float value = static_cast<float>(static_cast<int64_t>(random() >> 40) - (1 << 23)) * 0x1p-23f;
        return bf16ToFloat(floatToBf16(tensor == 1 ? sharp * value : value));
      };
      layers.emplace_back(shape.heads(), shape.kvHeads, shape.dim, prompt, positions, element);
      layers.back().type = DType::bf16;
    }
  }

  void prefill(const Policy& policy) {
    for (World& world : layers) world.prefill(policy);
  }
  // Writes until `policy` is due.
  void untilDue(const Policy& policy) {
    while (!policy.due(layers[0].progress)) {
      for (World& world : layers) world.write();
    }
  }

  const Progress& progress() const { return layers[0].progress; }
  int length() const { return static_cast<int>(layers[0].held[0].size()); }
  // Positions of what a key-value head holds: where query heads keep sets of their own, those in any of its group's.
  std::vector<int32_t> heldBy(const Shape& shape, int layer, int kvHead) const {
    const std::vector<std::vector<int32_t>>& held = layers[static_cast<size_t>(layer)].held;
    if (held.size() == 1) return held[0];
    const size_t each = held.size() / static_cast<size_t>(shape.kvHeads), first = static_cast<size_t>(kvHead) * each;
    std::set<int32_t> all;
    for (size_t set = first; set < first + each; ++set) all.insert(held[set].begin(), held[set].end());
    return {all.begin(), all.end()};
  }
  int longest(const Shape& shape) const {
    size_t most = 0;
    for (int layer = 0; layer < shape.layers; ++layer) {
      for (int head = 0; head < shape.kvHeads; ++head) most = std::max(most, heldBy(shape, layer, head).size());
    }
    return static_cast<int>(most);
  }
  // The first entries of which some layer's or set's positions do not follow one another up to the last.
  int settled() const {
    int run = length();
    for (const World& world : layers) {
      for (const std::vector<int32_t>& held : world.held) {
        int own = 1;
        while (own < length() && held[held.size() - 1 - static_cast<size_t>(own)] == held.back() - own) ++own;
        run = std::min(run, own);
      }
    }
    return length() - run;
  }
};

// A device's caches with these sequences in them. Past each sequence's end lie finite numbers, and large ones.
class DeviceCaches {
 public:
  DeviceCaches(TestDevice& device, const Shape& shape, const Policy& policy,
               const std::vector<WorldSequence>& sequences)
      : shape_(shape), own_(policy.recipe().sets == Aggregation::head) {
    mostRows = static_cast<int>(policy.recipe().queries) + 3;
    cache.layers = shape.layers;
    cache.kvHeads = shape.kvHeads;
    cache.group = shape.group;
    cache.dim = shape.dim;
    cache.sets = static_cast<int>(sequences[0].layers[0].held.size());
    cache.slots = static_cast<int>(sequences.size()) + 1;  // the first is nobody's
    cache.pool = 1;
    cache.tableWidth = 0;
    std::vector<DueSequence> waiting;
    std::vector<int> lengths{0};
    for (size_t s = 0; s < sequences.size(); ++s) {
      const WorldSequence& one = sequences[s];
      lengths.push_back(one.length());
      cache.tableWidth = std::max(cache.tableWidth, pagesOf(one.longest(shape)));
      cache.pool += pagesOf(one.longest(shape));
      const Progress& progress = one.progress();
      if (policy.due(progress)) {
        waiting.push_back({static_cast<int>(s) + 1, one.length(), one.settled(), ringOf(policy.recipe(), one), progress,
                           policy.keep(progress), shape.kvHeads, one.longest(shape)});
      }
    }
    cache.capacity = cache.tableWidth * cachePageEntries;
    plan = planCompression(policy.recipe(), waiting);
    cache.dues = static_cast<int>(plan.due.size());
    cache.chunkCount = static_cast<int>(plan.chunks.size());
    cache.due = device.input("due", plan.due);
    cache.chunks = device.input("chunks", plan.chunks);
    cache.lengths = device.array("lengths", lengths);
    fill(device, sequences);
  }

  // Keys (tensor 0) or values (1) of an entry, as they lie there now.
  const Bf16* element(const std::vector<Bf16>& pages, int layer, int slot, int kvHead, int entry, int tensor,
                      int channel) const {
    const int number = table_[static_cast<size_t>(slot * cache.tableWidth + entry / cachePageEntries)];
    const int at = entry % cachePageEntries;
    return &pages[static_cast<size_t>(cache.page(layer, number, placeOf(kvHead)) +
                                      (tensor == 0 ? keyAt(at, channel)
                                                   : (shape_.dim + channel) * cachePageEntries + at))];
  }

  // Rows that take turns in a sequence's ring.
  static int ringOf(const Recipe& recipe, const WorldSequence& sequence) {
    const World& world = sequence.layers[0];
    const int64_t positions = std::ssize(world.keys) / (world.kvHeads * world.dim);
    return static_cast<int>(QueryRows::capacity(recipe, world.prompt, positions - world.prompt));
  }

  // The rotated queries that a recipe keeps, (layers, slots, mostRows, heads, dim).
  Global<const Bf16> queries(TestDevice& device, const std::vector<WorldSequence>& sequences,
                             const Recipe& recipe) const {
    const int width = shape_.heads() * shape_.dim;
    std::vector<uint16_t> all(static_cast<size_t>(cache.layers * cache.slots * mostRows * width), floatToBf16(1000));
    for (int layer = 0; layer < cache.layers; ++layer) {
      for (size_t s = 0; s < sequences.size(); ++s) {
        const World& world = sequences[s].layers[static_cast<size_t>(layer)];
        const int64_t seen = world.prompt + (recipe.selectors == Selectors::prompt ? 0 : world.progress.written);
        const int64_t ring = ringOf(recipe, sequences[s]);
        for (int64_t p = std::max<int64_t>(0, seen - ring); p < seen; ++p) {
          uint16_t* row = &all[static_cast<size_t>(((layer * cache.slots + int(s) + 1) * mostRows + p % ring) * width)];
          for (int i = 0; i < width; ++i) row[i] = floatToBf16(world.query(i / shape_.dim, p)[i % shape_.dim]);
        }
      }
    }
    return device.input("queries", asBf16(all));
  }

  CacheCompression cache;
  CompressionPlan plan;
  int mostRows;  // of a slot's ring: with room to spare

 private:
  Shape shape_;
  bool own_;  // query heads keep sets of their own
  std::vector<int> table_;

  // A head's among those that a page of the pool has: another's where heads have pages of their own.
  int placeOf(int kvHead) const { return own_ ? (kvHead + 1) % cache.kvHeads : kvHead; }

  void fill(TestDevice& device, const std::vector<WorldSequence>& sequences) {
    const size_t headElements = static_cast<size_t>(2 * cachePageEntries * shape_.dim);
    const size_t heads = static_cast<size_t>(cache.layers * cache.kvHeads);
    std::vector<Bf16> pages(static_cast<size_t>(cache.pool) * heads * headElements, Bf16{floatToBf16(1000)});
    std::vector<int> positions(static_cast<size_t>(cache.noteAt(cache.layers, 0, 0)), -1);
    table_.assign(static_cast<size_t>(cache.slots * cache.tableWidth), 0);
    int next = cache.pool;  // handed out from the end, so that no sequence's pages ascend
    for (size_t s = 0; s < sequences.size(); ++s) {
      const int slot = static_cast<int>(s) + 1;
      for (int p = 0; p < pagesOf(sequences[s].longest(shape_)); ++p) table_[static_cast<size_t>(slot * cache.tableWidth + p)] = --next;
      for (int layer = 0; layer < cache.layers; ++layer) {
        const World& world = sequences[s].layers[static_cast<size_t>(layer)];
        for (int set = 0; set < cache.sets; ++set) {
          const std::vector<int32_t>& held = world.held[static_cast<size_t>(set)];
          std::copy_n(held.begin(), sequences[s].settled(), positions.begin() + cache.noteAt(layer, slot, set));
        }
        for (int head = 0; head < cache.kvHeads; ++head) {
          const std::vector<int32_t> held = sequences[s].heldBy(shape_, layer, head);
          for (int e = 0; e < static_cast<int>(held.size()); ++e) {
            for (int d = 0; d < 2 * shape_.dim; ++d) {
              const int channel = d % shape_.dim, tensor = d / shape_.dim;
              const float* from = tensor == 0 ? world.key(head, held[static_cast<size_t>(e)])
                                              : world.value(head, held[static_cast<size_t>(e)]);
              const Bf16* to = element(pages, layer, slot, head, e, tensor, channel);
              pages[static_cast<size_t>(to - pages.data())] = {floatToBf16(from[channel])};
            }
          }
        }
      }
    }
    cache.pages = device.array("pages", pages);
    cache.table = device.input("table", table_);
    cache.positions = device.array("positions", positions);
    if (own_) fillOwn(device, sequences);
  }

  void fillOwn(TestDevice& device, const std::vector<WorldSequence>& sequences) {
    const int heads = cache.layers * cache.slots * cache.kvHeads;
    std::vector<int> members(static_cast<size_t>(cache.noteAt(cache.layers, 0, 0)), -1), less(static_cast<size_t>(heads), 0), pages;
    for (int i = 0; i < heads; ++i) {
      const int head = i % cache.kvHeads, slot = i / cache.kvHeads % cache.slots, layer = i / cache.kvHeads / cache.slots;
      for (int p = 0; p < cache.tableWidth; ++p) {
        pages.push_back(table_[static_cast<size_t>(slot * cache.tableWidth + p)] * cache.kvHeads + placeOf(head));
      }
      if (slot == 0) continue;
      const WorldSequence& sequence = sequences[static_cast<size_t>(slot) - 1];
      const std::vector<int32_t> held = sequence.heldBy(shape_, layer, head);
      less[static_cast<size_t>(i)] = sequence.longest(shape_) - static_cast<int>(held.size());
      for (int set = head * shape_.group; set < (head + 1) * shape_.group; ++set) {
        for (int e = 0; e < sequence.settled(); ++e) {
          const int32_t position = sequence.layers[static_cast<size_t>(layer)].held[static_cast<size_t>(set)][static_cast<size_t>(e)];
          const auto at = std::ranges::lower_bound(held, position) - held.begin();
          members[static_cast<size_t>(cache.noteAt(layer, slot, set) + e)] = static_cast<int>(at);
        }
      }
    }
    const auto entries = static_cast<size_t>(heads * cache.capacity);
    cache.own = {device.array("members", members), device.array("masks", std::vector<uint16_t>(entries, 0)),
                 device.input("heads' pages", pages), device.input("less", less), cache.kvHeads, shape_.group};
  }
};

}  // namespace pathpress::cuda
