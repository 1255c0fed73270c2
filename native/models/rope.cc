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
  return {family.ropePairs, rotated / 2};
}

std::vector<float> ropeFrequencies(const ModelConfig& config, int pairs) {
  std::vector<float> frequencies(static_cast<size_t>(pairs));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(2 * pairs);
    const float frequency = 1.0f / std::pow(static_cast<float>(config.ropeTheta), exponent);
    frequencies[i] = config.ropeScaling.type == "llama3" ? scaleLlama3(frequency, config.ropeScaling) : frequency;
  }
  return frequencies;
}

}  // namespace pathpress
