// What a policy needs of a sequence beside keys and values.
#pragma once

#include <limits>

#include "attention_record.h"
#include "page_bounds.h"
#include "query_rows.h"

namespace pathpress {

struct SideState {
  SideState(const Recipe& recipe, int64_t promptTokens, int64_t maxTokens, const CacheShape& shape, int heads)
      : queries(recipe, promptTokens, maxTokens, shape.layers, heads * shape.page.dim),
        record(recipe, shape.layers, shape.kvHeads),
        bounds(recipe, promptTokens, shape),
        rotatedAtReading(recipe.rotatedAtReading) {}

  // Forgets what was noted of entries; rows of queries are written anew before they are read.
  void clear() {
    record.clear();
    bounds.clear();
  }

  // Rows of generated tokens that one pass may bring: none may take another's place in the ring of queries, and pages are
  // chosen by bounds that end with the row's own entry.
  int64_t rowsAtOnce() const {
    if (bounds.active()) return 1;
    return queries.capacity() > 0 ? queries.capacity() : std::numeric_limits<int64_t>::max();
  }

  size_t bytes() const { return queries.bytes() + record.bytes() + bounds.bytes(); }

  QueryRows queries;
  AttentionRecord record;
  PageBounds bounds;
  bool rotatedAtReading;  // the cache holds keys unrotated
};

}  // namespace pathpress
