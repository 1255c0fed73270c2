// The engine on a device: the same scheduler, requests and results as on the CPU, whose tokens, kept
// positions, triggers and counts of entries it must give. Of two tokens, or two entries, that bfloat16 cannot tell apart
// either may come first: with the seeds below none such decides anything.
#include "closeness.h"
#include "engine_cases.h"

namespace pathpress::cuda {
namespace {

void policies() {
  generate({"qwen3", "full", 3, 0});
  generate({"llama", "rpc", 1, 2});
  generate({"qwen3", "rpc", 1, 2, [](PolicyOptions& p) { p.aggregation = "group"; }});
  generate({"qwen3", "rpc", 1, 2, [](PolicyOptions& p) { p.selectors = "all"; }});
  generate({"qwen3", "rpc", 3, 2, [](PolicyOptions& p) { p.preset = "reference"; }});
  generate({"qwen2", "random", 1, 2, [](PolicyOptions& p) { p.granularity = "head"; }});
  generate({"qwen3", "recency", 3, 2});
  generate({"qwen3", "rpc-shuffled", 1, 2});
  generate({"qwen3", "rpc-inverted", 3, 2});
  generate({"qwen3", "h2o", 3, 26, [](PolicyOptions& p) { capped(p), p.aggregation = "group"; }});
  generate({"qwen3", "tova", 3, 26, capped});
  generate({"qwen3", "snapkv", 3, 1, capped});
  generate({"qwen3", "snapkv-decode", 3, 2});
  generate({"qwen3", "r-kv", 3, 3, capped});
  generate({"qwen3", "vase", 3, 3, capped});
  generate({"qwen3", "raas", 1, 26, capped});
  generate({"qwen3", "lazy-eviction", 3, 3, capped});
}

// A given output, many tokens a pass: its kept positions, and its log-likelihoods within a bound. They were 0.015 apart:
// what bfloat16 leaves of the roundings of queries, attention and branches, which the CPU keeps in float32.
void replayed() {
  struct Given {
    const char* name;
    uint64_t seed;
  };
  for (const auto& [name, seed] : {Given{"full", 3}, {"rpc", 3}, {"h2o", 3}, {"adaptive", 3}, {"streaming", 3}, {"lookahead", 1}}) {
    const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, seed, deviation);
    std::vector<Request> requests = requestsOf(policyOf(name));
    for (Request& request : requests) {
      for (int64_t i = 0; i < request.maxTokens; ++i) request.forced.push_back(static_cast<int32_t>(i * 11 % 60));
    }
    Engine cpu(engineOptions(drawn));
    DeviceEngine device(drawn);
    const auto want = finish(cpu, 1, requests, 2), got = finish(device.engine(), 1, requests, 2);
    float most = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      const std::string what = std::string("replay, ") + name + ", request " + std::to_string(i);
      const Result &ours = got->results[i].at(0), &theirs = want->results[i].at(0);
      CHECK_CASE(agree(ours, theirs), what);
      if (!CHECK_CASE(ours.logLikelihoods.size() == requests[i].forced.size(), what)) continue;
      for (size_t t = 0; t < requests[i].forced.size(); ++t) {
        most = std::max(most, std::abs(ours.logLikelihoods[t] - theirs.logLikelihoods[t]));
      }
    }
    std::printf("replay, %s: log-likelihoods within %.4f\n", name, static_cast<double>(most));
    CHECK_CASE(most <= 0.05f, name);
  }
}

// The law: alone, in a batch that others join and leave, and where the pool is too small for all, the same to the bit.
void aloneAndTogether() {
  const DrawnModel drawn(configOf("qwen2", 2, 2), DType::bf16, 8, deviation);
  std::vector<Request> requests;
  for (const char* const name : {"rpc", "full", "h2o", "streaming", "lookahead", "adakv", "rpc of heads"}) {
    for (Request& request : requestsOf(engaged(name))) {
      request.sampling = {.temperature = 1, .topP = 0.9, .seed = 5};
      requests.push_back(request);
    }
  }
  DeviceEngine first(drawn), second(drawn), crowded(drawn, size_t{4} * 32 * 1024);
  const auto alone = finish(first.engine(), 1, requests, 1), together = finish(second.engine(), 1, requests, 4);
  const auto scarce = finish(crowded.engine(), 1, requests, 4);
  CHECK(oneResultEach(*alone) && oneResultEach(*together) && oneResultEach(*scarce));
  for (size_t i = 0; i < requests.size(); ++i) {
    CHECK_CASE(sameResult(together->results[i].at(0), alone->results[i].at(0)), std::to_string(i));
    CHECK_CASE(sameResult(scarce->results[i].at(0), alone->results[i].at(0)), std::to_string(i));
  }
  CHECK(alone->results[0].at(0).ids != alone->results[3].at(0).ids || alone->results[0][0].cache.finalEntries !=
                                                                         alone->results[3][0].cache.finalEntries);
}

// More sequences at a time than a product's smallest kernels have columns for, with prompts beside them that come in pieces.
void many() {
  const DrawnModel drawn(configOf("qwen3", 1, 2), DType::bf16, 8, deviation);
  std::vector<Request> requests;
  for (int i = 0; i < 75; ++i) {
    requests.push_back(requestOf(policyOf(i % 3 == 0 ? "h2o" : "rpc"), 2 + i % 5, 4));
    requests.back().sampling = {.temperature = 1, .seed = 5};
    requests.back().stream[0] = i;
  }
  DeviceEngine first(drawn, size_t{1} << 22), second(drawn, size_t{1} << 22);
  const std::vector<Request> last(requests.end() - 9, requests.end());
  const auto few = finish(first.engine(), 1, last, 4), all = finish(second.engine(), 1, requests, 75);
  CHECK(first.backend().rows() == 64 && second.backend().rows() == 256 && second.backend().places() == 75);
  int wrong = 0;
  for (size_t i = 0; i < last.size(); ++i) wrong += !sameResult(all->results[66 + i].at(0), few->results[i].at(0));
  noneWrong(wrong, "75 sequences at a time and 4");
}

// Steps beside many have room for more of a prompt's rows than notes of attention are kept for at once.
void longPromptsBesideMany() {
  const DrawnModel drawn(configOf("qwen3", 2, 2), DType::bf16, 3, deviation);
  std::vector<Request> requests{requestOf(policyOf("h2o"), 128, 12)};
  capped(requests[0].policy);
  requests[0].policy.keep = 20;
  for (int i = 0; i < 33; ++i) requests.push_back(requestOf(policyOf("full"), 2, 3));
  DeviceEngine first(drawn), second(drawn, size_t{1} << 23, 0, 128);
  const auto alone = finish(first.engine(), 1, {requests[0]}, 1), beside = finish(second.engine(), 1, requests, 34);
  CHECK(second.backend().rows() == 128);
  CHECK(sameResult(beside->results[0].at(0), alone->results[0].at(0)));
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(engine) {
  using namespace pathpress::cuda;
  emulatedOnly("tokens and kept positions against the CPU's", policies);  // other sums lead to other tokens in the end
  emulatedOnly("replays against the CPU's", replayed);
  aloneAndTogether();
  many();
  longPromptsBesideMany();
}
