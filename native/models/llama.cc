// Llama 2 and 3, and every checkpoint that says so in model_type.
#include "family.h"

namespace pathpress {

const Family llama = llamaShaped("llama", Bias::option, Bias::option, Bias::option);

}  // namespace pathpress
