// Qwen2 and Qwen2.5: Llama's shape with a bias on query, key and value.
#include "family.h"

namespace pathpress {

const Family qwen2 = llamaShaped("qwen2", Bias::always, Bias::never, Bias::never);

}  // namespace pathpress
