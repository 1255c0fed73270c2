#include "decoder.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "../engine/dtype.h"

namespace pathpress::cuda {

namespace {

// Rows that a step is launched with: a graph each.
constexpr int buckets[] = {1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, maxProductTokens};

size_t size(int64_t value) { return static_cast<size_t>(value); }

template <class T>
size_t elementBytes(const Global<T>&) { return sizeof(T); }
template <class T>
void make(Device& device, const char* name, Global<T>& array, size_t elements) { array = device.unwritten<T>(name, elements); }

}  // namespace

Decoder::Decoder(Device& device, DeviceModel model, const DecoderLimits& limits)
    : device_(device), model_(std::move(model)), limits_(limits), step_(), pages_(size(limits.slots)),
      entries_(size(limits.slots)), read_(size(limits.slots)), uneven_(size(limits.slots)), unsettled_(size(limits.slots)),
      arrivals_{{{device, size(limits.slots)}, {device, size(limits.slots)}},
                {{device, size(limits.slots)}, {device, size(limits.slots)}}} {
  step_.model = &model_;
  allocateWork();
  allocateSequences();
  allocatePool();
  for (int page = limits_.poolPages; page > 0; --page) free_.push_back(page - 1);
}

// Each array of a step: `array(name, which, elements)`.
template <class Array>
void Decoder::eachOfWork(const DeviceModel& model, const DecoderLimits& limits, StepWork& work, const Array& array) {
  const ModelShape& shape = model.shape;
  const size_t rows = size(limits.rows), heads = size(shape.heads), width = size(shape.heads * shape.dim);
  const size_t chunks = size((limits.sequencePages + chunkPages - 1) / chunkPages);
  const auto input = [&limits](int cols) { return size(inputElements(cols, limits.rows)); };
  array("rows' positions", work.positions, rows);
  array("rows' lengths", work.lengths, rows);
  array("state", work.state, rows * size(shape.hidden));
  array("normed", work.normed, input(shape.hidden));
  array("qkv", work.qkv, rows * size(shape.qkvWidth()));
  array("query", work.query, rows * width);
  array("mixed", work.mixed, input(shape.heads * shape.dim));
  array("sums", work.sums, rows * chunks * width);
  array("tops", work.tops, rows * chunks * heads);
  array("totals", work.totals, rows * chunks * heads);
  if (model.layers[0].attentionPostNorm) array("branch", work.branch, rows * size(shape.hidden));
  array("gated", work.gated, input(shape.intermediate));
  array("logits", work.logits, rows * size(shape.logitsWidth()));
  if (limits.readHalves == 0) return;
  const size_t halves = size(limits.sequencePages) * (cachePageEntries / halfEntries), sets = rows * size(shape.kvHeads);
  array("half pages' scores", work.orders, sets * halves);
  array("half pages read", work.chosen, sets * size(limits.readHalves));
}

double Decoder::workBytes(const DeviceModel& model, const DecoderLimits& limits) {
  StepWork none;
  double bytes = 0;
  eachOfWork(model, limits, none, [&bytes](const char*, const auto& array, size_t elements) {
    bytes += static_cast<double>(elements * elementBytes(array));
  });
  return bytes;
}

void Decoder::allocateWork() {
  const size_t rows = size(limits_.rows);
  eachOfWork(model_, limits_, step_.work, [this](const char* name, auto& array, size_t elements) {
    make(device_, name, array, elements);
  });
  const ModelShape& shape = model_.shape;
  const std::pair<Global<Bf16>, int> inputs[] = {
      {step_.work.normed, shape.hidden}, {step_.work.mixed, shape.heads * shape.dim}, {step_.work.gated, shape.intermediate}};
  for (const auto& [input, cols] : inputs) {  // zeros at first, so that what nobody writes is no NaN
    device_.write(input, 0, std::vector<Bf16>(size(inputElements(cols, limits_.rows)), Bf16{0}));
  }
  step_.slots = slots_ = device_.unwritten<int>("rows' slots", rows);
  step_.offsets = offsets_ = device_.unwritten<int>("rows' offsets", rows);
  step_.tokens = tokens_ = device_.unwritten<int>("rows' tokens", rows);
  step_.wanted = wanted_ = device_.unwritten<int>("rows' wanted", rows);
}

void Decoder::allocateSequences() {
  const ModelShape& shape = model_.shape;
  const size_t slots = size(limits_.slots);
  step_.sequences.positions = device_.unwritten<int>("positions", slots);
  step_.sequences.entries = device_.unwritten<int>("entries", slots);
  step_.sequences.drawn = device_.unwritten<int>("drawn", slots);
  step_.sequences.draws = device_.unwritten<int>("draws", slots);
  step_.sequences.entropies = device_.unwritten<float>("entropies", slots);
  step_.options = options_ = device_.unwritten<DrawOptions>("options", slots);
  step_.readings = readings_ = device_.unwritten<Reading>("readings", slots);
  step_.mostChosen = limits_.readHalves;
  if (limits_.readHalves > 0) {
    const size_t halves = size(limits_.sequencePages) * (cachePageEntries / halfEntries), heads = size(shape.kvHeads);
    step_.bounds = device_.unwritten<Bf16>("keys' bounds", size(shape.layers) * slots * heads * halves * 2 * size(shape.dim));
  }
  if (limits_.uneven) {
    const size_t heads = size(shape.layers) * slots * size(shape.kvHeads);
    step_.headPages = headPages_ = device_.unwritten<int>("heads' pages", heads * size(limits_.sequencePages));
    step_.headLess = headLess_ = device_.unwritten<int>("heads' entries less", heads);
    moves_ = device_.unwritten<PageMove>("pages that move", size(shape.layers * shape.kvHeads * limits_.sequencePages));
    notes_ = device_.unwritten<PageNote>("heads' new pages", heads);
    const size_t entries = heads * size(limits_.sequencePages) * cachePageEntries;
    if (limits_.ownSets) step_.headMasks = device_.unwritten<uint16_t>("heads' masks", entries);
  }
  step_.table.pages = table_ = device_.unwritten<int>("table", slots * size(limits_.sequencePages));
  step_.table.width = limits_.sequencePages;
  step_.ringSlots = limits_.slots;
  step_.ring.mostRows = limits_.ringRows;
  if (limits_.ringRows == 0) return;
  step_.ring.rows = device_.unwritten<Bf16>("query rows", size(shape.layers) * slots * size(limits_.ringRows) *
                                                              size(shape.heads * shape.dim));
  step_.ring.rowsOfSlot = ringTurns_ = device_.unwritten<int>("query rows' turns", slots);
  step_.ring.from = ringFrom_ = device_.unwritten<int>("query rows' from", slots);
  step_.ring.until = ringUntil_ = device_.unwritten<int>("query rows' until", slots);
}

// Last, of what is left.
void Decoder::allocatePool() {
  const size_t elements = size(model_.shape.layers * model_.shape.pageElements());
  const double left = std::max(0.0, static_cast<double>(device_.freeBytes()) - limits_.sparedBytes);
  const auto room = static_cast<size_t>(left / poolShare / static_cast<double>(elements * sizeof(Bf16)));
  limits_.poolPages = static_cast<int>(std::min(size(limits_.poolPages), room));
  step_.pages = device_.unwritten<Bf16>("pages", elements * size(limits_.poolPages));
  step_.poolPages = limits_.poolPages;
}

void Decoder::begin(int slot, const DrawOptions& options, const KeptRows& kept, const Reading& reading) {
  for (const Global<int>& counter : {step_.sequences.positions, step_.sequences.entries, step_.sequences.drawn,
                                     step_.sequences.draws}) {
    device_.write(counter, slot, std::vector<int>{0});
  }
  device_.write(step_.sequences.entropies, slot, std::vector<float>{0});
  device_.write(options_, slot, std::vector<DrawOptions>{options});
  if (step_.ring.rows) {
    device_.write(ringTurns_, slot, std::vector<int>{kept.turns});
    device_.write(ringFrom_, slot, std::vector<int>{kept.from});
    device_.write(ringUntil_, slot, std::vector<int>{kept.until});
  }
  device_.write(readings_, slot, std::vector<Reading>{reading});
  read_[size(slot)] = reading;
  entries_[size(slot)] = 0;
}

void Decoder::end(int slot) {
  read_[size(slot)] = {};
  free(slot, 0);
}

void Decoder::shorten(int slot, int entries) {
  entries_[size(slot)] = entries;
  free(slot, pagesOf(entries));
}

void Decoder::cut(int slot, int entries) {
  const int position = device_.read(step_.sequences.positions, slot, 1)[0];
  shorten(slot, entries_[size(slot)] - entries);
  device_.write(step_.sequences.positions, slot, std::vector<int>{position - entries});
  device_.write(step_.sequences.entries, slot, std::vector<int>{entries_[size(slot)]});
}

// All pages of a sequence but its first ones.
void Decoder::free(int slot, int pages) {
  std::vector<int>& own = pages_[size(slot)];
  free_.insert(free_.end(), own.rbegin(), own.rend() - pages);
  own.resize(size(pages));
}

bool Decoder::reserve(int slot, int entries) {
  if (read_[size(slot)].uneven != 0) return reserveUneven(slot, entries);
  std::vector<int>& pages = pages_[size(slot)];
  const int wanted = pagesOf(entries);
  const int more = wanted - static_cast<int>(pages.size());
  if (wanted > limits_.sequencePages || more > freePages()) return false;
  if (more <= 0) return true;
  const std::vector<int> taken(free_.rbegin(), free_.rbegin() + more);
  free_.resize(free_.size() - taken.size());
  device_.write(table_, static_cast<int64_t>(slot) * limits_.sequencePages + static_cast<int64_t>(pages.size()), taken);
  pages.insert(pages.end(), taken.begin(), taken.end());
  return true;
}

bool Decoder::run(const std::vector<Row>& rows, bool logits) {
  settlePages();
  std::vector<int> made[4];
  step_.logits = logits;
  step_.special = false;
  int longest = 1;
  for (size_t r = 0; r < rows.size(); ++r) {
    const bool follows = r > 0 && rows[r - 1].slot == rows[r].slot;
    made[0].push_back(rows[r].slot);
    made[1].push_back(follows ? made[1].back() + 1 : 0);
    made[2].push_back(rows[r].token);
    made[3].push_back(rows[r].draws);
    step_.logits |= rows[r].draws;
    step_.special |= !read_[size(rows[r].slot)].plain();
    longest = std::max(longest, ++entries_[size(rows[r].slot)]);
  }
  step_.rows = *std::lower_bound(std::begin(buckets), std::end(buckets), static_cast<int>(rows.size()));
  // Chunks by powers of two, so that a graph serves for long.
  const int chunks = (longest + chunkPages * cachePageEntries - 1) / (chunkPages * cachePageEntries);
  int power = 0;
  while (1 << power < chunks) ++power;
  step_.reach = std::min(1 << power, (limits_.sequencePages + chunkPages - 1) / chunkPages);
  constexpr int idle[4] = {-1, 0, -1, 0};
  const Global<int>* arrays[4] = {&slots_, &offsets_, &tokens_, &wanted_};
  for (int i = 0; i < 4; ++i) {
    made[i].resize(size(step_.rows), idle[i]);
    if (made[i] != written_[i]) device_.write(*arrays[i], 0, made[i]);
    written_[i] = std::move(made[i]);
  }
  const int key = ((power * (maxProductTokens + 1) + step_.rows) * 2 + step_.logits) * 2 + step_.special;
  return device_.replay(key, [this] { return runStep(device_.stream(), step_); });
}

void Decoder::drawFrom(int slot, int number) { device_.write(step_.sequences.draws, slot, std::vector<int>{number}); }

void Decoder::sendDrawn(int turn, bool entropies) {
  arrivals_[turn].drawn.send(step_.sequences.drawn);
  if (entropies) arrivals_[turn].entropies.send(step_.sequences.entropies);
}

void Decoder::awaitDrawn(int turn, bool entropies) {
  arrivals_[turn].drawn.wait();
  if (entropies) arrivals_[turn].entropies.wait();
}

int Decoder::drawn(int slot) const { return device_.read(step_.sequences.drawn, slot, 1)[0]; }

std::vector<float> Decoder::keys(int layer, int slot, int kvHead, int first, int count) const {
  const int dim = model_.shape.dim;
  std::vector<float> all;
  for (int entry = first; entry < first + count;) {
    const int within = entry % cachePageEntries, together = std::min(first + count - entry, cachePageEntries - within);
    const int64_t page = int64_t{layer} * step_.poolPages + pages_[size(slot)][size(entry / cachePageEntries)];
    const int64_t at = (page * model_.shape.kvHeads + kvHead) * (2 * cachePageEntries * dim);
    const std::vector<Bf16> held = device_.read(step_.pages, at, size(cachePageEntries * dim));
    for (int e = within; e < within + together; ++e) {
      for (int c = 0; c < dim; ++c) all.push_back(bf16ToFloat(held[size(keyAt(e, c))].bits));
    }
    entry += together;
  }
  return all;
}

std::vector<float> Decoder::logits(int row) const {
  const int64_t width = model_.shape.logitsWidth();
  return device_.read(step_.work.logits, row * width, size(model_.shape.vocab));
}

}  // namespace pathpress::cuda
