// What the tests of whole steps share: small models of each family, the CPU engine's tokens and logits, the device's.
#pragma once

#include <algorithm>
#include <cmath>

#include "../../test/drawn_model.h"
#include "../../test/engine_world.h"
#include "../decoder.h"
#include "../upload.h"
#include "world.h"

namespace pathpress::cuda {

// With every bias that a family may have, and tied embeddings in one of them.
inline ModelConfig configOf(const std::string& family, int layers, int kvHeads) {
  ModelConfig config;
  config.family = family;
  config.layers = layers;
  config.hidden = 64;
  config.intermediate = 96;
  config.heads = 4;
  config.kvHeads = kvHeads;
  config.headDim = 64;
  config.vocab = 60;
  config.normEpsilon = 1e-6;
  config.attentionBias = config.mlpBias = family == "llama";
  config.tiedEmbeddings = family == "qwen2";
  return config;
}

// Of the drawn weights: a matrix then keeps the size of what it is multiplied with, as a trained one roughly does.
constexpr float deviation = 0.125f;

using Logits = std::vector<float>;

struct Generated {
  std::vector<int32_t> ids;
  std::vector<Logits> logits;  // that each id was drawn from
};

struct LogitsKeeper : Collector {
  explicit LogitsKeeper(size_t requests) : Collector(requests), rows(requests) {}
  void logits(size_t request, std::span<const float> row) override {
    rows[request].emplace_back(row.begin(), row.end());
  }
  std::vector<std::vector<Logits>> rows;
};

struct Prompt {
  std::vector<int32_t> ids;
  Sampling sampling;
};

inline std::vector<Prompt> promptsOf(const std::vector<int>& lengths, int vocab, const Sampling& sampling) {
  std::vector<Prompt> prompts;
  for (const int length : lengths) {
    Prompt& prompt = prompts.emplace_back(Prompt{{}, sampling});
    for (int i = 0; i < length; ++i) prompt.ids.push_back((length * 5 + i * 7) % vocab);
  }
  return prompts;
}

// By the scalar kernels, on a cache of bfloat16, with inputs of products and of attention rounded to it, as the device's are.
inline EngineOptions engineOptions(const ModelConfig& config, const std::vector<std::string>& weightFiles) {
  EngineOptions options;
  options.config = config;
  options.weightFiles = weightFiles;
  options.cacheType = "bf16";
  options.products = "bf16";
  options.simd = "scalar";
  return options;
}

inline EngineOptions engineOptions(const DrawnModel& drawn) { return engineOptions(drawn.config, {drawn.path}); }

inline std::vector<Generated> onCpu(const DrawnModel& drawn, const std::vector<Prompt>& prompts, int tokens) {
  Engine engine(engineOptions(drawn));
  std::vector<Request> requests(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    requests[i].promptIds = prompts[i].ids;
    requests[i].policy.name = "full";
    requests[i].sampling = prompts[i].sampling;
    requests[i].maxTokens = tokens;
    requests[i].stream[0] = static_cast<int32_t>(i);
  }
  const auto keeper = std::make_shared<LogitsKeeper>(prompts.size());
  engine.start(1, std::move(requests), prompts.size(), keeper);
  keeper->finished.get_future().wait();
  std::vector<Generated> all;
  for (size_t i = 0; i < prompts.size(); ++i) all.push_back({keeper->results[i].at(0).ids, keeper->rows[i]});
  return all;
}

// Every prompt in a step of its own, then all sequences together a token a step, each in the slot of its number; `first`
// is the number of the first among the CPU engine's streams.
inline std::vector<Generated> onDevice(Decoder& decoder, const std::vector<Prompt>& prompts, int tokens, int first = 0) {
  std::vector<Generated> all(prompts.size());
  std::vector<Decoder::Row> decode;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const int slot = static_cast<int>(i);
    const Sampling& from = prompts[i].sampling;
    decoder.begin(slot, {from.temperature, from.topP, from.minP, from.seed, {first + slot, 0}, from.topK}, {});
    CHECK(decoder.reserve(slot, static_cast<int>(prompts[i].ids.size()) + tokens));
    std::vector<Decoder::Row> rows;
    for (const int32_t id : prompts[i].ids) rows.push_back({slot, id, rows.size() + 1 == prompts[i].ids.size()});
    CHECK(decoder.run(rows));
    all[i].logits.push_back(decoder.logits(static_cast<int>(rows.size()) - 1));
    all[i].ids.push_back(decoder.drawn(slot));
    decode.push_back({slot, -1, true});
  }
  for (int step = 1; step < tokens; ++step) {
    CHECK(decoder.run(decode));
    for (size_t i = 0; i < prompts.size(); ++i) {
      all[i].logits.push_back(decoder.logits(static_cast<int>(i)));
      all[i].ids.push_back(decoder.drawn(static_cast<int>(i)));
    }
  }
  return all;
}

// The deviation of a row's logits.
inline float spread(const Logits& logits) {
  double sum = 0, squares = 0;
  for (const float each : logits) {
    sum += each;
    squares += double{each} * each;
  }
  const double count = static_cast<double>(logits.size()), mean = sum / count;
  return static_cast<float>(std::sqrt(squares / count - mean * mean));
}

// The largest difference, in deviations of the row's logits; infinite where one is no number.
inline float difference(const Logits& got, const Logits& want) {
  float largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const float apart = std::abs(got[i] - want[i]);
    largest = apart == apart ? std::max(largest, apart) : INFINITY;
  }
  return largest / spread(want);
}

// Likewise of the logits that the first `count` tokens and the one after them were drawn from.
inline float difference(const Generated& got, const Generated& want, size_t count) {
  float largest = 0;
  for (size_t t = 0; t < std::min(count + 1, want.logits.size()); ++t) {
    largest = std::max(largest, difference(got.logits.at(t), want.logits[t]));
  }
  return largest;
}

// How many tokens have to be the same: all of them. On a GPU, whose sums fall otherwise than those in emulation, for
// which the seeds were chosen, they are those before two whose logits lie within `bound` deviations on the CPU itself.
inline size_t comparable(const Generated& got, const Generated& want, float bound) {
  const auto [ours, theirs] = std::ranges::mismatch(got.ids, want.ids);
  if (!onGpu || ours == got.ids.end() || theirs == want.ids.end() || *ours < 0) return want.ids.size();
  const auto at = static_cast<size_t>(theirs - want.ids.begin());
  const Logits& logits = want.logits[at];
  const float apart = logits[static_cast<size_t>(*theirs)] - logits.at(static_cast<size_t>(*ours));
  return apart <= bound * spread(logits) ? at : want.ids.size();
}

inline bool sameTokens(const Generated& got, const Generated& want, size_t count) {
  const auto end = want.ids.begin() + static_cast<ptrdiff_t>(count);
  return got.ids.size() == want.ids.size() && std::equal(want.ids.begin(), end, got.ids.begin());
}

}  // namespace pathpress::cuda
