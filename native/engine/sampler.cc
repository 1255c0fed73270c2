#include "sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pathpress {
namespace {

double sumOf(std::span<const int> ids, const std::vector<double>& weights) {
  double sum = 0;
  for (const int id : ids) sum += weights[static_cast<size_t>(id)];
  return sum;
}

}  // namespace

bool allFinite(std::span<const float> logits) {
  bool finite = true;
  for (const float logit : logits) finite &= (__builtin_bit_cast(uint32_t, logit) & 0x7F800000u) != 0x7F800000u;
  return finite;
}

float entropyBits(std::span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double total = 0, weighed = 0;
  for (const float logit : logits) {
    const double weight = std::exp(logit - top);
    total += weight;
    weighed += weight * (logit - top);
  }
  return static_cast<float>((std::log(total) - weighed / total) / std::log(2.0));
}

float logLikelihood(std::span<const float> logits, int32_t id) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += std::exp(logit - top);
  return static_cast<float>(logits[static_cast<size_t>(id)] - top - std::log(total));
}

int sample(const Kernels& kernels, std::span<const float> logits, const Sampling& sampling, double random,
           SamplerScratch& scratch) {
  const size_t best = kernels.highest(logits.data(), logits.size());
  if (best == logits.size()) return -1;
  if (sampling.temperature == 0) return static_cast<int>(best);
  std::vector<double>& weights = scratch.weights;
  std::vector<int>& ids = scratch.ids;
  weights.resize(logits.size());
  ids.resize(logits.size());
  double total = kernels.temper(logits.data(), logits.size(), logits[best], sampling.temperature, weights.data());
  std::iota(ids.begin(), ids.end(), 0);
  const auto weight = [&](int id) { return weights[static_cast<size_t>(id)]; };
  const auto likelier = [&](int a, int b) { return weight(a) != weight(b) ? weight(a) > weight(b) : a < b; };
  const auto leaveOut = [&](double lighter) {
    size_t kept = 0;
    for (const int id : ids) {  // most leave, in no order that a processor could foresee
      ids[kept] = id;
      kept += weight(id) >= lighter;
    }
    ids.resize(kept);
  };

  if (sampling.topK > 0 && static_cast<size_t>(sampling.topK) < ids.size()) {
    std::nth_element(ids.begin(), ids.begin() + sampling.topK, ids.end(), likelier);
    ids.resize(static_cast<size_t>(sampling.topK));
    total = sumOf(ids, weights);
  }
  if (sampling.topP < 1) {
    // Tokens this light are outside the nucleus even taken all together: no need to sort them.
    leaveOut((1 - sampling.topP) * total / static_cast<double>(ids.size()));
    std::sort(ids.begin(), ids.end(), likelier);
    double sum = 0;
    size_t kept = 0;
    while (kept < ids.size() && (kept == 0 || sum < sampling.topP * total)) sum += weight(ids[kept++]);
    ids.resize(kept);
  }
  if (sampling.minP > 0) leaveOut(sampling.minP);

  std::sort(ids.begin(), ids.end());
  double left = random * sumOf(ids, weights);
  for (const int id : ids) {
    left -= weight(id);
    if (left < 0) return id;
  }
  return ids.back();
}

}  // namespace pathpress
