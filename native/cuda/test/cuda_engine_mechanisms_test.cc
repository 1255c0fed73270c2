// The engine on a device under policies that need more than sets that shrink alike: intervals that end by entropy, keys
// that turn at reading, looking ahead, read sets, sets of unequal size.
#include "engine_cases.h"

namespace pathpress::cuda {
namespace {

void policies() {
  generate({"qwen3", "adaptive", 1, 3});
  generate({"qwen3", "streaming", 3, 26, [](PolicyOptions& p) { capped(p), p.sinks = 2; }});
  generate({"llama", "streaming", 3, 2});
  generate({"glm4", "streaming", 1, 26, [](PolicyOptions& p) { capped(p), p.sinks = 3; }});
  generate({"llama", "adaptive", 6, 5, [](PolicyOptions& p) { p.moment = "unsure"; }});
  generate({"qwen3", "lookahead", 3, 2, [](PolicyOptions& p) { p.ahead = 4; }});
  generate({"llama", "lookahead", 2, 2});
  generate({"qwen3", "adakv", 3, 1, capped});
  const auto shared = [](PolicyOptions& p) { capped(p), p.keep = 30, p.floor = 0; };
  generate({"llama", "adakv", 8, 1, shared, 2, 60});
  const auto own = [](PolicyOptions& p) { p.aggregation = "head"; };
  generate({"qwen3", "rpc", 3, 2, own});
  generate({"qwen3", "rpc", 1, 2, [](PolicyOptions& p) { capped(p), p.aggregation = "head"; }});
  generate({"qwen3", "rpc", 1, 2, [](PolicyOptions& p) { p.aggregation = "head", p.preset = "reference"; }});
  generate({"llama", "rpc", 14, 1, [](PolicyOptions& p) { p.aggregation = "head", p.interval = 40, p.ratio = 4; }, 2, 40});
  generate({"qwen3", "quest", 3, 0, [](PolicyOptions& p) { p.keep = 32; }, 4, 45});
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(engine_mechanisms) {
  using namespace pathpress::cuda;
  emulatedOnly("tokens and kept positions against the CPU's", policies);
}
