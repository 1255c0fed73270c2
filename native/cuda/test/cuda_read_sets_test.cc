// Half pages that a row reads against the CPU engine's own choice, ties included, and the attention over them against a
// plain softmax in double precision. Queries and keys are small whole numbers: sums of their products know no order, and
// many are the same.
#include "../read_sets.h"

#include <numeric>

#include "../../engine/page_bounds.h"
#include "../../policies/mix.h"
#include "../attention.h"
#include "closeness.h"
#include "draw.h"
#include "inputs.h"

namespace pathpress::cuda {
namespace {

constexpr int prompt = 5, denseLayers = 1;

struct Case {
  int kvHeads, group, dim, halves;
  std::vector<int> lengths;  // with the row's own entry
  int layer = 1;
  std::string name() const {
    std::string text = std::to_string(halves) + " half pages, " + std::to_string(kvHeads) + " heads, group " +
                       std::to_string(group) + ", dim " + std::to_string(dim) + ", layer " + std::to_string(layer);
    for (const int length : lengths) text += ", " + std::to_string(length);
    return text;
  }
  float element(int tensor, size_t sequence, int head, int entry, int channel) const {
    const uint64_t seed = static_cast<uint64_t>(((tensor * 9 + head) * 3000 + entry) * 128 + channel) * 31 + sequence;
    return static_cast<float>(static_cast<int>(mix(seed) % 3) - 1);
  }
  float query(size_t sequence, int head, int channel) const { return element(2, sequence, head, 0, channel); }
};

// Each sequence's half pages, of each key-value head.
using Chosen = std::vector<std::vector<std::vector<int>>>;

Chosen byCpu(const Case& c) {
  Chosen all;
  Recipe recipe;
  recipe.readPages = c.halves;
  recipe.denseLayers = denseLayers;
  const PageLayout page{c.dim, DType::bf16};
  for (size_t s = 0; s < c.lengths.size(); ++s) {
    BlockPool pool(page.bytes(), size_t{1} << 24);
    SequenceCache cache(pool, {2, c.kvHeads, page}, {});
    PageBounds bounds(recipe, prompt, cache.shape());
    cache.reserve(c.lengths[s]);
    std::vector<float> key(static_cast<size_t>(c.dim)), query(static_cast<size_t>(c.group * c.dim));
    for (int e = 0; e < c.lengths[s]; ++e) {
      for (int h = 0; h < c.kvHeads; ++h) {
        for (int d = 0; d < c.dim; ++d) key[static_cast<size_t>(d)] = c.element(0, s, h, e, d);
        cache.write(1, h, 0, key.data(), key.data());
      }
      cache.commit(1, e);
    }
    all.emplace_back();
    for (int h = 0; h < c.kvHeads; ++h) {
      for (size_t i = 0; i < query.size(); ++i) {
        query[i] = c.query(s, h * c.group + static_cast<int>(i) / c.dim, static_cast<int>(i) % c.dim);
      }
      PageScratch scratch;
      std::vector<int> every(static_cast<size_t>((c.lengths[s] + halfEntries - 1) / halfEntries));
      std::iota(every.begin(), every.end(), 0);
      const bool chooses = bounds.choose(c.layer, c.lengths[s] - 1);
      const auto pages = bounds.pages(cache, 1, h, c.lengths[s], query.data(), c.group, scratch);
      all.back().push_back(chooses ? std::vector<int>(pages.begin(), pages.end()) : every);
    }
  }
  return all;
}

struct OnDevice {
  Chosen chosen;
  std::vector<Bf16> out;  // (sequences, heads · dim)
};

// Entries are noted as prompts bring them, in chunks; then each sequence has a row, among them nobody's and a plain one.
OnDevice onDevice(TestDevice& device, const Case& c, const std::string& cut = "") {
  const size_t sequences = c.lengths.size();
  ReadSets task;
  task.layer = c.layer;
  task.kvHeads = c.kvHeads;
  task.group = c.group;
  task.dim = c.dim;
  task.mostChosen = c.halves;
  task.table.width = pagesOf(*std::ranges::max_element(c.lengths)) + 1;
  const int heads = c.kvHeads * c.group, width = heads * c.dim, slots = static_cast<int>(sequences) + 1;
  std::vector<Bf16> query(static_cast<size_t>((slots + 1) * width), Bf16{0});
  std::vector<int> table(static_cast<size_t>(slots * task.table.width), 0);
  std::vector<Reading> readings(static_cast<size_t>(slots));
  int pool = 1;
  for (const int length : c.lengths) pool += pagesOf(length);
  const size_t headElements = static_cast<size_t>(2 * cachePageEntries * c.dim);
  std::vector<Bf16> pages(static_cast<size_t>(pool * c.kvHeads) * headElements, Bf16{floatToBf16(1000)});
  for (size_t s = 0; s < sequences; ++s) {
    readings[s] = {0, c.halves, denseLayers, prompt};
    for (int p = 0; p < pagesOf(c.lengths[s]); ++p) table[s * static_cast<size_t>(task.table.width) + static_cast<size_t>(p)] = --pool;
    for (int h = 0; h < heads; ++h) {
      for (int d = 0; d < c.dim; ++d) {
        query[s * static_cast<size_t>(width) + static_cast<size_t>(h * c.dim + d)] = {floatToBf16(c.query(s, h, d))};
      }
    }
    for (int e = 0; e < c.lengths[s]; ++e) {
      for (int h = 0; h < c.kvHeads; ++h) {
        const int number = table[s * static_cast<size_t>(task.table.width) + static_cast<size_t>(e / cachePageEntries)];
        Bf16* page = &pages[static_cast<size_t>(number * c.kvHeads + h) * headElements];
        for (int d = 0; d < c.dim; ++d) {
          page[keyAt(e % cachePageEntries, d)] = {floatToBf16(c.element(0, s, h, e, d))};
          page[(c.dim + d) * cachePageEntries + e % cachePageEntries] = {floatToBf16(c.element(1, s, h, e, d))};
        }
      }
    }
  }
  readings.back() = {};
  const auto room = [&](const char* name, size_t count) { return count - (cut == name); };
  const size_t halves = static_cast<size_t>(task.halves() * c.kvHeads);
  task.query = device.input("query", query);
  task.pages = device.input("pages", pages);
  task.table.pages = device.input("table", table);
  task.readings = device.input("readings", readings);
  task.bounds = device.unwritten<Bf16>("bounds", static_cast<size_t>(slots * 2 * c.dim) * halves);
  task.orders = device.unwritten<uint32_t>("orders", static_cast<size_t>(slots + 1) * halves);
  task.chosen = device.unwritten<int>("chosen", room("chosen", sequences * static_cast<size_t>(c.kvHeads * c.halves)));
  for (size_t s = 0; s < sequences; ++s) {
    for (int at = 0; at + 1 < c.lengths[s];) {
      std::vector<int> slot, position, length;
      for (int i = 0; i < 21 && at + 1 < c.lengths[s]; ++i, ++at) {
        slot.push_back(static_cast<int>(s));
        position.push_back(0);
        length.push_back(at + 1);
      }
      task.rows = {device.input("slots", slot), device.input("positions", position), device.input("lengths", length),
                   static_cast<int>(slot.size())};
      CHECK(chooseReadSets(device.stream(), task));
    }
  }
  std::vector<int> slot(sequences), lengths = c.lengths, positions;
  std::iota(slot.begin(), slot.end(), 0);
  slot.insert(slot.end(), {slots - 1, -1});
  lengths.insert(lengths.end(), {1, 0});
  for (const int length : lengths) positions.push_back(length - 1);
  task.rows = {device.input("slots", slot), device.input("positions", positions), device.input("lengths", lengths),
               static_cast<int>(slot.size())};
  CHECK(chooseReadSets(device.stream(), task));

  DecodeAttention attention;
  attention.query = task.query;
  attention.pages = task.pages;
  attention.table = task.table;
  attention.rows = task.rows;
  attention.kvHeads = c.kvHeads;
  attention.group = c.group;
  attention.dim = c.dim;
  attention.scale = static_cast<float>(1 / std::sqrt(c.dim));
  attention.reach = attention.chunks();
  attention.readings = task.readings;
  attention.turns.pairs = 2;
  attention.chosen = task.chosen;
  attention.mostChosen = task.mostChosen;
  attention.layer = c.layer;
  const size_t parts = slot.size() * static_cast<size_t>(heads * attention.chunks());
  attention.sums = device.unwritten<float>("sums", parts * static_cast<size_t>(c.dim));
  attention.tops = device.unwritten<float>("tops", parts);
  attention.totals = device.unwritten<float>("totals", parts);
  attention.out = device.unwritten<Bf16>("out", static_cast<size_t>(inputElements(width, attention.rows.count)));
  CHECK(attend(device.stream(), attention));

  OnDevice got{{}, fromInput(device.values(attention.out), static_cast<int>(sequences), width)};
  const std::vector<int> chosen = device.values(task.chosen);
  for (size_t s = 0; s < sequences; ++s) {
    got.chosen.emplace_back();
    for (int h = 0; h < c.kvHeads; ++h) {
      const int count = readings[s].chosen(c.layer, c.lengths[s] - 1, c.lengths[s]);
      std::vector<int> every(static_cast<size_t>((c.lengths[s] + halfEntries - 1) / halfEntries));
      std::iota(every.begin(), every.end(), 0);
      const auto first = chosen.begin() + (static_cast<ptrdiff_t>(s) * c.kvHeads + h) * c.halves;
      got.chosen.back().push_back(count > 0 ? std::vector<int>(first, first + count) : every);
    }
  }
  return got;
}

// Elements further off than rounding weights and the result to bfloat16 explains.
int wrong(const Case& c, size_t s, const std::vector<std::vector<int>>& chosen, const Bf16* out) {
  int count = 0;
  for (int head = 0; head < c.kvHeads * c.group; ++head) {
    const int h = head / c.group;
    std::vector<double> weights;
    std::vector<int> entries;
    for (const int half : chosen[static_cast<size_t>(h)]) {
      for (int e = half * halfEntries; e < std::min(c.lengths[s], (half + 1) * halfEntries); ++e) {
        double score = 0;
        for (int d = 0; d < c.dim; ++d) score += double{c.query(s, head, d)} * double{c.element(0, s, h, e, d)};
        weights.push_back(std::exp(score / std::sqrt(c.dim)));
        entries.push_back(e);
      }
    }
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (int d = 0; d < c.dim; ++d) {
      double want = 0, size = 0;
      for (size_t i = 0; i < entries.size(); ++i) {
        const double value = double{c.element(1, s, h, entries[i], d)};
        want += weights[i] / total * value;
        size += weights[i] / total * std::abs(value);
      }
      count += !(std::abs(bf16ToFloat(out[head * c.dim + d].bits) - want) <= (std::abs(want) + size) * 0x1p-8 + 1e-5);
    }
  }
  return count;
}

void values() {
  for (const Case& c : {Case{2, 4, 64, 3, {300, 48, 49, 64, 7, 113}}, {1, 7, 128, 2, {33, 47, 130}}, {1, 1, 64, 1, {40, 16, 17}},
                        {1, 16, 64, 5, {1100}}, {2, 2, 64, 40, {700, 30}}, {1, 2, 64, 2, {90}, 0}}) {
    const Chosen want = byCpu(c);
    everyOrder(c.name(), [&](TestDevice& device) {
      const OnDevice got = onDevice(device, c);
      noneWrong(got.chosen != want, "read sets " + c.name());
      for (size_t s = 0; s < c.lengths.size(); ++s) {
        const size_t width = static_cast<size_t>(c.kvHeads * c.group * c.dim);
        noneWrong(wrong(c, s, want[s], &got.out[s * width]), "attention " + c.name() + ": sequence " + std::to_string(s));
      }
    });
  }
}

void faults() {
  const Case c{1, 2, 64, 3, {70}};
  everyOmissionIsSeen("read sets", [&](TestDevice& device) { onDevice(device, c); });
  everyOrderSees(emulate::Fault::bounds, "chosen", [&](TestDevice& device) { onDevice(device, c, "chosen"); });
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(read_sets) {
  using namespace pathpress::cuda;
  values();
  faults();
}
