// A model's weights onto the device, a layer at a time.
#pragma once

#include "step.h"

namespace pathpress {

struct Model;

namespace cuda {

// True positions lie below `positions`.
DeviceModel upload(Device& device, const Model& model, int positions);

}  // namespace cuda
}  // namespace pathpress
