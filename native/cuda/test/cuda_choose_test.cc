// The best of each set against the CPU's own select(), ties and all.
#include "../choose.h"

#include "../../policies/select.h"
#include "closeness.h"
#include "draw.h"

namespace pathpress::cuda {
namespace {

struct Case {
  std::string name;
  std::vector<std::array<int, 2>> dues;     // candidates, and how many stay
  std::function<float(float)> rank;         // of a number in [-1, 1)
};

constexpr int layers = 2, sets = 3;

struct Drawn {
  std::vector<Due> due;
  std::vector<double> ranks;
  int room = 0, keptRoom = 0;

  explicit Drawn(const Case& c) {
    for (size_t d = 0; d < c.dues.size(); ++d) {
      Due one{};
      one.candidates = c.dues[d][0];
      one.scored = c.dues[d][1];
      one.pinned = static_cast<int>(d) * 5;
      one.votesAt = room;
      one.keptAt = keptRoom;
      room += (one.candidates + one.pinned % cachePageEntries + 31) / 32 * 32;
      keptRoom += one.scored;
      due.push_back(one);
    }
    const std::vector<float> drawn = drawFloats(static_cast<size_t>(layers * sets * room), 12);
    for (const float number : drawn) ranks.push_back(double{c.rank(number)});
  }
};

std::vector<int> onDevice(TestDevice& device, const Drawn& drawn, Choice& choice, size_t less = 0) {
  choice.cache.layers = layers;
  choice.cache.sets = sets;
  choice.cache.dues = static_cast<int>(drawn.due.size());
  choice.cache.due = device.input("due", drawn.due);
  choice.room = drawn.room;
  choice.keptRoom = drawn.keptRoom;
  choice.ranks = device.input("ranks", drawn.ranks);
  choice.kept = device.unwritten<int>("kept", static_cast<size_t>(layers * sets * drawn.keptRoom) - less);
  chooseBest(device.stream(), choice);
  return device.values(choice.kept);
}

const std::vector<Case>& cases() {
  const auto same = [](float x) { return x; };
  static const std::vector<Case> all{
      {"one of two, all but one, none", {{2, 1}, {50, 49}, {7, 0}}, same},
      {"more than a block at once", {{1300, 317}, {513, 512}}, same},
      {"all the same", {{700, 130}}, [](float) { return 0.5f; }},
      {"few ranks", {{900, 400}, {33, 9}}, [](float x) { return std::floor(x * 4) / 4; }},
      {"zeros of both signs", {{100, 41}}, [](float x) { return x < -0.5f ? -0.0f : x < 0.5f ? 0.0f : x; }},
      {"infinite", {{300, 60}, {90, 80}}, [](float x) { return x < -0.4f ? -INFINITY : x > 0.8f ? INFINITY : x; }},
      {"tiny and near each other", {{600, 250}}, [](float x) { return 1e-30f * (1 + std::floor(8 * x) * 0x1p-23f); }},
  };
  return all;
}

void values() {
  for (const Case& c : cases()) {
    const Drawn drawn(c);
    everyOrder(c.name, [&](TestDevice& device) {
      Choice choice{};
      const std::vector<int> kept = onDevice(device, drawn, choice);
      int wrong = 0;
      for (const Due& due : drawn.due) {
        for (int row = 0; row < layers * sets; ++row) {
          const auto first = drawn.ranks.begin() + row * drawn.room + due.votesAt + due.pinned % cachePageEntries;
          const std::vector<float> given(first, first + due.candidates);
          const std::vector<int32_t> positions(given.size());
          CandidateSet set;
          set.given = given;
          set.positions = positions;
          SelectScratch scratch;
          std::vector<int32_t> want;
          select({}, set, due.scored, scratch, want);
          wrong += !std::equal(want.begin(), want.end(), kept.begin() + row * drawn.keptRoom + due.keptAt);
        }
      }
      noneWrong(wrong, "choose " + c.name);
    });
  }
}

void faults() {
  const Case c{"", {{600, 250}, {70, 20}}, [](float x) { return std::floor(x * 64); }};
  const Drawn drawn(c);
  Choice choice{};
  everyOmissionIsSeen("choice", [&](TestDevice& device) { onDevice(device, drawn, choice); });
  everyOrderSees(emulate::Fault::bounds, "choice", [&](TestDevice& device) { onDevice(device, drawn, choice, 1); });
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(choose) {
  using namespace pathpress::cuda;
  values();
  faults();
}
