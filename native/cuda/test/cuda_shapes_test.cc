// Heads, groups, biases and rope settings of the checkpoints that the paper ran, and of SmolLM2: generation under RPC on
// the device, against the CPU engine. Hidden, feed-forward and vocabulary sizes are small, and one layer stands for all:
// src/cli/real-folder-emulated.test.ts has the real vocabularies, prompts by real tokenizers, and SmolLM2's own weights.
#include "../packed_model.h"
#include "both_engines.h"
#include "closeness.h"

namespace pathpress::cuda {
namespace {

// How a pair of a head's channels turns at position 8000.
struct Turn {
  size_t pair;
  double cosine, sine;
};

struct Shape {
  const char *name, *family;
  int heads, kvHeads, headDim;
  double ropeTheta, normEpsilon;
  bool llama3Rope, tied;
  uint64_t seed;
  Turn turns[5];
};

// config.json of each; Llama 3.1 8B is R1-Distill-Llama-8B here. Turns by the rotary embeddings of transformers 5.24, in
// float32: of Llama's pairs, 30 lies where the scaling blends, and 40 and 63 where it slows by 8.
constexpr Shape shapes[] = {
    {"R1-Distill-Qwen-7B", "qwen2", 28, 4, 128, 1e4, 1e-6, false, false, 2,
     {{0, 0.065645, 0.997843}, {16, -0.448128, 0.89397}, {30, 0.991244, -0.132047}, {40, 0.986339, 0.164728}, {63, 0.602772, 0.797913}}},
    {"QwQ-32B", "qwen2", 40, 8, 128, 1e6, 1e-5, false, false, 1,
     {{0, 0.065645, 0.997843}, {16, -0.083916, 0.996473}, {30, 0.96966, -0.244456}, {40, 0.147631, 0.989042}, {63, 0.999951, 0.009927}}},
    {"R1-Distill-Llama-8B", "llama", 32, 8, 128, 5e5, 1e-5, true, false, 1,
     {{0, 0.065645, 0.997843}, {16, 0.735319, -0.677721}, {30, -0.020424, -0.999791}, {40, 0.962629, 0.270823}, {63, 0.999997, 0.002455}}},
    {"SmolLM2-135M", "llama", 9, 3, 64, 1e5, 1e-5, false, true, 1,
     {{0, 0.065645, 0.997843}, {8, -0.810807, -0.585314}, {15, 0.124035, -0.992278}, {20, 0.959933, -0.280228}, {31, 0.993436, 0.11439}}},
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

// A prompt of the lengths above turns the slow pairs by next to nothing: where scaling is left out, its tokens are the same.
void turns(const Shape& shape) {
  const DrawnModel drawn(configOf(shape), DType::bf16, shape.seed, deviation);
  const auto model = loadModel(drawn.config, {drawn.path}, 1);
  constexpr size_t position = 8000;
  const std::vector<float> angles = packAngles(*model, position + 1);
  double most = 0;
  for (const Turn& turn : shape.turns) {
    const size_t at = (position * model->inverseFrequencies.size() + turn.pair) * 2;
    most = std::max({most, std::abs(angles[at] - turn.cosine), std::abs(angles[at + 1] - turn.sine)});
  }
  within(1e-3, most, "difference", std::string("turns of ") + shape.name);
}

// YaRN's factor of cosine and sine.
void scaled() {
  ModelConfig config = configOf(shapes[0]);
  config.ropeScaling.attentionFactor = 1.25;
  const DrawnModel drawn(config, DType::bf16, 3, deviation);
  const std::vector<float> angles = packAngles(*loadModel(drawn.config, {drawn.path}, 1), 1);
  CHECK(angles[0] == 1.25f && angles[1] == 0);
}

}  // namespace
}  // namespace pathpress::cuda

CUDA_TEST(shapes) {
  pathpress::cuda::scaled();
  for (const auto& shape : pathpress::cuda::shapes) {
    pathpress::cuda::turns(shape);
    pathpress::cuda::generate(shape);
  }
}
