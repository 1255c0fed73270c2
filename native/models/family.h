// A model family is a table: how its tensors are called, and flags. "{}" stands for the layer's number.
#pragma once

#include <span>

#include "config.h"

namespace pathpress {

enum class Bias { never, always, option };  // option: as config.json says

struct Family {
  const char* name;  // model_type in config.json

  const char* embedding;
  const char* finalNorm;
  const char* output;  // not read where embeddings are tied
  const char* attentionNorm;
  const char* mlpNorm;
  const char *query, *key, *value, *attentionOutput;  // modules: ".weight" and ".bias" follow
  const char *gate, *up, *down;

  Bias qkvBias;
  Bias attentionOutputBias;
  Bias mlpBias;
};

extern const Family llama;
extern const Family qwen2;

std::span<const Family* const> families();

// Throws EngineError UNKNOWN_FAMILY naming it and those that are known.
const Family& findFamily(const std::string& name);

}  // namespace pathpress
