// Heads, groups, biases and rope settings of the checkpoints that the paper ran, and of SmolLM2: generation under RPC on
// the device, against the CPU engine. Hidden, feed-forward and vocabulary sizes are small, and one layer stands for all:
// src/cli/real-folder-emulated.test.ts has the real vocabularies, prompts by real tokenizers, and SmolLM2's own weights.
#include "both_engines.h"
#include "closeness.h"

namespace pathpress::cuda {
namespace {

struct Shape {
  const char *name, *family;
  int heads, kvHeads, headDim;
  double ropeTheta, normEpsilon;
  bool llama3Rope, tied;
  uint64_t seed;
};

// config.json of each; Llama 3.1 8B is R1-Distill-Llama-8B here.
constexpr Shape shapes[] = {
    {"R1-Distill-Qwen-7B", "qwen2", 28, 4, 128, 1e4, 1e-6, false, false, 2},
    {"QwQ-32B", "qwen2", 40, 8, 128, 1e6, 1e-5, false, false, 1},
    {"R1-Distill-Llama-8B", "llama", 32, 8, 128, 5e5, 1e-5, true, false, 1},
    {"SmolLM2-135M", "llama", 9, 3, 64, 1e5, 1e-5, false, true, 1},
};

ModelConfig configOf(const Shape& shape) {
  ModelConfig config;
  config.family = shape.family;
  config.layers = 1;
  config.hidden = 64;
  config.intermediate = 128;
  config.heads = shape.heads;
  config.kvHeads = shape.kvHeads;
  config.headDim = shape.headDim;
  config.vocab = 300;
  config.normEpsilon = shape.normEpsilon;
  config.ropeTheta = shape.ropeTheta;
  if (shape.llama3Rope) config.ropeScaling = {"llama3", 8, 1, 4, 8192};
  config.tiedEmbeddings = shape.tied;
  return config;
}

void generate(const Shape& shape) {
  const DrawnModel drawn(configOf(shape), DType::bf16, shape.seed, deviation);
  Request request = requestOf(policyOf("rpc"), 19, 20);
  Engine cpu(engineOptions(drawn));
  DeviceEngine device(drawn);
  const Compared both = compared(tell(cpu, request), tell(device.engine(), request));
  const std::string what = std::string("shape ") + shape.name;
  noneWrong(!both.sameTokens(), what + ", its first " + std::to_string(both.same) + " tokens");
  std::printf("%s: logits within %.4f deviations\n", what.c_str(), static_cast<double>(both.apart));
  within(logitsBound, both.apart, "deviations", what);
  CHECK_CASE(both.cpu.result.compressions.size() == 2 && both.other.result.compressions.size() == 2, what);
  // A GPU's sums fall otherwise, and other entries may be as good: the seeds were chosen in emulation.
  CHECK_CASE(onGpu || (both.sets == 2 && both.wrongSets == 0), what + ", kept positions");
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(shapes) {
  for (const auto& shape : pathpress::cuda::shapes) pathpress::cuda::generate(shape);
}
