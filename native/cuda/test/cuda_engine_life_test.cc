// What happens to requests on a device beside their tokens: they are aborted, preempted, refused, find no memory, and ask
// for more room than those before them.
#include <numeric>

#include "../../engine/errors.h"
#include "closeness.h"
#include "engine_cases.h"

namespace pathpress::cuda {
namespace {

PoolCensus censusOf(Engine& engine) {
  std::promise<PoolCensus> counted;
  engine.census([&](const PoolCensus& census) { counted.set_value(census); });
  return counted.get_future().get();
}

// Does something to the engine at a token of its first request.
struct Meddler : Collector {
  Meddler(size_t requests, size_t at, std::function<void()> act)
      : Collector(requests), at_(at), act_(std::move(act)) {}
  void token(size_t request, int32_t id) override {
    Collector::token(request, id);
    if (request == 0 && tokens[0].size() == at_) act_();
  }

 private:
  size_t at_;
  std::function<void()> act_;
};

void aborted() {
  const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, 3, deviation);
  DeviceEngine device(drawn);
  Engine& engine = device.engine();
  std::vector<Request> requests = requestsOf(policyOf("rpc"));
  requests[0].maxTokens = requests[1].maxTokens = 60;
  PoolCensus during;
  const auto meddler = std::make_shared<Meddler>(requests.size(), 20, [&] {
    engine.census([&](const PoolCensus& census) { during = census; });
    engine.stop(1, 1, Finish::stop);
    engine.abort(1);
  });
  engine.start(1, requests, 2, meddler);
  meddler->finished.get_future().wait();
  CHECK(oneResultEach(*meddler));
  CHECK(meddler->results[0].at(0).finish == Finish::aborted && meddler->results[0][0].ids.size() >= 20);
  CHECK(meddler->results[1].at(0).finish == Finish::stop);
  CHECK(during.held == during.used && during.distinct == during.held && during.held >= 2);
  const PoolCensus after = censusOf(engine);
  CHECK(after.used == 0 && after.held == 0 && after.free == after.total && after.total == (size_t{1} << 19) / 32768);
}

// Its cache is taken away twice, and it comes to the same end; so does who runs beside it.
void preempted() {
  const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, 3, deviation);
  for (const char* const name : {"rpc", "h2o", "adaptive", "lookahead", "adakv", "rpc of heads"}) {
    DeviceEngine device(drawn);
    Engine& engine = device.engine();
    const PolicyOptions policy = engaged(name);
    std::vector<Request> requests = requestsOf(policy);
    for (Request& request : requests) request.sampling = {.temperature = 1, .seed = 6};
    const auto want = finish(engine, 1, requests, 2);
    const auto meddler = std::make_shared<Meddler>(requests.size(), 15, [&] {
      engine.preempt(2, 0);
      engine.preempt(2, 1);
    });
    engine.start(2, requests, 2, meddler);
    meddler->finished.get_future().wait();
    for (size_t i = 0; i < requests.size(); ++i) {
      CHECK_CASE(sameResult(meddler->results[i].at(0), want->results[i].at(0)), name + std::to_string(i));
    }
  }
}

// What an engine on a device says to a request, with its code.
std::string said(Engine& engine, const Request& request) {
  try {
    const auto collector = finish(engine, 9, {request}, 1);
    return collector->failures[0].empty() ? collector->end : collector->failures[0][0];
  } catch (const EngineError& error) {
    return error.code + " " + error.what();
  }
}

void refused() {
  const DrawnModel drawn(configOf("qwen3", 1, 2), DType::f32, 3, deviation);
  DeviceEngine device(drawn);
  const auto refuses = [&](const std::string& policy, const std::string& why, const std::function<void(Request&)>& ask) {
    Request request = requestOf(policyOf(policy), 5, 9);
    ask(request);
    const std::string answer = said(device.engine(), request);
    CHECK_CASE(answer.starts_with("BAD_OPTION device cuda: ") && answer.find(why) != std::string::npos, policy + ": " + answer);
  };
  refuses("rpc", "preset reference", [](Request& r) { r.policy.preset = "reference"; });
  refuses("rpc", "kernel 259", [](Request& r) { r.policy.kernel = 259; });
  refuses("full", "assumed", [](Request& r) { r.assumed = {5, 3}; });
  CHECK(said(device.engine(), requestOf(policyOf("rpc"), 5, 9)).empty());
}

struct Answer {
  std::vector<float> logits;
  std::string code;
};
Answer logitsOf(Engine& engine, const std::vector<int32_t>& ids) {
  std::promise<Answer> done;
  engine.logits(ids, [&](std::vector<float>&& logits, const std::string& code, const std::string&) {
    done.set_value({std::move(logits), code});
  });
  return done.get_future().get();
}

// Of whole texts, longer than a step has rows, as the CPU's but for what bfloat16 leaves; before anything else ran,
// after, and beside.
void logits() {
  const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, 3, deviation);
  Engine cpu(engineOptions(drawn));
  DeviceEngine device(drawn), onePage(drawn, 32768);
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 70; ++i) ids.push_back(i * 7 % 60);
  const Answer want = logitsOf(cpu, ids), first = logitsOf(device.engine(), ids);
  CHECK(first.code.empty() && first.logits.size() == want.logits.size());
  within(0.05f, difference(first.logits, want.logits), "deviations", "logits of a text");
  const std::vector<Request> requests = requestsOf(policyOf("rpc"));
  Answer beside;
  const auto meddler = std::make_shared<Meddler>(requests.size(), 5, [&] {
    device.engine().logits({ids.begin(), ids.begin() + 40}, [&](std::vector<float>&& logits, const std::string& code, const std::string&) {
      beside = {std::move(logits), code};
    });
  });
  device.engine().start(1, requests, 2, meddler);
  meddler->finished.get_future().wait();
  CHECK(oneResultEach(*meddler) && beside.code.empty());
  CHECK(std::equal(beside.logits.begin(), beside.logits.end(), first.logits.begin()) && beside.logits.size() == 40 * 60);
  CHECK(logitsOf(device.engine(), ids).logits == first.logits && censusOf(device.engine()).used == 0);
  CHECK(logitsOf(onePage.engine(), ids).code == "OUT_OF_MEMORY" && censusOf(onePage.engine()).used == 0);
}

void shapes() {
  ModelConfig config = configOf("qwen3", 1, 2);
  config.headDim = 32;
  const DrawnModel narrow(config, DType::bf16, 3, deviation);
  const std::string what = check::thrown([&] { DeviceEngine(narrow, 0); });
  CHECK_CASE(what == "device cuda: head_dim 32 is not 64 or 128", what);
}

// What is said to fit is taken at once, and not a token more.
void takesWhatFits(Engine& engine, const PolicyOptions& policy) {
  const std::string all = said(engine, requestOf(policy, 5, 10'000'000)), before = " has room for ";
  const size_t at = all.find(before);
  if (!CHECK_CASE(all.starts_with("OUT_OF_MEMORY ") && at != std::string::npos, all)) return;
  const int fits = std::atoi(all.c_str() + at + before.size());
  Request request = requestOf(policy, 5, fits + 1);
  CHECK_CASE(said(engine, request).starts_with("OUT_OF_MEMORY "), all);
  request.maxTokens = fits;
  request.stopIds.resize(60);
  std::iota(request.stopIds.begin(), request.stopIds.end(), 0);
  CHECK_CASE(fits > 1000 && said(engine, request).empty(), all + said(engine, request));
}

void memory() {
  const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, 3, deviation);
  const std::string what = check::thrown([&] { DeviceEngine(drawn, 0, 100000); });
  CHECK_CASE(what.starts_with("device cuda: the weights need ") && what.ends_with(" bytes of the GPU's memory, of which 100000 are free"),
             what);

  // Beside weights and state there is room for pages, but not for as many as these would be.
  DeviceEngine small(drawn, 0, size_t{32} << 20), onePage(drawn, 32768);
  const std::string longer = said(small.engine(), requestOf(policyOf("full"), 5, 60000));
  CHECK_CASE(longer.starts_with("OUT_OF_MEMORY device cuda: 60000 tokens after a prompt of 5 need "), longer);
  PolicyOptions ownSets = policyOf("rpc");
  ownSets.aggregation = "head";
  for (const PolicyOptions& policy : {policyOf("full"), policyOf("rpc"), ownSets, policyOf("h2o")}) {
    takesWhatFits(small.engine(), policy);
  }
  CHECK(said(small.engine(), requestOf(policyOf("full"), 5, 20)).empty());
  const std::string pages = said(onePage.engine(), requestOf(policyOf("full"), 30, 20));
  CHECK_CASE(pages == "OUT_OF_MEMORY request 0, token 4: the KV cache needs 32768 bytes more of the GPU's memory; of its "
                      "32768 bytes 0 are free", pages);
  CHECK(said(onePage.engine(), requestOf(policyOf("full"), 5, 20)).empty());
}

// Requests that need more positions, query rows, notes or places than those before them, and run beside them.
void moreAndMore() {
  const DrawnModel drawn(configOf("qwen2", 1, 2), DType::bf16, 8, deviation);
  DeviceEngine device(drawn), other(drawn);
  Engine& engine = device.engine();
  std::vector<std::shared_ptr<Collector>> all;
  std::vector<Request> requests;
  for (const char* const name : {"full", "rpc", "h2o"}) requests.push_back(requestOf(policyOf(name), 6, 20));
  requests.push_back(requestOf(policyOf("rpc"), 6, 20));
  requests.back().policy.window = 7;
  const auto want = finish(other.engine(), 1, requests, 4);  // first: of emulators one at a time
  for (size_t i = 0; i < requests.size(); ++i) {
    all.push_back(std::make_shared<Collector>(1));
    engine.start(i + 1, {requests[i]}, 1, all.back());
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    all[i]->finished.get_future().wait();
    CHECK_CASE(sameResult(all[i]->results[0].at(0), want->results[i].at(0)), std::to_string(i));
  }
}

// No more places than the cache has room for their longest sequences, unless they are few.
void places() {
  const DrawnModel drawn(configOf("qwen3", 1, 2), DType::bf16, 3, deviation);
  std::vector<Request> requests;
  for (int i = 0; i < 70; ++i) requests.push_back(requestOf(policyOf("full"), 2, 1));
  for (const auto& [pages, places] : {std::pair<size_t, size_t>{8, 64}, {70, 70}}) {
    DeviceEngine device(drawn, pages * 16384);
    CHECK(oneResultEach(*finish(device.engine(), 1, requests, requests.size())));
    CHECK_CASE(device.backend().places() == places, std::to_string(device.backend().places()));
  }
  if (onGpu) return;
  PolicyOptions policy = policyOf("rpc");
  policy.window = 64;  // rows of queries, larger than what such a place has entries for
  for (Request& request : requests) {
    request.policy = policy;
    request.maxTokens = 80;
    request.stopIds.resize(60);
    std::iota(request.stopIds.begin(), request.stopIds.end(), 0);
  }
  for (const auto& [megabytes, places] : {std::pair<size_t, size_t>{5, 64}, {20, 70}}) {
    DeviceEngine device(drawn, 0, megabytes << 20);
    CHECK(oneResultEach(*finish(device.engine(), 1, requests, requests.size())));
    CHECK_CASE(device.backend().places() == places, std::to_string(device.backend().places()));
  }
}

// Memory for fewer places than are easy, and for the rooms of one compression but not of all that are due: everything ends
// as where there is enough, and several run at a time.
void scarce() {
  const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, 3, deviation);
  struct Scarcity {
    const char* name;
    size_t kilobytes, places, widest;
  };
  for (const Scarcity& one : {Scarcity{"h2o", 2400, 4, 4}, {"r-kv", 2000, 8, 2}}) {
    const PolicyOptions policy = policyOf(one.name);
    std::vector<Request> requests;
    for (int i = 0; i < 5; ++i) requests.push_back(requestOf(policy, 40, 24 + i));
    DeviceEngine enough(drawn, 0), device(drawn, 0, one.kilobytes << 10);
    const auto want = finish(enough.engine(), 1, requests, requests.size());
    const auto got = finish(device.engine(), 1, requests, requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      CHECK_CASE(got->results[i].size() == 1 && sameResult(got->results[i][0], want->results[i].at(0)), one.name + std::to_string(i));
    }
    const TellingBackend& backend = device.backend();
    CHECK_CASE(backend.places() == one.places && backend.widest == one.widest,
               std::to_string(backend.places()) + " places, " + std::to_string(backend.widest) + " at a time");
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(engine_life) {
  using namespace pathpress::cuda;
  aborted();
  preempted();
  refused();
  emulatedOnly("logits of whole texts against the CPU's", logits);
  shapes();
  emulatedOnly("too little memory", memory);
  moreAndMore();
  places();
  emulatedOnly("scarce memory", scarce);
}
