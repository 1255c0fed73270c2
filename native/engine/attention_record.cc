#include "attention_record.h"

#include <algorithm>
#include <numeric>

namespace pathpress {
namespace {

template <class T>
void keep(std::vector<T>& list, std::span<const int32_t> kept) {
  if (list.empty()) return;
  for (size_t i = 0; i < kept.size(); ++i) list[i] = list[static_cast<size_t>(kept[i])];
  list.resize(kept.size());
}

}  // namespace

AttentionRecord::AttentionRecord(const Recipe& recipe, int layers, int kvHeads)
    : record_(recipe.record), threshold_(static_cast<float>(recipe.threshold)),
      sets_(recipe.sets == Aggregation::layer ? 1 : kvHeads) {
  if (kept()) notes_.resize(static_cast<size_t>(layers * sets_));
}

void AttentionRecord::observe(int layer, int set, int32_t position, std::span<const float> weights) {
  Notes& notes = notes_[index(layer, set)];
  if (record_ == Record::mass) {
    notes.mass.resize(weights.size(), 0.0f);
    for (size_t i = 0; i < weights.size(); ++i) notes.mass[i] += weights[i];
    return;
  }
  notes.stamps.resize(weights.size(), position);
  if (record_ == Record::stamp) return stampUpperHalf(notes, position, weights);
  notes.gaps.resize(weights.size(), 0);
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > threshold_)) continue;
    notes.gaps[i] = std::max(notes.gaps[i], position - notes.stamps[i]);
    notes.stamps[i] = position;
  }
}

// The larger half of the weights, the middle one of an odd number included; the lower index wins a tie.
void AttentionRecord::stampUpperHalf(Notes& notes, int32_t position, std::span<const float> weights) const {
  std::vector<int32_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  const auto half = order.begin() + (std::ssize(order) + 1) / 2;
  std::ranges::nth_element(order, half, [&](int32_t a, int32_t b) {
    const float x = weights[static_cast<size_t>(a)], y = weights[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  for (auto i = order.begin(); i != half; ++i) notes.stamps[static_cast<size_t>(*i)] = position;
}

void AttentionRecord::compact(int layer, int set, std::span<const int32_t> kept) {
  Notes& notes = notes_[index(layer, set)];
  keep(notes.mass, kept);
  keep(notes.stamps, kept);
  keep(notes.gaps, kept);
}

void AttentionRecord::clear() {
  for (Notes& notes : notes_) notes = {};
}

void AttentionRecord::resum() {
  for (Notes& notes : notes_) std::ranges::fill(notes.mass, 0.0f);
}

RecordView AttentionRecord::view(int layer, int set) const {
  const Notes& notes = notes_[index(layer, set)];
  return {notes.mass, notes.stamps, notes.gaps};
}

size_t AttentionRecord::bytes() const {
  size_t bytes = 0;
  for (const Notes& notes : notes_) {
    bytes += notes.mass.size() * sizeof(float) + (notes.stamps.size() + notes.gaps.size()) * sizeof(int32_t);
  }
  return bytes;
}

}  // namespace pathpress
