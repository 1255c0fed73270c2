#include "query_rows.h"

#include <algorithm>
#include <new>
#include <string>

#include "errors.h"

namespace pathpress {

QueryRows::QueryRows(const Recipe& recipe, int64_t promptTokens, int64_t maxTokens, int layers, int width)
    : selectors_(recipe.selectors), prompt_(promptTokens), width_(width) {
  const int64_t tokens = selectors_ == Selectors::none ? 0 : selectors_ == Selectors::prompt ? promptTokens : maxTokens;
  capacity_ = std::min(recipe.queries, tokens);
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

// Decoded tokens take turns; the prompt's last `capacity` rows lie in order.
int64_t QueryRows::slotIndex(int64_t position) const {
  return selectors_ == Selectors::prompt ? position - (prompt_ - capacity_) : (position - prompt_) % capacity_;
}

float* QueryRows::slot(int layer, int64_t position) {
  const bool wanted = selectors_ == Selectors::prompt ? position < prompt_ && position >= prompt_ - capacity_
                                                      : capacity_ > 0 && position >= prompt_;
  if (!wanted) return nullptr;
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
