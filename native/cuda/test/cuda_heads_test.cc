// Norms over heads, rotation, cache entries and query rows against the CPU engine's own steps.
#include <cmath>

#include "../heads.h"
#include "../../engine/rotary.h"
#include "closeness.h"
#include "draw.h"

namespace pathpress::cuda {
namespace {

constexpr float epsilon = 1e-6f;
constexpr int positions = 4000, ringRows = 4, tableWidth = 3;

struct Row {
  int slot, position, length;
};

struct Case {
  int heads, kvHeads, dim, pairs;
  bool neighbours, norms;
  std::vector<Row> rows;
  std::vector<Reading> readings = {};  // of the slots; none: all are plain

  bool byPlace(size_t row) const {
    return !readings.empty() && rows[row].slot >= 0 && readings[static_cast<size_t>(rows[row].slot)].rotated != 0;
  }
  int width() const { return (heads + 2 * kvHeads) * dim; }
  std::string name() const {
    return std::to_string(heads) + " + " + std::to_string(kvHeads) + " heads of " + std::to_string(dim) + ", " +
           std::to_string(pairs) + (neighbours ? " neighbours" : " halves") + (norms ? ", norms" : "") + (readings.empty() ? "" : ", by place");
  }
};

// Slots 0 to 2. Slot 1 keeps no rows; slot 2's are those of the prompt, which ends at 90.
const std::vector<int> turns{ringRows, 0, 3}, from{6, 0, 87}, until{1 << 30, 0, 90};

struct Inputs {
  std::vector<float> qkv, angles;
  std::vector<uint16_t> queryNorm, keyNorm;
  std::vector<int> table{5, 2, 7, 4, 1, 6, 3, 8, 0};

  explicit Inputs(const Case& c)
      : qkv(drawFloats(c.rows.size() * static_cast<size_t>(c.width()), 1)),
        queryNorm(drawBf16(static_cast<size_t>(c.dim), 2)), keyNorm(drawBf16(static_cast<size_t>(c.dim), 3)) {
    for (int p = 0; p < positions; ++p) {
      for (int i = 0; i < c.pairs; ++i) {
        const float frequency = std::pow(10000.0f, static_cast<float>(-i) / static_cast<float>(c.pairs));
        const float angle = static_cast<float>(p) * frequency;
        angles.push_back(std::cos(angle));
        angles.push_back(std::sin(angle));
      }
    }
  }
};

constexpr int poolPages = 9;
const uint16_t stale = floatToBf16(1000);

struct Outputs {
  std::vector<Bf16> query, pages, ring;
};

Outputs onDevice(TestDevice& device, const Case& c, const Inputs& in) {
  std::vector<int> slots, at, lengths;
  for (const Row& row : c.rows) {
    slots.push_back(row.slot);
    at.push_back(row.position);
    lengths.push_back(row.length);
  }
  const size_t pageElements = static_cast<size_t>(2 * cachePageEntries * c.dim * c.kvHeads);
  HeadPreparation task;
  task.qkv = device.input("qkv", in.qkv);
  if (c.norms) {
    task.queryNorm = device.input("queryNorm", asBf16(in.queryNorm));
    task.keyNorm = device.input("keyNorm", asBf16(in.keyNorm));
  }
  task.angles = device.input("angles", in.angles);
  task.query = device.unwritten<Bf16>("query", c.rows.size() * static_cast<size_t>(c.heads * c.dim));
  task.pages = device.array("pages", std::vector<Bf16>(pageElements * poolPages, Bf16{stale}));
  task.table = {device.input("table", in.table), tableWidth};
  const size_t ringElements = static_cast<size_t>(3 * ringRows * c.heads * c.dim);
  task.ring.rows = device.array("ring", std::vector<Bf16>(ringElements, Bf16{stale}));
  task.ring.rowsOfSlot = device.input("turns", turns);
  task.ring.from = device.input("from", from);
  task.ring.until = device.input("until", until);
  task.ring.mostRows = ringRows;
  task.rows = {device.input("slots", slots), device.input("positions", at), device.input("lengths", lengths),
               static_cast<int>(c.rows.size())};
  task.heads = c.heads;
  task.kvHeads = c.kvHeads;
  task.dim = c.dim;
  task.pairs = c.pairs;
  task.neighbours = c.neighbours;
  task.epsilon = epsilon;
  if (!c.readings.empty()) task.readings = device.input("readings", c.readings);
  CHECK(prepareHeads(device.stream(), task));
  return {device.values(task.query), device.values(task.pages), device.values(task.ring.rows)};
}

// One head as the CPU engine prepares it.
std::vector<float> prepared(const Case& c, const Inputs& in, size_t row, int part) {
  const auto first = in.qkv.begin() + static_cast<ptrdiff_t>(row) * c.width() + part * c.dim;
  std::vector<float> head(first, first + c.dim);
  const bool query = part < c.heads, value = part >= c.heads + c.kvHeads;
  if (value) return head;
  if (c.norms) {
    double squares = 0;
    for (const float x : head) squares += double{x} * x;
    const double scale = 1 / std::sqrt(squares / c.dim + double{epsilon});
    const std::vector<uint16_t>& weight = query ? in.queryNorm : in.keyNorm;
    for (size_t i = 0; i < head.size(); ++i) {
      head[i] = static_cast<float>(head[i] * scale * double{bf16ToFloat(weight[i])});
    }
  }
  if (!query && c.byPlace(row)) return head;
  const int turn = c.byPlace(row) ? c.rows[row].length - 1 : c.rows[row].position;
  const Rotary rotary{c.neighbours ? RopePairs::neighbours : RopePairs::halves, c.pairs};
  std::vector<float> cosine, sine;
  for (int i = 0; i < c.pairs; ++i) {
    const size_t angle = static_cast<size_t>(turn * c.pairs + i) * 2;
    cosine.push_back(in.angles[angle]);
    sine.push_back(in.angles[angle + 1]);
  }
  rotary.rotate(head.data(), cosine.data(), sine.data());
  return head;
}

bool close(Bf16 got, float want) { return std::abs(bf16ToFloat(got.bits) - want) <= std::abs(want) * 0x1p-8f + 1e-5f; }

// What the cache and the ring are to hold after all; NaN: as it was.
struct Expected {
  std::vector<float> pages, ring;

  Expected(const Case& c, const Inputs& in)
      : pages(static_cast<size_t>(poolPages * 2 * cachePageEntries * c.dim * c.kvHeads), NAN),
        ring(static_cast<size_t>(3 * ringRows * c.heads * c.dim), NAN) {
    for (size_t r = 0; r < c.rows.size(); ++r) {
      const Row& row = c.rows[r];
      if (row.slot < 0) continue;
      const size_t within = static_cast<size_t>(row.length - 1) % 8;
      const bool last = r + 1 == c.rows.size() || c.rows[r + 1].slot != row.slot;
      const bool clears = last && within <= r && c.rows[r - within].slot == row.slot;
      const int entry = (row.length - 1) % cachePageEntries;
      const int number = in.table[static_cast<size_t>(row.slot * tableWidth + (row.length - 1) / cachePageEntries)];
      for (int h = 0; h < c.kvHeads; ++h) {
        const size_t page = static_cast<size_t>((number * c.kvHeads + h) * 2 * cachePageEntries * c.dim);
        const std::vector<float> key = prepared(c, in, r, c.heads + h);
        const std::vector<float> value = prepared(c, in, r, c.heads + c.kvHeads + h);
        for (int d = 0; d < c.dim; ++d) {
          pages[page + static_cast<size_t>(keyAt(entry, d))] = key[static_cast<size_t>(d)];
          float* channel = &pages[page + static_cast<size_t>((c.dim + d) * cachePageEntries)];
          channel[entry] = value[static_cast<size_t>(d)];
          for (int e = entry + 1; clears && e % 8 != 0; ++e) channel[e] = 0;
        }
      }
      const size_t slot = static_cast<size_t>(row.slot);
      if (row.position < from[slot] || row.position >= until[slot]) continue;
      for (int h = 0; h < c.heads; ++h) {
        const std::vector<float> head = prepared(c, in, r, h);
        const int place = row.slot * ringRows + row.position % turns[slot];
        std::copy(head.begin(), head.end(), ring.begin() + (place * c.heads + h) * c.dim);
      }
    }
  }
};

void areAsWanted(const std::vector<Bf16>& got, const std::vector<float>& want, const std::string& name) {
  int wrong = 0;
  SquaredError error;
  for (size_t i = 0; i < want.size(); ++i) {
    wrong += std::isnan(want[i]) ? got[i].bits != stale : !close(got[i], want[i]);
    if (!std::isnan(want[i])) error.add(bf16ToFloat(got[i].bits), want[i]);
  }
  noneWrong(wrong, name);
  error.isWithin(bf16Nmse, name);
}

// A decode step of two sequences with a row that is nobody's between, at a page's edge and within a group of values; a
// prompt's rows over an edge, more of them than the ring holds.
const std::vector<Row> decode{{2, 70, 33}, {-1, 0, 0}, {0, 3999, 95}, {1, 3, 4}};
std::vector<Row> promptRows() {
  std::vector<Row> rows;
  for (int i = 0; i < 11; ++i) rows.push_back({0, i, i + 1});
  for (int i = 0; i < 14; ++i) rows.push_back({2, 78 + i, 23 + i});
  return rows;
}

void values() {
  for (const Case& c : {Case{4, 2, 64, 32, false, false, decode}, {7, 1, 128, 64, false, true, decode},
                        {4, 1, 128, 32, true, false, decode}, {2, 1, 64, 32, true, true, promptRows()},
                        {5, 1, 64, 32, false, true, promptRows()},
                        {4, 1, 64, 32, false, true, decode, {{1}, {0}, {1}}},
                        {2, 2, 128, 32, true, false, promptRows(), {{1}, {1}, {0}}}}) {
    const Inputs in(c);
    const Expected want(c, in);
    everyOrder(c.name(), [&](TestDevice& device) {
      const Outputs out = onDevice(device, c, in);
      areAsWanted(out.pages, want.pages, "heads " + c.name() + ": pages");
      areAsWanted(out.ring, want.ring, "heads " + c.name() + ": ring");
      std::vector<Bf16> queries;
      std::vector<float> wanted;
      for (size_t r = 0; r < c.rows.size(); ++r) {
        for (int h = 0; c.rows[r].slot >= 0 && h < c.heads; ++h) {
          const std::vector<float> head = prepared(c, in, r, h);
          const Bf16* got = &out.query[(r * static_cast<size_t>(c.heads) + static_cast<size_t>(h)) * head.size()];
          queries.insert(queries.end(), got, got + head.size());
          wanted.insert(wanted.end(), head.begin(), head.end());
        }
      }
      areAsWanted(queries, wanted, "heads " + c.name() + ": queries");
    });
  }
}

// Two rows that claim one entry are a race, whatever the order; so is a place of the ring where rows are out of order.
void plantedFaults() {
  Case c{1, 1, 64, 32, false, false, {{1, 4, 5}, {1, 4, 5}}};
  everyOrderSees(emulate::Fault::race, "one entry twice", [&](TestDevice& device) { onDevice(device, c, Inputs(c)); });
  c.rows = {{0, 8, 9}, {1, 4, 5}, {0, 12, 13}};
  everyOrderSees(emulate::Fault::race, "rows apart", [&](TestDevice& device) { onDevice(device, c, Inputs(c)); });
  c.rows = {{0, 9, tableWidth * 32 * 3 + 1}};
  everyOrderSees(emulate::Fault::bounds, "past the table", [&](TestDevice& device) { onDevice(device, c, Inputs(c)); });
}

// Needed: the row in, the queries, the ring's row and the entries out. A value's channels lie 64 bytes apart, so that a
// sector moves for each: 16 times its bytes, and still less than 1 in 100 of what a step moves.
void bytes() {
  const Case c{28, 4, 128, 64, false, true, {{0, 100, 11}, {2, 88, 40}}};
  TestDevice device(forward);
  onDevice(device, c, Inputs(c));
  const auto moved = [&](const char* name) {
    return static_cast<double>(device.traffic(name).distinct + device.traffic(name).stored) * emulate::sectorBytes;
  };
  const double rows = 2, heads = 36.0 * 128, queries = 28.0 * 128, keys = 4.0 * 128;
  CHECK(moved("qkv") == rows * heads * 4);
  CHECK(device.traffic("qkv").loaded == device.traffic("qkv").distinct);
  CHECK(moved("query") == rows * queries * 2);
  CHECK(moved("ring") == rows * queries * 2);
  const double needed = rows * (heads * 4 + 2 * queries * 2 + 2 * keys * 2);
  const double all = static_cast<double>(device.traffic().distinct + device.traffic().stored) * emulate::sectorBytes;
  std::printf("heads %s: moved over needed %.3f, of the pages %.3f\n", c.name().c_str(), all / needed,
              moved("pages") / (rows * 2 * keys * 2));
  CHECK(all / needed <= 1.6);
}

void refusals() {
  TestDevice device(forward);
  HeadPreparation task;
  task.rows.count = task.heads = task.kvHeads = 1;
  struct Shape {
    int dim, pairs;
    bool neighbours;
  };
  for (const auto& [dim, pairs, neighbours] : {Shape{96, 48, false}, {64, 16, false}, {64, 0, true}, {64, 33, true}}) {
    task.dim = dim;
    task.pairs = pairs;
    task.neighbours = neighbours;
    CHECK(!prepareHeads(device.stream(), task));
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(heads) {
  using namespace pathpress::cuda;
  values();
  plantedFaults();
  emulatedOnly("bytes moved", bytes);
  refusals();
}
