// What config.json says of a model, already read and type-checked by src/engine/checkpoint.ts.
#pragma once

#include <string>

namespace pathpress {

struct RopeScaling {
  std::string type = "default";  // default | linear | llama3 | yarn
  double factor = 1;
  double lowFrequencyFactor = 1;
  double highFrequencyFactor = 4;
  double originalPositions = 8192;
  double betaFast = 32, betaSlow = 1;  // of yarn: turns within the original positions
  bool truncate = true;                // and whether the channels that they are of are rounded
  double attentionFactor = 1;          // and what cosine and sine are multiplied by
};

struct ModelConfig {
  std::string family;  // config.json's model_type
  int layers = 0;
  int hidden = 0;
  int intermediate = 0;
  int heads = 0;
  int kvHeads = 0;
  int headDim = 0;
  int vocab = 0;
  double normEpsilon = 1e-6;
  double ropeTheta = 10000;
  double ropeFraction = 0;  // share of a head that is rotated; 0: the family's own
  RopeScaling ropeScaling;
  bool tiedEmbeddings = false;
  bool attentionBias = false;  // read by families whose attention bias is an option
  bool mlpBias = false;        // likewise

  int group() const { return heads / kvHeads; }
  int queryWidth() const { return heads * headDim; }
  int kvWidth() const { return kvHeads * headDim; }
};

// Throws EngineError BAD_CONFIG naming the field and the value.
void checkConfig(const ModelConfig& config);

}  // namespace pathpress
