// Models of real shapes with random weights made on the device: speed needs no checkpoint.
#pragma once

#include <string>

#include "../step.h"

namespace pathpress::cuda::bench {

struct NamedShape {
  std::string name;
  ModelShape shape;
  bool qkvBias, tied;
};

// Throws EngineError BAD_OPTION where there is none of the name.
NamedShape shapeNamed(const std::string& name);

DeviceModel randomModel(Device& device, const NamedShape& named, int positions);

// What a decode step reads of the weights: all but the embedding, of which it reads a row a token.
double weightBytes(const ModelShape& shape);
// All that lies in memory.
double modelBytes(const NamedShape& named);
// Of one entry in all layers.
double entryBytes(const ModelShape& shape);

}  // namespace pathpress::cuda::bench
