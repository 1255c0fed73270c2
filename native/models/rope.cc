#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>

#include "../engine/errors.h"
#include "model.h"

namespace pathpress {
namespace {

// Llama 3.1's rule: long waves are slowed by `factor`, short ones kept, those between blended.
float scaleLlama3(float frequency, const RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / static_cast<double>(frequency);
  const double longWave = scaling.originalPositions / scaling.lowFrequencyFactor;
  const double shortWave = scaling.originalPositions / scaling.highFrequencyFactor;
  if (wavelength < shortWave) return frequency;
  if (wavelength > longWave) return static_cast<float>(static_cast<double>(frequency) / scaling.factor);
  const double blend = (scaling.originalPositions / wavelength - scaling.lowFrequencyFactor) /
                       (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
  return static_cast<float>((1 - blend) * static_cast<double>(frequency) / scaling.factor +
                            blend * static_cast<double>(frequency));
}

// YaRN's rule (arXiv 2309.00071), as transformers has it: pairs that turn often within the original positions are kept, those
// that turn seldom slowed by `factor`, with a ramp between.
class Yarn {
 public:
  Yarn(const ModelConfig& config, int pairs) : factor_(static_cast<float>(config.ropeScaling.factor)) {
    const RopeScaling& scaling = config.ropeScaling;
    const auto pairOf = [&](double turns) {
      return 2 * pairs * std::log(scaling.originalPositions / (turns * 2 * std::numbers::pi)) / (2 * std::log(config.ropeTheta));
    };
    double low = pairOf(scaling.betaFast), high = pairOf(scaling.betaSlow);
    if (scaling.truncate) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0), high = std::min(high, 2.0 * pairs - 1);
    if (low == high) high += 0.001;
    low_ = static_cast<float>(low), width_ = static_cast<float>(high - low);
  }
  float scale(float frequency, size_t pair) const {
    const float slowed = std::clamp((static_cast<float>(pair) - low_) / width_, 0.0f, 1.0f);
    return frequency / factor_ * slowed + frequency * (1 - slowed);
  }

 private:
  float factor_, low_ = 0, width_ = 1;
};

}  // namespace

Rotary rotaryOf(const ModelConfig& config, const Family& family) {
  const double share = config.ropeFraction == 0 ? family.ropeFraction : config.ropeFraction;
  std::ostringstream what;
  what << "config.json: partial_rotary_factor " << share;
  if (family.ropeFraction == 1 && share != 1) {
    throw EngineError("BAD_CONFIG", what.str() + " is not supported in family " + family.name);
  }
  if (!(share > 0 && share <= 1)) throw EngineError("BAD_CONFIG", what.str() + " is not above 0 and at most 1");
  const int rotated = static_cast<int>(config.headDim * share);
  if (rotated < 2 || rotated % 2 != 0) {
    throw EngineError("BAD_CONFIG", what.str() + " of head_dim " + std::to_string(config.headDim) + " is " +
                                        std::to_string(rotated) + " channels: rotary pairs need an even number");
  }
  return {family.ropePairs, rotated / 2, static_cast<float>(config.ropeScaling.attentionFactor)};
}

std::vector<float> ropeFrequencies(const ModelConfig& config, int pairs) {
  std::vector<float> frequencies(static_cast<size_t>(pairs));
  const RopeScaling& scaling = config.ropeScaling;
  const Yarn yarn(config, pairs);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(2 * pairs);
    const float frequency = 1.0f / std::pow(static_cast<float>(config.ropeTheta), exponent);
    frequencies[i] = scaling.type == "llama3"   ? scaleLlama3(frequency, scaling)
                     : scaling.type == "yarn"   ? yarn.scale(frequency, i)
                     : scaling.type == "linear" ? frequency / static_cast<float>(scaling.factor)
                                                : frequency;
  }
  return frequencies;
}

}  // namespace pathpress
