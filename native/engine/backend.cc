#include "backend.h"

#include <algorithm>

#include "query_rows.h"
#include "sequence.h"

namespace pathpress {

void Demand::cover(const Demand& other) {
  places = std::max(places, other.places);
  entries = std::max(entries, other.entries);
  positions = std::max(positions, other.positions);
  queryRows = std::max(queryRows, other.queryRows);
  readPages = std::max(readPages, other.readPages);
  blocks = std::max(blocks, other.blocks);
  roomBytes = std::max(roomBytes, other.roomBytes);
  layerSets |= other.layerSets;
  groupSets |= other.groupSets;
  headSets |= other.headSets;
  uneven |= other.uneven;
  mass |= other.mass;
  stamps |= other.stamps;
  gaps |= other.gaps;
}

bool Demand::covers(const Demand& other) const {
  Demand both = *this;
  both.cover(other);
  return both == *this;
}

Demand demandOf(const Request& request, const Policy& policy, int group) {
  const Recipe recipe = policy.recipe();
  Demand demand;
  demand.places = 1;
  demand.entries = mostEntries(request, policy, group);
  demand.positions = static_cast<int64_t>(request.promptIds.size()) + request.maxTokens;
  demand.queryRows = QueryRows::capacity(recipe, static_cast<int64_t>(request.promptIds.size()), request.maxTokens);
  demand.readPages = recipe.readPages;
  demand.layerSets = policy.evicts() && recipe.sets == Aggregation::layer;
  demand.groupSets = policy.evicts() && recipe.sets == Aggregation::group;
  demand.headSets = policy.evicts() && recipe.sets == Aggregation::head;
  demand.uneven = recipe.uneven();
  demand.mass = recipe.record == Record::mass;
  demand.stamps = recipe.record == Record::stamp || recipe.record == Record::recurrence;
  demand.gaps = recipe.record == Record::recurrence;
  return demand;
}

}  // namespace pathpress
