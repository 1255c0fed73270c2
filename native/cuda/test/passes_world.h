// The passes of a recipe with room on a device, and what is noted of its entries.
#pragma once

#include "../passes.h"
#include "compress_world.h"

namespace pathpress::cuda {

inline DrawKey drawKeyOf(int slot, int layer, int64_t cycle) { return {uint64_t{77}, {slot, -3}, layer, 0, cycle}; }

// Notes of the entries of all slots, (layers, slots, sets, capacity), as `list` finds them in a record; 0 elsewhere.
template <class T, class List>
std::vector<T> notesOf(const DeviceCaches& caches, const std::vector<WorldSequence>& sequences, const List& list) {
  const CacheCompression& cache = caches.cache;
  std::vector<T> all(static_cast<size_t>(cache.noteAt(cache.layers, 0, 0)), T{});
  for (size_t s = 0; s < sequences.size(); ++s) {
    for (int layer = 0; layer < cache.layers; ++layer) {
      const World& world = sequences[s].layers[static_cast<size_t>(layer)];
      for (int set = 0; set < cache.sets && world.record; ++set) {
        const auto values = list(world.record->view(0, set));
        std::copy(values.begin(), values.end(), all.begin() + cache.noteAt(layer, static_cast<int>(s) + 1, set));
      }
    }
  }
  return all;
}

// `cut` names an array that is an element too short.
inline Passes passesOn(TestDevice& device, const DeviceCaches& caches, const Recipe& recipe,
                       const std::vector<WorldSequence>& sequences, const std::string& cut = "") {
  Passes passes = passesOf(recipe, caches.cache, caches.plan);
  const auto room = [&](auto zero, const char* name, size_t count) {
    return device.unwritten<decltype(zero)>(name, count - (cut == name));
  };
  Compaction& compaction = passes.compaction;
  if (passes.counts) {
    passes.votes.queries = caches.queries(device, sequences, recipe);
    passes.votes.mostRows = caches.mostRows;
    passes.votes.parts = room(0.0f, "parts", passes.partsRoom());
    passes.votes.totals = room(0.0f, "totals", passes.totalsRoom());
    passes.votes.votes = room(0.0f, "votes", passes.votesRoom());
    passes.ranks.votes = passes.votes.votes;
  }
  std::vector<uint64_t> lots;
  for (const Due& due : caches.plan.due) lots.push_back(lotOf(drawKeyOf(due.slot, 0, 0).seed, {due.slot, -3}));
  passes.ranks.lots = device.input("lots", lots);
  const auto noted = [&](const char* name, auto zero, const auto& list) {
    return device.array(name, notesOf<decltype(zero)>(caches, sequences, list));
  };
  if (recipe.record == Record::mass) {
    compaction.mass = noted("mass", 0.0f, [](const RecordView& view) { return view.mass; });
  }
  if (recipe.record == Record::stamp || recipe.record == Record::recurrence) {
    compaction.stamps = noted("stamps", 0, [](const RecordView& view) { return view.stamps; });
  }
  if (recipe.record == Record::recurrence) {
    compaction.gaps = noted("gaps", 0, [](const RecordView& view) { return view.gaps; });
  }
  passes.ranks.mass = compaction.mass;
  passes.ranks.stamps = compaction.stamps;
  passes.ranks.gaps = compaction.gaps;
  passes.ranks.ranks = room(0.0, "ranks", passes.ranksRoom());
  passes.redundancy.ranks = passes.shuffling.ranks = passes.widest.ranks = passes.ranks;
  passes.choice.ranks = passes.ranks.ranks;
  if (passes.compares) {
    passes.redundancy.scales = room(0.0f, "scales", passes.keysRoom());
    passes.redundancy.sums = room(0.0f, "sums", passes.keysRoom());
    passes.redundancy.dropped = room(0ull, "dropped", passes.keysRoom());
  }
  if (passes.shuffles) passes.choice.ranks = passes.shuffling.shuffled = room(0.0, "shuffled", passes.ranksRoom());
  if (passes.widens) {
    passes.widest.choice.ranks = passes.widest.widths = room(0.0, "widths", passes.ranksRoom());
    passes.widest.choice.kept = room(0, "widest", passes.keptRoom());
  }
  if (passes.shares) {
    passes.sharing.ranks = passes.choice.ranks;
    passes.sharing.shares = room(0, "shares", passes.sharesRoom());
    passes.choice.shares = compaction.shares = passes.sharing.shares;
  }
  passes.choice.kept = room(0, "kept", passes.keptRoom());
  passes.uniting.kept = compaction.kept = passes.choice.kept;
  if (passes.unites) {
    passes.uniting.marks = room(0, "marks", passes.heldRoom());
    compaction.united = passes.uniting.staying = room(0, "united", passes.heldRoom());
    compaction.unitedCounts = passes.uniting.counts = room(0, "united counts", passes.unitedRoom());
  }
  return passes;
}

}  // namespace pathpress::cuda
