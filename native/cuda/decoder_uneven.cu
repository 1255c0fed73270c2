// Of the decoder what sequences need whose heads hold entries of their own number.
#include "decoder.h"

#include <algorithm>

namespace pathpress::cuda {

namespace {

size_t size(int64_t value) { return static_cast<size_t>(value); }

}  // namespace

// All sequences' together: a write takes as long as a launch, and heads begin their pages at any step.
void Decoder::settlePages() {
  const size_t most = size(model_.shape.layers) * size(limits_.slots) * size(model_.shape.kvHeads);
  for (size_t begin = 0; begin < noted_.size(); begin += most) {
    const auto from = noted_.begin() + static_cast<std::ptrdiff_t>(begin);
    const std::vector<PageNote> part(from, from + static_cast<std::ptrdiff_t>(std::min(most, noted_.size() - begin)));
    device_.write(notes_, 0, part);
    notePages(device_.stream(), {headPages_, notes_, limits_.sequencePages, static_cast<int>(part.size())});
  }
  noted_.clear();
  std::fill(unsettled_.begin(), unsettled_.end(), 0);
}

void Decoder::shareOut(int slot, const std::vector<int>& counts) {
  settlePages();
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
  if (unsettled_[size(slot)]) settlePages();
  const int kvHeads = model_.shape.kvHeads;
  for (int i = 0; i < static_cast<int>(own.heads().size()); ++i) {
    const int head = (i / kvHeads * limits_.slots + slot) * kvHeads + i % kvHeads;
    auto at = static_cast<int>(own.heads()[size(i)].size());
    for (const int page : own.take(size(i), entries)) {
      noted_.push_back({head, at++, page});
      unsettled_[size(slot)] = 1;
    }
  }
  return true;
}

}  // namespace pathpress::cuda
