// Paged attention over chunks against a plain softmax in double precision, of keys that lie turned or turn at reading, and
// where query heads do not see all that their key-value head holds.
#include "../attention.h"

#include <numeric>

#include "../../engine/rotary.h"
#include "closeness.h"
#include "draw.h"
#include "inputs.h"

namespace pathpress::cuda {
namespace {

struct Case {
  int kvHeads, group, dim;
  std::vector<int> lengths;
  Rotary turns = {};  // of the keys of every second sequence, at reading; no pairs: of none
  bool masked = false;  // query heads of every second sequence see sets of their own
  bool turned(size_t sequence) const { return turns.pairs > 0 && sequence % 2 == 0; }
  bool ownSets(size_t sequence) const { return masked && sequence % 2 == 0; }
  std::string name() const {
    std::string text = std::to_string(kvHeads) + " heads, group " + std::to_string(group);
    text += ", dim " + std::to_string(dim);
    for (const int length : lengths) text += ", " + std::to_string(length);
    if (masked) text += ", masked";
    if (turns.pairs > 0) text += turns.order == RopePairs::halves ? ", turned halves" : ", turned neighbours";
    return text;
  }
};

// Whether query head `i` of a group sees an entry of its own set: none in whole pages, chunks and stretches of a page, and
// at last the newest.
bool sees(int i, int length, int entry) {
  if (entry + 1 == length) return true;
  if (entry / (chunkPages * cachePageEntries) == i % 2) return false;
  return entry / cachePageEntries % 3 != i % 3 && (entry * 7 + i) % 5 < 3;
}

// Behind the sequence's end every head sees.
uint16_t maskOf(int length, int entry) {
  unsigned mask = 0;
  for (int i = 0; i < 16; ++i) mask |= (entry >= length || sees(i, length, entry) ? 1u : 0u) << i;
  return static_cast<uint16_t>(mask);
}

float angleOf(int place, int pair) { return static_cast<float>(place) / static_cast<float>(1 + pair); }

// Queries, keys and values of each sequence, the same whichever others are there.
struct Sequence {
  std::vector<uint16_t> query;       // (kvHeads · group, dim)
  std::vector<uint16_t> key, value;  // (kvHeads, length, dim)

  Sequence(const Case& c, int length)
      : query(drawBf16(static_cast<size_t>(c.kvHeads * c.group * c.dim), static_cast<uint64_t>(length))),
        key(drawBf16(static_cast<size_t>(c.kvHeads * length * c.dim), static_cast<uint64_t>(length) + 10000)),
        value(drawBf16(key.size(), static_cast<uint64_t>(length) + 20000)) {
    for (uint16_t& bits : query) bits = floatToBf16(4 * bf16ToFloat(bits));  // so that some entries stand out
  }

  // As attention is to see the keys.
  void turn(const Case& c, int length) {
    std::vector<float> head(static_cast<size_t>(c.dim)), cosine(head.size()), sine(head.size());
    for (size_t at = 0; at < key.size(); at += head.size()) {
      const int place = static_cast<int>(at / head.size()) % length;
      for (int i = 0; i < c.turns.pairs; ++i) {
        cosine[static_cast<size_t>(i)] = std::cos(angleOf(place, i));
        sine[static_cast<size_t>(i)] = std::sin(angleOf(place, i));
      }
      for (size_t d = 0; d < head.size(); ++d) head[d] = bf16ToFloat(key[at + d]);
      c.turns.rotate(head.data(), cosine.data(), sine.data());
      for (size_t d = 0; d < head.size(); ++d) key[at + d] = floatToBf16(head[d]);
    }
  }
};

// A row a sequence, and one that is nobody's behind them; the last sequence has the first slot.
std::vector<Bf16> onDevice(TestDevice& device, const Case& c) {
  const size_t sequences = c.lengths.size();
  DecodeAttention task{};
  task.rows.count = static_cast<int>(sequences) + 1;
  task.kvHeads = c.kvHeads;
  task.group = c.group;
  task.dim = c.dim;
  task.scale = static_cast<float>(1 / std::sqrt(c.dim));
  int pool = 1;  // page 0 is nobody's
  for (const int length : c.lengths) {
    task.table.width = std::max(task.table.width, pagesOf(length));
    pool += pagesOf(length);
  }
  const size_t headElements = static_cast<size_t>(2 * cachePageEntries * c.dim);
  // Past a sequence's end lie finite numbers, and large ones.
  std::vector<uint16_t> query, pages(static_cast<size_t>(pool * c.kvHeads) * headElements, floatToBf16(1000));
  std::vector<int> table(sequences * static_cast<size_t>(task.table.width), 0), slots, lengths = c.lengths;
  int next = pool;  // handed out from the end, so that no sequence's pages ascend
  for (size_t s = 0; s < sequences; ++s) {
    const int length = c.lengths[s];
    slots.push_back(static_cast<int>(sequences - 1 - s));
    const Sequence sequence(c, length);
    query.insert(query.end(), sequence.query.begin(), sequence.query.end());
    int* own = &table[static_cast<size_t>(slots[s] * task.table.width)];
    for (int p = 0; p < pagesOf(length); ++p) own[p] = --next;
    for (int h = 0; h < c.kvHeads; ++h) {
      for (int e = 0; e < length; ++e) {
        uint16_t* page = &pages[static_cast<size_t>(own[e / cachePageEntries] * c.kvHeads + h) * headElements];
        for (int d = 0; d < c.dim; ++d) {
          const size_t from = static_cast<size_t>((h * length + e) * c.dim + d);
          const int slot = e % cachePageEntries;
          page[keyAt(slot, d)] = sequence.key[from];
          page[(cachePageEntries * c.dim) + d * cachePageEntries + slot] = sequence.value[from];
        }
      }
    }
  }
  slots.push_back(-1);
  lengths.push_back(0);
  query.resize(query.size() + static_cast<size_t>(c.kvHeads * c.group * c.dim));
  const size_t parts = slots.size() * static_cast<size_t>(c.kvHeads * task.chunks() * c.group);
  task.query = device.input("query", asBf16(query));
  task.pages = device.input("pages", asBf16(pages));
  task.reach = task.chunks();
  task.table.pages = device.input("table", table);
  task.rows.slots = device.input("slots", slots);
  task.rows.lengths = device.input("lengths", lengths);
  task.sums = device.unwritten<float>("sums", parts * static_cast<size_t>(c.dim));
  task.tops = device.unwritten<float>("tops", parts);
  task.totals = device.unwritten<float>("totals", parts);
  if (c.turns.pairs > 0) {
    std::vector<Reading> readings(sequences);
    std::vector<float> angles;
    for (size_t s = 0; s < sequences; ++s) readings[static_cast<size_t>(slots[s])].rotated = c.turned(s);
    for (int i = 0; i < *std::ranges::max_element(c.lengths) * c.turns.pairs; ++i) {
      const float angle = angleOf(i / c.turns.pairs, i % c.turns.pairs);
      angles.insert(angles.end(), {std::cos(angle), std::sin(angle)});
    }
    task.readings = device.input("readings", readings);
    task.rows.positions = device.input("positions", lengths);
    task.turns = {device.input("angles", angles), c.turns.pairs, c.turns.order == RopePairs::neighbours};
  }
  if (c.masked) {
    std::vector<Reading> readings(sequences);
    std::vector<int> single;
    std::vector<uint16_t> masks;
    for (size_t slot = 0; slot < sequences; ++slot) {
      const size_t s = sequences - 1 - slot;
      readings[slot].uneven = readings[slot].masked = c.ownSets(s);
      for (int i = 0; i < c.kvHeads * task.table.width; ++i) {
        single.push_back(table[slot * static_cast<size_t>(task.table.width) + static_cast<size_t>(i % task.table.width)] * c.kvHeads +
                         i / task.table.width);
        for (int e = 0; e < cachePageEntries; ++e) {
          masks.push_back(maskOf(c.lengths[s], i % task.table.width * cachePageEntries + e));
        }
      }
    }
    task.readings = device.input("readings", readings);
    task.rows.positions = device.input("positions", lengths);
    task.uneven = {device.input("heads' pages", single),
                   device.input("less", std::vector<int>(sequences * static_cast<size_t>(c.kvHeads), 0)),
                   device.input("masks", masks)};
  }
  const int width = c.kvHeads * c.group * c.dim;
  task.out = device.unwritten<Bf16>("out", static_cast<size_t>(inputElements(width, task.rows.count)));
  CHECK(attend(device.stream(), task));
  return fromInput(device.values(task.out), task.rows.count, width);
}

// Elements of one sequence that are further off than rounding weights and the result to bfloat16 explains.
int wrong(const Case& c, size_t number, const Bf16* out, SquaredError& error) {
  const int length = c.lengths[number];
  Sequence sequence(c, length);
  if (c.turned(number)) sequence.turn(c, length);
  int count = 0;
  for (int head = 0; head < c.kvHeads * c.group; ++head) {
    const size_t first = static_cast<size_t>(head / c.group * length * c.dim);
    std::vector<double> weights;
    for (int e = 0; e < length; ++e) {
      double score = 0;
      for (int d = 0; d < c.dim; ++d) {
        score += double{bf16ToFloat(sequence.query[static_cast<size_t>(head * c.dim + d)])} *
                 double{bf16ToFloat(sequence.key[first + static_cast<size_t>(e * c.dim + d)])};
      }
      const bool seen = !c.ownSets(number) || sees(head % c.group, length, e);
      weights.push_back(seen ? std::exp(score / std::sqrt(c.dim)) : 0);  // the scores are small: no top is needed
    }
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (int d = 0; d < c.dim; ++d) {
      double want = 0, size = 0;
      for (int e = 0; e < length; ++e) {
        const double value = double{bf16ToFloat(sequence.value[first + static_cast<size_t>(e * c.dim + d)])};
        want += weights[static_cast<size_t>(e)] / total * value;
        size += weights[static_cast<size_t>(e)] / total * std::abs(value);
      }
      const double got = bf16ToFloat(out[head * c.dim + d].bits);
      count += !(std::abs(got - want) <= (std::abs(want) + size) * 0x1p-8 + 1e-5);
      error.add(got, want);
    }
  }
  return count;
}

void values() {
  // Every group that a family has, one page and its edges, one chunk and its edges, lengths mixed.
  std::vector<Case> all{{2, 1, 64, {1, 33}}, {1, 4, 64, {31, 32, 7}}, {2, 5, 64, {130}}, {1, 7, 128, {65, 2}},
                        {1, 8, 128, {96}}, {1, 16, 64, {40, 1025}}, {1, 16, 128, {70}}, {1, 7, 64, {1100, 1024, 3}},
                        {2, 4, 64, {70, 35, 600}, {RopePairs::halves, 32}}, {1, 7, 128, {45, 33}, {RopePairs::halves, 64}},
                        {1, 16, 128, {34}, {RopePairs::neighbours, 32}}, {1, 2, 64, {66, 3}, {RopePairs::neighbours, 32}}, {2, 4, 64, {70, 35, 1100}, {}, true},
                        {1, 16, 128, {67}, {}, true}};
  if (onGpu) all.insert(all.end(), {{4, 7, 128, {8191, 32768, 700}}, {8, 4, 128, {5000}}});  // too slow in emulation
  for (const Case& c : all) {
    everyOrder(c.name(), [&](TestDevice& device) {
      const std::vector<Bf16> out = onDevice(device, c);
      const size_t width = static_cast<size_t>(c.kvHeads * c.group * c.dim);
      for (size_t s = 0; s < c.lengths.size(); ++s) {
        SquaredError error;
        const std::string name = "attention " + c.name() + ": sequence " + std::to_string(s);
        noneWrong(wrong(c, s, &out[s * width], error), name);
        error.isWithin(bf16ProductNmse, name);
      }
      const auto zero = [](Bf16 value) { return value.bits == 0; };
      CHECK_CASE(std::all_of(out.end() - static_cast<ptrdiff_t>(width), out.end(), zero), c.name());
    });
  }
}

// A sequence's values are the same bits alone and among longer strangers.
void aloneAndTogether() {
  const Case many{1, 7, 64, {700, 1600, 40, 1025}};
  const Case turned{1, 7, 64, {700, 1600, 40, 1025}, {RopePairs::halves, 32}};
  const Case masked{1, 7, 64, {700, 1600, 40, 1025}, {}, true};
  TestDevice together(shuffled(5));
  const std::vector<Bf16> all = onDevice(together, many);
  const size_t width = 7 * 64;
  for (size_t s = 0; s < many.lengths.size(); ++s) {
    TestDevice alone(forward);
    const std::vector<Bf16> one = onDevice(alone, {1, 7, 64, {many.lengths[s]}});
    bool same = true;
    for (size_t i = 0; i < width; ++i) same &= one[i].bits == all[s * width + i].bits;
    noneWrong(!same, "attention alone and in a batch, sequence " + std::to_string(s));
  }
  // Plain ones also beside others that are not.
  for (const Case& special : {turned, masked}) {
    TestDevice beside(reverse);
    const std::vector<Bf16> mixed = onDevice(beside, special);
    for (size_t i = 0; i < all.size(); ++i) {
      if (i / width % 2 == 1) CHECK(all[i].bits == mixed[i].bits);
    }
  }
}

void barriers() {
  const Case c{1, 4, 64, {130}};
  everyOmissionIsSeen("attention", [&](TestDevice& device) { onDevice(device, c); });
  const Case special{1, 4, 64, {130}, {RopePairs::halves, 32}};
  everyOmissionIsSeen("turned attention", [&](TestDevice& device) { onDevice(device, special); });
}

// Needed: each entry's key and value once, the query and the result. Moved: all that is asked for of the cache, and the
// chunks' sums there and back.
void bytes() {
  for (const Case& c : {Case{2, 7, 64, {2048}}, {2, 7, 128, {1024}}, {2, 4, 128, {1000}},
                        {2, 7, 128, {1000}, {RopePairs::halves, 64}}}) {
    TestDevice device(forward);
    onDevice(device, c);
    const double entries = c.lengths[0], heads = c.kvHeads * c.group;
    const double turns = 2 * sizeof(float) * entries * c.turns.pairs;  // once: they are the same for every head
    const double needed = 2 * (2 * entries * c.kvHeads * c.dim + 2 * heads * c.dim) + turns;
    const emulate::Traffic all = device.traffic();
    const emulate::Traffic &query = device.traffic("query"), &pages = device.traffic("pages");
    const double moved = static_cast<double>(all.distinct + all.stored) * emulate::sectorBytes;
    std::printf("attention %s: moved over needed %.3f; queries asked for %.1f times\n", c.name().c_str(),
                moved / needed, static_cast<double>(query.loaded) / static_cast<double>(query.distinct));
    CHECK_CASE(moved / needed <= 1.05, c.name());
    CHECK(pages.loaded == pages.distinct);
  }
}

void refusals() {
  TestDevice device(forward);
  DecodeAttention task;
  task.rows.count = task.kvHeads = task.table.width = 1;
  for (const auto& [group, dim] : {std::pair{0, 64}, {17, 64}, {4, 96}}) {
    task.group = group;
    task.dim = dim;
    CHECK(!attend(device.stream(), task));
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(attention) {
  using namespace pathpress::cuda;
  values();
  aloneAndTogether();
  barriers();
  emulatedOnly("bytes moved", bytes);
  refusals();
}
