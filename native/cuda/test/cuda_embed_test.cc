// A step's start against rows of the table as they were before packing.
#include "../embed.h"
#include "../pack.h"

#include "closeness.h"
#include "draw.h"

namespace pathpress::cuda {
namespace {

constexpr int vocab = 37;

struct Row {
  int slot, offset, token;
};

struct Outputs {
  std::vector<int> positions, lengths;
  std::vector<float> state;
};

std::vector<uint16_t> tableOf(int hidden) { return drawBf16(static_cast<size_t>(vocab * hidden), 11); }

Outputs onDevice(TestDevice& device, int hidden, const std::vector<Row>& rows) {
  std::vector<int> slots, offsets, tokens;
  for (const Row& row : rows) {
    slots.push_back(row.slot);
    offsets.push_back(row.offset);
    tokens.push_back(row.token);
  }
  StepStart task;
  task.slots = device.input("slots", slots);
  task.offsets = device.input("offsets", offsets);
  task.tokens = device.input("tokens", tokens);
  task.sequences.positions = device.array("sequencePositions", std::vector<int>{100, 7});
  task.sequences.entries = device.array("entries", std::vector<int>{40, 7});
  task.sequences.drawn = device.array("drawn", std::vector<int>{36, -1});
  task.embedding = device.input("embedding", packWeights(tableOf(hidden), vocab, hidden));
  task.positions = device.unwritten<int>("positions", rows.size());
  task.lengths = device.unwritten<int>("lengths", rows.size());
  task.state = device.unwritten<float>("state", rows.size() * static_cast<size_t>(hidden));
  task.hidden = hidden;
  task.rows = static_cast<int>(rows.size());
  CHECK(startStep(device.stream(), task));
  return {device.values(task.positions), device.values(task.lengths), device.values(task.state)};
}

// A prompt's rows between a decode's: slot 0 goes on with what it drew, slot 1 after a draw that was no number.
void values() {
  const std::vector<Row> rows{{0, 0, -1}, {1, 0, 5}, {1, 1, 8}, {1, 2, 15}, {-1, 0, -1}, {1, 3, -1}};
  const std::vector<int> tokens{36, 5, 8, 15, -1, 0};
  for (const int hidden : {4, 36, 64, 600}) {
    const std::vector<uint16_t> table = tableOf(hidden);
    everyOrder("hidden " + std::to_string(hidden), [&](TestDevice& device) {
      const Outputs out = onDevice(device, hidden, rows);
      const size_t width = static_cast<size_t>(hidden);
      int wrong = 0;
      for (size_t r = 0; r < rows.size(); ++r) {
        const bool live = rows[r].slot >= 0;
        for (size_t i = 0; i < width; ++i) {
          const float want = live ? bf16ToFloat(table[static_cast<size_t>(tokens[r]) * width + i]) : 0;
          wrong += out.state[r * width + i] != want;
        }
      }
      noneWrong(wrong, "embed hidden " + std::to_string(hidden));
      CHECK((out.positions == std::vector<int>{100, 7, 8, 9, 0, 10}));
      CHECK((out.lengths == std::vector<int>{41, 8, 9, 10, 1, 11}));
    });
  }
}

// An id past the table is a fault, not another row of it.
void pastTheTable() {
  everyOrderSees(emulate::Fault::bounds, "token 48", [](TestDevice& device) { onDevice(device, 64, {{0, 0, 48}}); });
}

// 8 of 16 packed bytes are the row's: its sectors are the row's bytes twice.
void bytes() {
  TestDevice device(forward);
  onDevice(device, 512, {{0, 0, 3}, {1, 0, 20}});
  CHECK(device.traffic("embedding").loaded == 2 * 512 * 2 * 2 / emulate::sectorBytes);
  CHECK(device.traffic("state").stored == 2 * 512 * 4 / emulate::sectorBytes);
}

void refusals() {
  TestDevice device(forward);
  StepStart task;
  task.rows = 1;
  for (const int hidden : {0, 6}) {
    task.hidden = hidden;
    CHECK(!startStep(device.stream(), task));
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(embed) {
  using namespace pathpress::cuda;
  values();
  pastTheTable();
  emulatedOnly("bytes moved", bytes);
  refusals();
}
