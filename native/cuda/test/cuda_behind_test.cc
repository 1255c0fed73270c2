// The engine one step behind a device: sequences that end at different steps, each with a row too many in the step that
// was under way, and others that join, against the CPU engine and against the same device in step. And that the host
// reads nothing before it is there.
#include "engine_cases.h"

namespace pathpress::cuda {
namespace {

using emulate::Fault;

// Compressed at every step, at intervals, by heads of their own number, and never; more of them than places.
std::vector<Request> mixed() {
  std::vector<Request> all;
  for (const char* const name : {"rpc", "full", "h2o", "adakv", "rpc", "quest", "random"}) {
    PolicyOptions policy = policyOf(name);
    if (policy.name == "h2o" || policy.name == "adakv") capped(policy);
    if (policy.name == "quest") policy.budget = "cap", policy.keep = 32;
    all.push_back(requestOf(policy, 3 + 2 * static_cast<int>(all.size()), 22));
  }
  return all;
}

// At different steps, among them one at which it is compressed, and the very first.
void stopAtDifferentSteps(std::vector<Request>& requests, const Collector& unstopped) {
  constexpr size_t steps[] = {8, 3, 11, 16, 0, 9};  // the last request goes on to its end
  for (size_t i = 0; i < std::size(steps); ++i) requests[i].stopIds = {unstopped.results[i].at(0).ids.at(steps[i])};
}

PoolCensus censusOf(Engine& engine) {
  std::promise<PoolCensus> counted;
  engine.census([&](const PoolCensus& census) { counted.set_value(census); });
  return counted.get_future().get();
}

void endings() {
  const DrawnModel drawn(configOf("qwen3", 1, 2), DType::bf16, 1, deviation);
  std::vector<Request> requests = mixed();
  Engine cpu(engineOptions(drawn));
  stopAtDifferentSteps(requests, *finish(cpu, 1, requests, 3));
  const auto want = finish(cpu, 2, requests, 3);
  DeviceEngine behind(drawn), inStep(drawn), crowded(drawn, size_t{4} * 16 * 1024);
  inStep.backend().inStep = true;
  const auto late = finish(behind.engine(), 1, requests, 3), atOnce = finish(inStep.engine(), 1, requests, 3);
  const auto scarce = finish(crowded.engine(), 1, requests, 3);
  CHECK(oneResultEach(*late) && oneResultEach(*atOnce) && oneResultEach(*scarce));
  size_t stopped = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::string what = requests[i].policy.name + ", request " + std::to_string(i);
    const Result &ours = late->results[i].at(0), &theirs = want->results[i].at(0);
    if (!onGpu) CHECK_CASE(agree(ours, theirs), what);  // other sums lead to other tokens in the end
    CHECK_CASE(sameResult(ours, atOnce->results[i].at(0)) && sameResult(ours, scarce->results[i].at(0)), what);
    CHECK_CASE(late->tokens[i] == ours.ids, what);
    stopped += theirs.finish == Finish::stop;
  }
  CHECK(stopped == 6);
  CHECK(2 * behind.backend().behind > behind.backend().taken && inStep.backend().behind == 0);
  for (DeviceEngine* const each : {&behind, &inStep, &crowded}) {
    const PoolCensus census = censusOf(each->engine());
    CHECK(census.used == 0 && census.free == census.total && census.total > 0);
  }
}

// Policies that look at what the device computes before they know whether they are due.
void waitedFor() {
  const DrawnModel drawn(configOf("qwen3", 1, 2), DType::bf16, 3, deviation);
  for (const char* const name : {"adaptive", "lookahead"}) {
    DeviceEngine device(drawn);
    CHECK(oneResultEach(*finish(device.engine(), 1, {requestOf(policyOf(name), 4, 12)}, 1)));
    CHECK_CASE(device.backend().behind == 0 && device.backend().taken >= 12, name);
  }
}

// Each has what stood there when it was sent, whatever was written since.
void arrivals() {
  TestDevice device(forward);
  const Global<int> array = device.array<int>("array", {1, 2, 3});
  Arrival<int> first(device, 3), second(device, 3);
  first.send(array);
  device.write(array, 0, std::vector<int>{4, 5});
  second.send(array);
  device.write(array, 1, std::vector<int>{6, 7});
  second.wait();
  CHECK(second[0] == 4 && second[1] == 5 && second[2] == 3);
  first.wait();
  CHECK(first[0] == 1 && first[1] == 2 && first[2] == 3);
  first.send(array);
  first.wait();
  CHECK(first[0] == 4 && first[1] == 6 && first[2] == 7 && device.faults().none());
}

void unawaited() {
  everyOrderSees(Fault::notAwaited, "values that nobody waited for", [](TestDevice& device) {
    const Global<int> array = device.array<int>("array", {1});
    Arrival<int> arrival(device, 1);
    arrival.send(array);
    CHECK(arrival[0] != 1);
  });
  everyOrderSees(Fault::notAwaited, "a wait for those before", [](TestDevice& device) {
    const Global<int> array = device.array<int>("array", {1});
    Arrival<int> arrival(device, 1);
    arrival.send(array);
    arrival.wait();
    arrival.send(array);
    CHECK(arrival[0] != 1);
  });
  // Each wait of an engine, of the first ones.
  const DrawnModel drawn(configOf("qwen2", 1, 2), DType::bf16, 8, deviation);
  for (int omitted = 0; omitted < 4; ++omitted) {
    auto device = std::make_unique<TestDevice>(forward);
    TestDevice& seen = *device;
    seen.omitHostWait(omitted);
    Engine engine(std::make_unique<CudaBackend>(std::move(device), loadModel(drawn.config, {drawn.path}, 1), CudaOptions()), 7);
    finish(engine, 1, {requestOf(policyOf("full"), 5, 4)}, 1);
    CHECK_CASE(seen.faults().saw(Fault::notAwaited), "the host's wait " + std::to_string(omitted));
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(behind) {
  using namespace pathpress::cuda;
  endings();
  waitedFor();
  arrivals();
  emulatedOnly("planted reads before a wait", unawaited);
}
