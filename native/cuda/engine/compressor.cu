#include "compressor.h"

#include <algorithm>

#include "../../engine/errors.h"

namespace pathpress::cuda {

namespace {

int setsOfLayer(const ModelShape& shape, Aggregation sets) {
  return sets == Aggregation::layer ? 1 : sets == Aggregation::group ? shape.kvHeads : shape.heads;
}

// What of a compression follows from shape, recipe and plan.
CacheCompression measuresOf(const ModelShape& shape, const Recipe& recipe, const CompressionPlan& plan) {
  CacheCompression cache{};
  cache.layers = shape.layers;
  cache.kvHeads = shape.kvHeads;
  cache.group = shape.heads / shape.kvHeads;
  cache.dim = shape.dim;
  cache.sets = setsOfLayer(shape, recipe.sets);
  cache.dues = static_cast<int>(plan.due.size());
  cache.chunkCount = static_cast<int>(plan.chunks.size());
  if (recipe.sets == Aggregation::head) {
    cache.own.kvHeads = shape.kvHeads;
    cache.own.group = cache.group;
  }
  return cache;
}

}  // namespace

Compressor::Compressor(Device& device, const ModelShape& shape, const Demand& demand, int slots, int pages)
    : device_(device), shape_(shape), slots_(slots), capacity_(pages * cachePageEntries) {
  const bool wanted[] = {demand.layerSets, demand.groupSets, demand.headSets};
  for (int i = 0; i < 3; ++i) {
    EntryNotes& notes = notes_[i];
    notes.sets = setsOfLayer(shape, static_cast<Aggregation>(i));
    if (!wanted[i]) continue;
    const auto count = static_cast<size_t>(noteAt(notes, shape.layers, 0, 0));
    notes.positions = device.unwritten<int>("entries' positions", count);
    if (&notes == &notesBy(Aggregation::head)) {  // of policies that note no attention
      notes.members = device.unwritten<int>("sets' members", count);
      continue;
    }
    if (demand.mass) notes.mass = device.unwritten<float>("entries' mass", count);
    if (demand.stamps) notes.stamps = device.unwritten<int>("entries' stamps", count);
    if (demand.gaps) notes.gaps = device.unwritten<int>("entries' gaps", count);
  }
}

int64_t Compressor::noteAt(const EntryNotes& notes, int layer, int slot, int set) const {
  return ((int64_t{layer} * slots_ + slot) * notes.sets + set) * capacity_;
}

// Those of its own sets that it asks for.
EntryNotes Compressor::notesOf(const Recipe& recipe) const {
  EntryNotes notes = notesBy(recipe.sets);
  if (recipe.record != Record::mass) notes.mass = {};
  if (recipe.record != Record::stamp && recipe.record != Record::recurrence) notes.stamps = {};
  if (recipe.record != Record::recurrence) notes.gaps = {};
  return notes;
}

double Compressor::roomBytes(const ModelShape& shape, const Recipe& recipe, const Progress& progress, int entries, int held) {
  const Keep all{0, entries - 1, 0};
  const int ring = static_cast<int>(recipe.queries);
  const CompressionPlan plan = planCompression(recipe, {{0, entries, 0, ring, progress, all, shape.kvHeads, held}});
  const double compressing = passesOf(recipe, measuresOf(shape, recipe, plan), plan).roomBytes();
  if (recipe.record == Record::none) return compressing;
  const CompressionPlan row = planObservation({{0, entries, 0, 1, 1, entries - 1}});
  return std::max(compressing, observationOf(recipe, measuresOf(shape, recipe, row), row).rooms().roomBytes());
}

CacheCompression Compressor::cacheOf(const Decoder& decoder, const Recipe& recipe, const CompressionPlan& plan) {
  const DecodeStep& step = decoder.step();
  const EntryNotes notes = notesOf(recipe);
  CacheCompression cache = measuresOf(shape_, recipe, plan);
  cache.pages = step.pages;
  cache.table = step.table.pages;
  cache.lengths = step.sequences.entries;
  cache.positions = notes.positions;
  cache.due = due_.of(device_, plan.due);
  cache.chunks = chunks_.of(device_, plan.chunks);
  cache.pool = static_cast<int>(step.poolPages);
  cache.slots = slots_;
  cache.tableWidth = step.table.width;
  cache.capacity = capacity_;
  if (recipe.sets == Aggregation::head) {
    cache.own = {notes.members, step.headMasks, step.headPages, step.headLess, shape_.kvHeads, cache.group};
  }
  return cache;
}

Passes Compressor::passesOn(const Decoder& decoder, const Recipe& recipe, const CompressionPlan& plan,
                            const std::vector<uint64_t>& lots, const std::vector<std::vector<float>>* scores) {
  Passes passes = passesOf(recipe, cacheOf(decoder, recipe, plan), plan);
  if (scores) passes.takeGiven();
  const EntryNotes notes = notesOf(recipe);
  if (passes.counts) {
    giveRooms(passes.votes, passes, decoder);
    passes.ranks.votes = passes.votes.votes;
  }
  passes.ranks.lots = lots_.of(device_, lots);
  passes.ranks.mass = passes.compaction.mass = notes.mass;
  passes.ranks.stamps = passes.compaction.stamps = notes.stamps;
  passes.ranks.gaps = passes.compaction.gaps = notes.gaps;
  passes.ranks.ranks = ranks_.of(device_, passes.ranksRoom());
  passes.redundancy.ranks = passes.shuffling.ranks = passes.widest.ranks = passes.ranks;
  passes.choice.ranks = passes.ranks.ranks;
  if (passes.compares) {
    passes.redundancy.scales = scales_.of(device_, passes.keysRoom());
    passes.redundancy.sums = sums_.of(device_, passes.keysRoom());
    passes.redundancy.dropped = dropped_.of(device_, passes.keysRoom());
  }
  if (passes.shuffles) passes.choice.ranks = passes.shuffling.shuffled = shuffled_.of(device_, passes.ranksRoom());
  if (passes.widens) {
    passes.widest.choice.ranks = passes.widest.widths = widths_.of(device_, passes.ranksRoom());
    passes.widest.choice.kept = widest_.of(device_, passes.keptRoom());
  }
  const int sets = passes.ranks.cache.sets;
  for (int i = 0; scores && i < shape_.layers * sets; ++i) {
    const std::vector<float>& own = (*scores)[static_cast<size_t>(i)];
    device_.write(passes.ranks.ranks, passes.ranks.rankAt(i / sets, i % sets, plan.due[0]),
                  std::vector<double>(own.begin(), own.end()));
  }
  if (passes.shares) {
    passes.sharing.ranks = passes.choice.ranks;
    passes.sharing.shares = shares_.of(device_, passes.sharesRoom());
    passes.choice.shares = passes.compaction.shares = passes.sharing.shares;
  }
  passes.choice.kept = kept_.of(device_, passes.keptRoom());
  passes.uniting.kept = passes.compaction.kept = passes.choice.kept;
  if (passes.unites) {
    passes.uniting.marks = marks_.of(device_, passes.heldRoom());
    passes.compaction.united = passes.uniting.staying = united_.of(device_, passes.heldRoom());
    passes.compaction.unitedCounts = passes.uniting.counts = unitedCounts_.of(device_, passes.unitedRoom());
  }
  return passes;
}

void Compressor::compress(Decoder& decoder, const Recipe& recipe, const std::vector<Compressed>& sequences,
                          const std::vector<std::vector<float>>* scores) {
  inParts(sequences.size(), [&](size_t first, size_t count) {
    together(decoder, recipe, sequences.data() + first, count, scores);
  });
}

void Compressor::giveRooms(Votes& votes, const Passes& rooms, const Decoder& decoder) {
  votes.queries = decoder.step().ring.rows;
  votes.mostRows = decoder.step().ring.mostRows;
  votes.parts = parts_.of(device_, rooms.partsRoom());
  votes.totals = totals_.of(device_, rooms.totalsRoom());
  votes.votes = votes_.of(device_, rooms.votesRoom());
}

void Compressor::giveBackRooms() {
  const auto all = [this](auto&... rooms) { (rooms.giveBack(device_), ...); };
  all(due_, chunks_, lots_, parts_, totals_, votes_, scales_, sums_, ranks_, shuffled_, widths_, kept_, widest_, shares_, marks_,
      united_, unitedCounts_, dropped_);
}

// Sequences [first, first + count) by `part`, which throws OUT_OF_MEMORY before it launches anything: none depends on which
// others it goes with, so that fewer go together where there is no memory for all. One alone may have all of it.
template <class Part>
void Compressor::inParts(size_t count, const Part& part) {
  bool emptied = false;
  for (size_t first = 0; first < count;) {
    const size_t together = std::min(count - first, atOnce_);
    try {
      part(first, together);
      first += together;
      emptied = false;
    } catch (const EngineError& error) {
      if (error.code != "OUT_OF_MEMORY" || (together == 1 && emptied)) throw;
      giveBackRooms();
      emptied = true;
      atOnce_ = std::max<size_t>(1, together / 2);
    }
  }
}

std::vector<std::vector<float>> Compressor::ranks(const Decoder& decoder, const Recipe& recipe,
                                                  const Compressed& sequence) {
  std::vector<std::vector<float>> all;
  const CompressionPlan plan = planCompression(recipe, {sequence.due});
  if (plan.due.empty()) return all;
  Passes passes;
  inParts(1, [&](size_t, size_t) { passes = passesOn(decoder, recipe, plan, {sequence.lot}); });
  if (!rank(device_.stream(), passes)) throw EngineError("INTERNAL", "a ranking that no kernel can do");
  const Global<double>& ranked = passes.shuffles ? passes.shuffling.shuffled : passes.ranks.ranks;
  const int sets = passes.ranks.cache.sets;
  for (int i = 0; i < shape_.layers * sets; ++i) {
    const int64_t at = passes.ranks.rankAt(i / sets, i % sets, plan.due[0]);
    const std::vector<double> own = device_.read(ranked, at, static_cast<size_t>(plan.due[0].candidates));
    all.emplace_back(own.begin(), own.end());
  }
  return all;
}

void Compressor::together(Decoder& decoder, const Recipe& recipe, const Compressed* first, size_t count,
                          const std::vector<std::vector<float>>* scores) {
  std::vector<DueSequence> waiting;
  for (size_t i = 0; i < count; ++i) waiting.push_back(first[i].due);
  const CompressionPlan plan = planCompression(recipe, waiting);
  if (plan.due.empty()) return;
  std::vector<uint64_t> lots;
  for (const Due& due : plan.due) {
    lots.push_back(std::find_if(first, first + count, [&](const Compressed& c) { return c.due.slot == due.slot; })->lot);
  }
  const Passes passes = passesOn(decoder, recipe, plan, lots, scores);
  for (const Due& due : plan.due) {
    if (!passes.unites || decoder.uneven(due.slot)) continue;
    decoder.shareOut(due.slot, std::vector<int>(static_cast<size_t>(shape_.layers * shape_.kvHeads), due.held));
  }
  if (!cuda::compress(device_.stream(), passes)) throw EngineError("INTERNAL", "a compression that no kernel can do");
  settle(decoder, plan, passes);
}

void Compressor::settle(Decoder& decoder, const CompressionPlan& plan, const Passes& passes) const {
  if (!passes.shares && !passes.unites) {
    for (const Due& due : plan.due) decoder.shorten(due.slot, due.staying());
    return;
  }
  const std::vector<int> own = passes.shares ? device_.read(passes.sharing.shares, 0, passes.sharesRoom())
                                             : device_.read(passes.uniting.counts, 0, passes.unitedRoom());
  for (size_t d = 0; d < plan.due.size(); ++d) {
    const int others = passes.shares ? plan.due[d].length - plan.due[d].candidates : 0;
    std::vector<int> counts;
    for (size_t i = d; i < own.size(); i += plan.due.size()) counts.push_back(others + own[i]);
    decoder.shareOut(plan.due[d].slot, counts);
  }
}

void Compressor::observe(const Decoder& decoder, const Recipe& recipe, const std::vector<ObservedSequence>& sequences) {
  int most = 0;
  for (const ObservedSequence& one : sequences) most = std::max(most, one.rows);
  for (int row = 0; row < most; ++row) {
    std::vector<ObservedSequence> rows;
    for (ObservedSequence one : sequences) {
      const int later = one.rows - 1 - row;
      if (later < 0) continue;
      one.rows = 1;
      one.length -= later;
      one.lastPosition -= later;
      rows.push_back(one);
    }
    inParts(rows.size(), [&](size_t first, size_t count) {
      const auto from = rows.begin() + static_cast<std::ptrdiff_t>(first);
      observeTogether(decoder, recipe, {from, from + static_cast<std::ptrdiff_t>(count)});
    });
  }
}

void Compressor::observeTogether(const Decoder& decoder, const Recipe& recipe, const std::vector<ObservedSequence>& rows) {
  const EntryNotes notes = notesOf(recipe);
  const CompressionPlan plan = planObservation(rows);
  ObservationPasses passes = observationOf(recipe, cacheOf(decoder, recipe, plan), plan);
  Observation& observation = passes.observation;
  const Passes rooms = passes.rooms();
  giveRooms(passes.votes, rooms, decoder);
  observation.ranks.votes = passes.votes.votes;
  observation.ranks.ranks = ranks_.of(device_, rooms.ranksRoom());
  observation.upperHalf.ranks = observation.ranks.ranks;
  observation.upperHalf.kept = kept_.of(device_, rooms.keptRoom());
  observation.mass = notes.mass;
  observation.stamps = notes.stamps;
  observation.gaps = notes.gaps;
  if (!cuda::observe(device_.stream(), passes)) throw EngineError("INTERNAL", "rows that no kernel can note");
}

void Compressor::resum(const Recipe& recipe, int slot, int count) {
  const EntryNotes notes = notesOf(recipe);
  const std::vector<float> zeros(static_cast<size_t>(count), 0.0f);
  for (int layer = 0; notes.mass && layer < shape_.layers; ++layer) {
    for (int set = 0; set < notes.sets; ++set) device_.write(notes.mass, noteAt(notes, layer, slot, set), zeros);
  }
}

std::vector<int> Compressor::positions(const Recipe& recipe, int layer, int slot, int set, int count) const {
  const EntryNotes notes = notesOf(recipe);
  return device_.read(notes.positions, noteAt(notes, layer, slot, set), static_cast<size_t>(count));
}

std::vector<float> Compressor::mass(const Recipe& recipe, int layer, int slot, int set, int count) const {
  const EntryNotes notes = notesOf(recipe);
  if (!notes.mass) return {};
  return device_.read(notes.mass, noteAt(notes, layer, slot, set), static_cast<size_t>(count));
}

}  // namespace pathpress::cuda
