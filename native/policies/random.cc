// Random generated tokens stay. `persistent` gives a token one priority for life, so that the same share of every
// interval stays; `redraw` draws anew at each compression, which is a soft recency window.
#include "periodic.h"
#include "rows.h"

namespace pathpress {
namespace {

struct Random : PeriodicPolicy {
  explicit Random(const PolicyOptions& o)
      : PeriodicPolicy(o),
        redraw(oneOf<bool>("draw", o.draw, {{"persistent", false}, {"redraw", true}})),
        sets(oneOf<Aggregation>("granularity", o.granularity,
                                {{"layer", Aggregation::layer}, {"head", Aggregation::group}})) {}

  Recipe recipe() const override { return {.scoring = Scoring::priority, .sets = sets, .redraw = redraw}; }

  bool redraw;
  Aggregation sets;
};

}  // namespace

std::unique_ptr<Policy> makeRandom(const PolicyOptions& options) { return std::make_unique<Random>(options); }

}  // namespace pathpress
