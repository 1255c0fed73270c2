#include "query_rows.h"

#include <algorithm>
#include <new>
#include <string>

#include "errors.h"

namespace pathpress {

int64_t QueryRows::capacity(const Recipe& recipe, int64_t promptTokens, int64_t maxTokens) {
  switch (recipe.selectors) {
    case Selectors::none: break;
    case Selectors::recent: return std::min(recipe.queries, promptTokens + maxTokens);
    case Selectors::prompt: return std::min(recipe.queries, promptTokens);
    case Selectors::all: return std::min(recipe.queries, maxTokens);
  }
  return 0;
}

QueryRows::QueryRows(const Recipe& recipe, int64_t promptTokens, int64_t maxTokens, int layers, int width)
    : selectors_(recipe.selectors), prompt_(promptTokens), capacity_(capacity(recipe, promptTokens, maxTokens)),
      width_(width) {
  int64_t floats = 0;  // a window may be any number
  const bool countable = !__builtin_mul_overflow(capacity_, int64_t{width} * layers, &floats) && floats < INT64_MAX / 16;
  try {
    if (!countable) throw std::bad_alloc();
    data_.resize(static_cast<size_t>(floats));
  } catch (const std::bad_alloc&) {
    throw EngineError("OUT_OF_MEMORY", "the query rows that the policy keeps: " + std::to_string(capacity_) + " rows of " +
                                           std::to_string(int64_t{width} * layers * 4) + " bytes");
  }
}

// Rows take turns by position; the prompt's last `capacity` never share a slot, and nobody asks for the others.
int64_t QueryRows::slotIndex(int64_t position) const { return position % capacity_; }

float* QueryRows::slot(int layer, int64_t position) {
  const bool generated = position >= prompt_, late = position >= prompt_ - capacity_;
  const bool wanted = selectors_ == Selectors::prompt   ? late && !generated
                      : selectors_ == Selectors::recent ? late
                                                        : generated;
  if (capacity_ == 0 || !wanted) return nullptr;
  return data_.data() + (layer * capacity_ + slotIndex(position)) * width_;
}

int64_t QueryRows::position(int64_t i, int64_t rows, int64_t written) const {
  const int64_t end = selectors_ == Selectors::prompt ? prompt_ : prompt_ + written;
  return end - rows + i;
}

void QueryRows::gather(int layer, int head, int dim, int64_t rows, int64_t written, float* out) const {
  for (int64_t i = 0; i < rows; ++i) {
    const float* from = row(layer, position(i, rows, written)) + static_cast<int64_t>(head) * dim;
    std::copy(from, from + dim, out + i * dim);
  }
}

const float* QueryRows::row(int layer, int64_t position) const {
  return data_.data() + (layer * capacity_ + slotIndex(position)) * width_;
}

}  // namespace pathpress
