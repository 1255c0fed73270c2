#include <cmath>
#include <numbers>

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

std::vector<float> ropeFrequencies(const ModelConfig& config) {
  std::vector<float> frequencies(static_cast<size_t>(config.headDim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.headDim);
    const float frequency = 1.0f / std::pow(static_cast<float>(config.ropeTheta), exponent);
    frequencies[i] = config.ropeScaling.type == "llama3" ? scaleLlama3(frequency, config.ropeScaling) : frequency;
  }
  return frequencies;
}

}  // namespace pathpress
