// Of the decoder what sequences need whose heads hold entries of their own number.
#include "decoder.h"

#include <algorithm>

namespace pathpress::cuda {

namespace {

size_t size(int64_t value) { return static_cast<size_t>(value); }

}  // namespace

void Decoder::writePages(int slot, size_t head, size_t first, const std::vector<int>& pages) {
  if (pages.empty()) return;
  const int kvHeads = model_.shape.kvHeads;
  const int64_t layer = static_cast<int64_t>(head) / kvHeads, own = static_cast<int64_t>(head) % kvHeads;
  const int64_t row = (layer * limits_.slots + slot) * kvHeads + own;
  device_.write(headPages_, row * limits_.sequencePages + static_cast<int64_t>(first), pages);
}

void Decoder::shareOut(int slot, const std::vector<int>& counts) {
  const ModelShape& shape = model_.shape;
  std::vector<int>& pages = pages_[size(slot)];
  UnevenPages& own = uneven_[size(slot)];
  if (!uneven(slot)) own = UnevenPages(pages, shape.layers, shape.kvHeads);
  own.leave(counts);
  const std::vector<int> kept(pages.begin(), pages.begin() + own.wholePages());
  const std::vector<PageMove> moves = own.gather(kept);
  if (!moves.empty()) {
    device_.write(moves_, 0, moves);
    const int64_t layerPages = step_.poolPages * shape.kvHeads;
    movePages(device_.stream(), {step_.pages, moves_, layerPages, static_cast<int>(moves.size()), shape.dim});
  }
  free(slot, static_cast<int>(kept.size()));
  writeHeads(slot, own);
  read_[size(slot)].uneven = 1;
  device_.write(readings_, slot, std::vector<Reading>{read_[size(slot)]});
  entries_[size(slot)] = own.longest();
  device_.write(step_.sequences.entries, slot, std::vector<int>{own.longest()});
}

// A layer's at once: each write takes as long as a launch.
void Decoder::writeHeads(int slot, const UnevenPages& own) {
  const int kvHeads = model_.shape.kvHeads, width = limits_.sequencePages;
  const std::vector<int> less = own.less();
  for (int layer = 0; layer < model_.shape.layers; ++layer) {
    const int first = layer * kvHeads;
    std::vector<int> rows(size(kvHeads * width), 0);
    for (int h = 0; h < kvHeads; ++h) {
      const std::vector<int>& pages = own.heads()[size(first + h)];
      std::copy(pages.begin(), pages.end(), rows.begin() + h * width);
    }
    const int64_t at = (int64_t{layer} * limits_.slots + slot) * kvHeads;
    device_.write(headLess_, at, std::vector<int>(less.begin() + first, less.begin() + first + kvHeads));
    device_.write(headPages_, at * width, rows);
  }
}

std::vector<int> Decoder::less(int slot) const {
  return uneven(slot) ? uneven_[size(slot)].less() : std::vector<int>();
}

bool Decoder::reserveUneven(int slot, int entries) {
  UnevenPages& own = uneven_[size(slot)];
  const int more = own.missing(entries);
  if (pagesOf(entries) > limits_.sequencePages || more > freePages()) return false;
  for (int i = 0; i < more; ++i) {
    pages_[size(slot)].push_back(free_.back());
    own.add(free_.back());
    free_.pop_back();
  }
  for (size_t i = 0; i < own.heads().size(); ++i) {
    const size_t first = own.heads()[i].size();
    writePages(slot, i, first, own.take(i, entries));
  }
  return true;
}

}  // namespace pathpress::cuda
