// Draws on the device against the CPU engine's sampler: the same logits, options and seed give the same token.
#include "../sample.h"

#include <cmath>

#include "../../engine/random.h"
#include "../../engine/sampler.h"
#include "closeness.h"
#include "draw.h"

namespace pathpress::cuda {
namespace {

struct Case {
  std::string name;
  std::vector<float> logits;
  Sampling sampling;
};

// Normal around 0 and steep enough that a few tokens have most of the mass, as a language model's are; every third is
// rounded, so that there are ties.
std::vector<float> peaked(int vocab, uint64_t seed, float scale) {
  std::vector<float> logits = drawFloats(static_cast<size_t>(vocab), seed);
  for (size_t i = 0; i < logits.size(); ++i) {
    const float x = logits[i] * logits[i] * logits[i] * scale;
    logits[i] = i % 3 == 0 ? std::round(x) : x;
  }
  return logits;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](const char* name, std::vector<float> logits, const Sampling& sampling) {
    all.push_back({name, std::move(logits), sampling});
  };
  for (const int vocab : {1, 500, 3001, 152064}) {
    if (vocab == 152064 && !onGpu) continue;  // too slow in emulation
    const std::vector<float> logits = peaked(vocab, static_cast<uint64_t>(vocab), 30);
    add("greedy", logits, {});
    add("temperature", logits, {.temperature = 0.6});
    add("top-k", logits, {.temperature = 1, .topK = 7});
    add("top-p", logits, {.temperature = 0.6, .topP = 0.95});
    add("min-p", logits, {.temperature = 2, .minP = 0.05});
    add("all of them", logits, {.temperature = 1.5, .topP = 0.9, .topK = 20, .minP = 0.01});
  }
  // More tokens with a weight than are listed: ones all alike, where ids alone decide, and a plain slope.
  add("flat, top-k", std::vector<float>(3000, 1.5f), {.temperature = 1, .topK = 100});
  add("flat, top-p", std::vector<float>(3000, -0.0f), {.temperature = 1, .topP = 0.3});
  add("flat, both", std::vector<float>(2500, 2), {.temperature = 1, .topP = 0.5, .topK = 1001});
  add("slope", ramp(3000), {.temperature = 700, .topP = 0.8, .topK = 2500});
  // More tokens with a weight than are listed, of which the filters leave few.
  std::vector<float> wide = drawFloats(3000, 8);
  for (float& logit : wide) logit *= 4;
  add("wide", wide, {.temperature = 1});
  add("wide, top-k", wide, {.temperature = 1, .topK = 40});
  add("wide, top-p", wide, {.temperature = 0.9, .topP = 0.9});
  add("wide, min-p", wide, {.temperature = 1, .minP = 0.02});
  add("wide, all of them", wide, {.temperature = 1.1, .topP = 0.95, .topK = 300, .minP = 0.001});
  add("hot", peaked(4096, 3, 30), {.temperature = 1e6, .topP = 0.999});
  add("cold", peaked(300, 4, 30), {.temperature = 1e-4, .topP = 0.9});
  add("ties at the bound", {3, 2, 2, 2, 1, 2}, {.temperature = 1, .topP = 0.75, .topK = 4});
  add("huge", {3e38f, -3e38f, 3e38f, 0}, {.temperature = 0.7});
  return all;
}

constexpr int32_t streams[2] = {5, -9};

// Each row with a token to draw, from its own counter; the sequences' slots are in the rows' order from behind. With
// `entropies` also what each was drawn from, in bits.
std::vector<int> onDevice(TestDevice& device, const std::vector<float>& logits, int vocab, const Sampling& sampling,
                          const std::vector<int>& draws, std::vector<float>* entropies = nullptr) {
  const size_t rows = draws.size();
  const int stride = (vocab + 3) / 4 * 4;
  std::vector<float> padded(rows * static_cast<size_t>(stride), 1e9f);
  std::vector<int> slots, counters(rows), lengths;
  for (size_t r = 0; r < rows; ++r) {
    std::copy(logits.begin(), logits.end(), padded.begin() + static_cast<ptrdiff_t>(r) * stride);
    slots.push_back(static_cast<int>(rows - 1 - r));
    counters[static_cast<size_t>(slots[r])] = draws[r];
    lengths.push_back(10 + static_cast<int>(r));
  }
  const DrawOptions options{sampling.temperature, sampling.topP, sampling.minP, sampling.seed,
                            {streams[0], streams[1]}, sampling.topK, entropies != nullptr};
  Draw task;
  task.logits = device.input("logits", padded);
  task.wanted = device.input("wanted", std::vector<int>(rows, 1));
  task.options = device.input("options", std::vector<DrawOptions>(rows, options));
  task.sequences = {device.unwritten<int>("positions", rows), device.unwritten<int>("entries", rows),
                    device.unwritten<int>("drawn", rows), device.array("draws", counters),
                    device.unwritten<float>("entropies", rows)};
  task.rows = {device.input("slots", slots), device.input("rowPositions", lengths), device.input("lengths", lengths),
               static_cast<int>(rows)};
  task.vocab = vocab;
  task.stride = stride;
  drawTokens(device.stream(), task);
  const std::vector<int> drawn = device.values(task.sequences.drawn);
  std::vector<int> ids;
  for (size_t r = 0; r < rows; ++r) ids.push_back(drawn[static_cast<size_t>(slots[r])]);
  if (entropies) *entropies = device.values(task.sequences.entropies);
  return ids;
}

std::vector<int> onCpu(const std::vector<float>& logits, const Sampling& sampling, const std::vector<int>& draws) {
  SamplerScratch scratch;
  std::vector<int> ids;
  for (const int draw : draws) {
    const double random = uniform(sampling.seed, streams, static_cast<uint64_t>(draw));
    ids.push_back(sample(selectKernels("scalar"), logits, sampling, random, scratch));
  }
  return ids;
}

void tokens() {
  std::vector<int> many(3);
  std::iota(many.begin(), many.end(), 0);
  for (Case& c : cases()) {
    c.sampling.seed = 0x123456789ABCDEFu + c.logits.size();
    const std::string name = c.name + ", " + std::to_string(c.logits.size()) + " tokens";
    const int vocab = static_cast<int>(c.logits.size());
    TestDevice device(forward);
    const std::vector<int> all = onCpu(c.logits, c.sampling, many);
    noneWrong(onDevice(device, c.logits, vocab, c.sampling, many) != all, "sample " + name);
    CHECK_CASE(device.faults().none(), device.faults().text());
    if (vocab != 500 && vocab != 2500) continue;
    const std::vector<int> want = onCpu(c.logits, c.sampling, {70000});
    everyOrder(name, [&](TestDevice& each) {
      CHECK_CASE(onDevice(each, c.logits, vocab, c.sampling, {70000}) == want, name);
    });
  }
}

// The CPU's, whose sums have another order, but for one rounding to float32; the token is the same with and without.
void entropies() {
  for (const Case& c : cases()) {
    const int vocab = static_cast<int>(c.logits.size());
    const std::string name = c.name + ", " + std::to_string(vocab) + " tokens";
    const float want = entropyBits(c.logits);
    const auto run = [&](TestDevice& device) {
      std::vector<float> got;
      const std::vector<int> with = onDevice(device, c.logits, vocab, c.sampling, {2, 3}, &got);
      CHECK_CASE(with == onDevice(device, c.logits, vocab, c.sampling, {2, 3}), name);
      for (const float one : got) CHECK_CASE(one == want || std::nextafter(one, want) == want, name);
    };
    if (vocab == 500) everyOrder(name, run);
    TestDevice device(shuffled(6));
    run(device);
    CHECK_CASE(device.faults().none(), device.faults().text());
  }
}

void noNumbers() {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> logits = peaked(70, 1, 5);
    logits[67] = bad;
    for (const double temperature : {0.0, 1.0}) {
      TestDevice device(forward);
      CHECK(onDevice(device, logits, 70, {.temperature = temperature}, {4}) == std::vector<int>{-1});
      CHECK(device.faults().none());
    }
  }
}

// A prompt's rows draw nothing but for the last, and only that moves the sequence on; nobody's row does neither.
void rowsOfAPrompt() {
  TestDevice device(shuffled(4));
  Draw task;
  task.logits = device.input("logits", std::vector<float>{9, 0, 0, 0, 9, 0, 0, 0, 0, 0, 9, 0, 0, 9, 0, 0});
  task.wanted = device.input("wanted", std::vector<int>{0, 0, 1, 0});
  task.options = device.input("options", std::vector<DrawOptions>(2, DrawOptions{0, 1, 0, 0, {0, 0}, 0}));
  task.sequences = {device.array("positions", std::vector<int>{0, 7}), device.array("entries", std::vector<int>{0, 7}),
                    device.array("drawn", std::vector<int>{0, 0}), device.array("draws", std::vector<int>{0, 0})};
  task.rows = {device.input("slots", std::vector<int>{1, 1, 1, -1}), device.input("at", std::vector<int>{7, 8, 9, 0}),
               device.input("lengths", std::vector<int>{8, 9, 10, 0}), 4};
  task.vocab = 3;
  task.stride = 4;
  drawTokens(device.stream(), task);
  CHECK((device.values(task.sequences.drawn) == std::vector<int>{0, 2}));
  CHECK((device.values(task.sequences.draws) == std::vector<int>{0, 1}));
  CHECK((device.values(task.sequences.positions) == std::vector<int>{0, 10}));
  CHECK((device.values(task.sequences.entries) == std::vector<int>{0, 10}));
  CHECK_CASE(device.faults().none(), device.faults().text());
}

void barriers() {
  const Sampling all{.temperature = 0.8, .topP = 0.9, .topK = 20, .minP = 0.01};
  const std::vector<float> logits = peaked(300, 9, 30);
  everyOmissionIsSeen("draw", [&](TestDevice& device) { onDevice(device, logits, 300, all, {3}); });
  everyOmissionIsSeen("draw with entropy", [&](TestDevice& device) {
    std::vector<float> entropy;
    onDevice(device, logits, 300, {}, {3}, &entropy);
  });
}

// A row of logits is asked for once to find the largest, once for an entropy, and twice to list what has a weight.
void bytes() {
  const std::vector<float> logits = peaked(4096, 5, 60);
  struct Row {
    double temperature;
    bool entropy;
    unsigned times;
  };
  for (const auto& [temperature, entropy, times] : {Row{0, false, 1}, {0, true, 2}, {0.6, false, 3}, {0.6, true, 4}}) {
    TestDevice device(forward);
    std::vector<float> bits;
    onDevice(device, logits, 4096, {.temperature = temperature, .topP = 0.95}, {1}, entropy ? &bits : nullptr);
    const emulate::Traffic& traffic = device.traffic("logits");
    CHECK(traffic.distinct == 4096 * 4 / emulate::sectorBytes);
    CHECK(traffic.loaded >= times * traffic.distinct && traffic.loaded <= times * traffic.distinct + 1);
  }
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(sample) {
  using namespace pathpress::cuda;
  tokens();
  entropies();
  noNumbers();
  rowsOfAPrompt();
  barriers();
  emulatedOnly("bytes moved", bytes);
}
