// Places shared out among the heads of a layer against the CPU's own choice, ties included; and what happens to the pages:
// heads keep their entries wherever these move, and no page is two heads'.
#include "../share.h"

#include <numeric>
#include <set>

#include "../../policies/select.h"
#include "../compress_plan.h"
#include "../uneven_pages.h"
#include "closeness.h"
#include "draw.h"

namespace pathpress::cuda {
namespace {

struct Case {
  int layers, heads, length, pinned, recent, scored;
  double floor;
  int values;  // different ranks: few make ties
  std::string name() const {
    return std::to_string(layers) + " layers of " + std::to_string(heads) + ", " + std::to_string(scored) + " of " +
           std::to_string(length) + ", floor " + std::to_string(floor) + ", " + std::to_string(values) + " ranks";
  }
};

Recipe recipeOf(const Case& c) {
  Recipe recipe;
  recipe.sets = Aggregation::group;
  recipe.sharedOut = true;
  recipe.floorShare = c.floor;
  return recipe;
}

// Of both signs and any size.
double rankOf(const Case& c, int due, int row, int candidate) {
  const uint64_t drawn = mix(static_cast<uint64_t>((due * 1000 + row) * 10000 + candidate)) % static_cast<uint64_t>(c.values);
  const double value = static_cast<double>(drawn) - c.values / 3;
  return row % 2 ? value * 1e-30 : value;
}

// Two dues, the second longer.
CompressionPlan planOf(const Case& c) {
  std::vector<DueSequence> waiting;
  for (int s = 0; s < 2; ++s) waiting.push_back({s, c.length + 7 * s, 0, 0, {}, {c.pinned, c.scored, c.recent}, c.heads});
  return planCompression(recipeOf(c), waiting);
}

std::vector<int> onDevice(TestDevice& device, const Case& c, const CompressionPlan& plan, int cut = 0) {
  SharingOut task;
  task.cache.due = device.input("due", plan.due);
  task.cache.layers = c.layers;
  task.cache.sets = task.cache.kvHeads = c.heads;
  task.cache.dues = static_cast<int>(plan.due.size());
  task.room = plan.votesRoom;
  task.floorShare = c.floor;
  const int rows = c.layers * c.heads;
  std::vector<double> ranks(static_cast<size_t>(rows * plan.votesRoom), 1e300);
  for (int d = 0; d < task.cache.dues; ++d) {
    const Due& due = plan.due[static_cast<size_t>(d)];
    for (int row = 0; row < rows; ++row) {
      const int first = row * plan.votesRoom + due.votesAt + due.pinned % cachePageEntries;
      for (int i = 0; i < due.candidates; ++i) ranks[static_cast<size_t>(first + i)] = rankOf(c, d, row, i);
    }
  }
  task.ranks = device.input("ranks", ranks);
  task.shares = device.unwritten<int>("shares", static_cast<size_t>(rows * task.cache.dues - cut));
  CHECK(shareOut(device.stream(), task));
  return device.values(task.shares);
}

std::vector<int> onCpu(const Case& c, const CompressionPlan& plan) {
  std::vector<int> shares(static_cast<size_t>(c.layers * c.heads) * plan.due.size());
  for (size_t d = 0; d < plan.due.size(); ++d) {
    const Due& due = plan.due[d];
    for (int layer = 0; layer < c.layers; ++layer) {
      std::vector<std::vector<double>> ranks;
      for (int h = 0; h < c.heads; ++h) {
        ranks.emplace_back();
        for (int i = 0; i < due.candidates; ++i) ranks.back().push_back(rankOf(c, static_cast<int>(d), layer * c.heads + h, i));
      }
      const auto kept = pathpress::shareOut(ranks, int64_t{due.scored} * c.heads, static_cast<int64_t>(c.floor * due.scored));
      for (int h = 0; h < c.heads; ++h) {
        const auto row = static_cast<size_t>(layer * c.heads + h);
        shares[row * plan.due.size() + d] = static_cast<int>(std::ssize(kept[static_cast<size_t>(h)]));
      }
    }
  }
  return shares;
}

void shares() {
  for (const Case& c : {Case{2, 2, 90, 0, 9, 20, 0.2, 1 << 20}, {1, 4, 700, 5, 32, 150, 0.2, 40}, {1, 3, 60, 33, 4, 7, 0, 3},
                        {2, 2, 50, 0, 3, 46, 1, 5}, {1, 8, 40, 0, 0, 0, 0.5, 4}, {1, 2, 70, 0, 8, 30, 0.4, 1},
                        {1, 40, 45, 2, 3, 11, 0.3, 6}}) {
    const CompressionPlan plan = planOf(c);
    CHECK_CASE(plan.due.size() == 2, c.name());
    const std::vector<int> want = onCpu(c, plan);
    everyOrder(c.name(), [&](TestDevice& device) { noneWrong(onDevice(device, c, plan) != want, "share " + c.name()); });
  }
  const Case c{1, 3, 60, 3, 4, 17, 0.1, 9};
  everyOmissionIsSeen("share", [&](TestDevice& device) { onDevice(device, c, planOf(c)); });
  everyOrderSees(emulate::Fault::bounds, "shares", [&](TestDevice& device) { onDevice(device, c, planOf(c), 1); });
}

constexpr int layers = 2, kvHeads = 3, dim = 64, pool = 12;

// What entry `e` of a head holds in a channel, below 2^8: bfloat16 has no other.
Bf16 elementOf(int head, int e, int channel) {
  return {floatToBf16(static_cast<float>(mix(static_cast<uint64_t>((head * 500 + e) * 200 + channel)) % 256))};
}

void pages() {
  const std::vector<int> own{7, 3, 9, 0, 5, 11};  // of the pool, in the order of 170 entries
  const std::vector<int> counts{170, 20, 33, 64, 96, 65};
  const int64_t layerPages = int64_t{pool} * kvHeads;
  everyOrder("pages that move", [&](TestDevice& device) {
    std::vector<Bf16> all(static_cast<size_t>(layers * layerPages * 2 * cachePageEntries * dim), Bf16{0x7FFF});
    const auto at = [&](int layer, int page, int e, int channel, bool value) {
      const int64_t first = (layer * layerPages + page) * 2 * cachePageEntries * dim;
      return static_cast<size_t>(first + (value ? (dim + channel) * cachePageEntries + e : keyAt(e, channel)));
    };
    for (int i = 0; i < layers * kvHeads; ++i) {
      for (int e = 0; e < counts[static_cast<size_t>(i)]; ++e) {
        const int page = own[static_cast<size_t>(e / cachePageEntries)] * kvHeads + i % kvHeads;
        for (int d = 0; d < 2 * dim; ++d) all[at(i / kvHeads, page, e % cachePageEntries, d % dim, d >= dim)] = elementOf(i, e, d);
      }
    }
    const Global<Bf16> held = device.array("pages", all);
    UnevenPages uneven(own, layers, kvHeads);
    uneven.leave(counts);
    CHECK(uneven.wholePages() == 3);  // 6 + 1 + 2 of three heads in the first layer, 2 + 3 + 3 in the second
    const std::vector<int> kept(own.begin(), own.begin() + 3);
    const std::vector<PageMove> moves = uneven.gather(kept);
    CHECK(moves.size() == 3);
    movePages(device.stream(), {held, device.input("moves", moves), layerPages, static_cast<int>(moves.size()), dim});
    int wrong = 0;
    const auto look = [&](const std::vector<int>& left, int longer) {
      const std::vector<Bf16> now = device.values(held);
      std::set<std::pair<int, int>> taken;
      for (int i = 0; i < layers * kvHeads; ++i) {
        const std::vector<int>& mine = uneven.heads()[static_cast<size_t>(i)];
        CHECK(std::ssize(mine) == pagesOf(left[static_cast<size_t>(i)] + longer));
        for (const int page : mine) CHECK(taken.insert({i / kvHeads, page}).second);
        for (int e = 0; e < left[static_cast<size_t>(i)]; ++e) {
          const int page = mine[static_cast<size_t>(e / cachePageEntries)];
          for (int d = 0; d < 2 * dim; ++d) {
            wrong += now[at(i / kvHeads, page, e % cachePageEntries, d % dim, d >= dim)].bits != elementOf(i, e, d).bits;
          }
        }
      }
      return taken;
    };
    for (const auto& [layer, page] : look(counts, 0)) CHECK(std::ranges::find(kept, page / kvHeads) != kept.end());
    noneWrong(wrong, "pages that move");
    CHECK((uneven.less() == std::vector<int>{0, 150, 137, 106, 74, 105}) && uneven.longest() == 170);
    // All six heads begin pages while 64 more entries come: the first layer needs 5 more than it has.
    CHECK(uneven.missing(170) == 0 && uneven.missing(234) == 2);
    uneven.add(4);
    uneven.add(8);
    for (size_t i = 0; i < layers * kvHeads; ++i) uneven.take(i, 234);
    for (const auto& [layer, page] : look(counts, 64)) CHECK(page / kvHeads == 4 || page / kvHeads == 8 || std::ranges::find(kept, page / kvHeads) != kept.end());
    noneWrong(wrong, "pages that move, grown");
    // And leaves less again: 2 + 1 + 2 pages of three heads in the first layer, 1 + 3 + 2 in the second.
    const std::vector<int> fewer{40, 20, 33, 10, 96, 64}, again{8, own[1]};
    uneven.leave(fewer);
    CHECK(uneven.wholePages() == 2 && uneven.longest() == 96);
    const std::vector<PageMove> second = uneven.gather(again);
    CHECK(!second.empty());
    movePages(device.stream(), {held, device.input("second moves", second), layerPages, static_cast<int>(second.size()), dim});
    for (const auto& [layer, page] : look(fewer, 0)) CHECK(std::ranges::find(again, page / kvHeads) != again.end());
    noneWrong(wrong, "pages that move, twice");
  });
}

// Each page where it is said to be, and nothing beside it: of one note, of a block's and of more.
void notes() {
  constexpr int heads = 70, width = 5;
  for (const int count : {1, 128, 129, heads * width}) {
    everyOrder("pages noted", [&](TestDevice& device) {
      std::vector<PageNote> told;
      std::vector<int> wanted(heads * width, -1);
      for (int i = 0; i < count; ++i) {
        const int place = i * 199 % (heads * width);  // 199 is prime and no factor of it
        told.push_back({place / width, place % width, 1000 + i});
        wanted[static_cast<size_t>(place)] = 1000 + i;
      }
      const Global<int> table = device.array("table", std::vector<int>(heads * width, -1));
      notePages(device.stream(), {table, device.input("notes", told), width, count});
      CHECK(device.values(table) == wanted);
    });
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(share) {
  using namespace pathpress::cuda;
  shares();
  pages();
  notes();
}
