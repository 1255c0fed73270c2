// gpu_bench [--shape NAME] PART...: what a GPU does of the floor, a line of JSON a result. Parts: ceilings, products,
// attention, rest, steps, compression, largest; all but the last where none is named. Exit 2 where there is no GPU.
#include <cstdio>
#include <set>

#include "../../engine/errors.h"
#include "parts.h"
#include "report.h"

namespace pathpress::cuda::bench {
namespace {

void run(const std::string& shape, const std::set<std::string>& parts) {
  const bool tiny = shape == "tiny";
  const Machine machine = machineOf(0);
  Line("device").text("name", machine.name).text("driver", machine.driver).text("runtime", machine.runtime)
      .number("processors", machine.processors).number("clockKilohertz", machine.clockKilohertz)
      .number("memoryClockKilohertz", machine.memoryClockKilohertz).number("bytes", static_cast<double>(machine.bytes))
      .number("cacheBytes", machine.cacheBytes);
  // A device of its own a part, so that each part's memory is free again for the next.
  const auto alone = [&](const auto& part) {
    const std::unique_ptr<Device> device = openDevice();
    Stopwatch watch(*device);
    part(*device, watch);
  };
  if (parts.empty() || parts.count("ceilings") > 0) {
    alone([&](Device& device, Stopwatch& watch) { measureCeilings(device, watch, tiny); });
  }
  const NamedShape named = shapeNamed(shape);
  Line("shape").text("name", named.name).number("weightBytes", weightBytes(named.shape))
      .number("modelBytes", modelBytes(named)).number("entryBytes", entryBytes(named.shape));
  struct Part {
    const char* name;
    void (*measure)(const Bench&);
    bool asked;  // only where it is named
  };
  constexpr Part all[] = {{"products", measureProducts, false}, {"attention", measureAttention, false},
                          {"rest", measureRest, false},         {"steps", measureSteps, false},
                          {"compression", measureCompressions, false}, {"largest", measureLargest, true}};
  for (const auto& [name, part, asked] : all) {
    if (parts.count(name) == 0 && (asked || !parts.empty())) continue;
    const uint64_t before = freeBytes();
    alone([&, part = part](Device& device, Stopwatch& watch) {
      const DeviceModel model = randomModel(device, named, tiny ? 128 : 33100);
      part({device, named, model, watch, tiny, before});
    });
  }
}

}  // namespace
}  // namespace pathpress::cuda::bench

int main(int count, char** arguments) {
  std::string shape = "R1-Distill-Qwen-7B";
  std::set<std::string> parts;
  for (int i = 1; i < count; ++i) {
    if (std::string(arguments[i]) == "--shape" && i + 1 < count) shape = arguments[++i];
    else parts.insert(arguments[i]);
  }
  try {
    pathpress::cuda::bench::run(shape, parts);
    return 0;
  } catch (const pathpress::EngineError& error) {
    std::fprintf(stderr, "gpu_bench: %s: %s\n", error.code.c_str(), error.what());
    return 1;
  }
}
