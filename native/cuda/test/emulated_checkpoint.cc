// A checkpoint by the CPU engine and by the engine on the emulated device, for src/cli/real-folder-emulated.test.ts, which reads
// the folder: emulation is no device that users could choose. `cuda_emulated_checkpoint REQUEST.json` prints one JSON
// object. The request has `config` as src/engine/checkpoint.ts reads it, `weightFiles`, `promptIds`, `stopIds`,
// `maxTokens` and RPC's `interval`, `window`, `ratio` and `kernel`.
#include "../../test/fixture.h"
#include "both_engines.h"

namespace pathpress::cuda {
namespace {

using fixture::count, fixture::field, fixture::number;

const std::string& text(const JsonValue& object, const std::string& name) { return *field(object, name).string(); }

bool flag(const JsonValue& object, const std::string& name) { return std::get<bool>(field(object, name).value); }

int whole(const JsonValue& object, const std::string& name) { return static_cast<int>(count(object, name)); }

double real(const JsonValue& object, const std::string& name) { return number(field(object, name)); }

std::vector<int32_t> ids(const JsonValue& object, const std::string& name) {
  std::vector<int32_t> all;
  for (const JsonValue& each : *field(object, name).array()) all.push_back(static_cast<int32_t>(number(each)));
  return all;
}

ModelConfig configOf(const JsonValue& from) {
  ModelConfig config;
  config.family = text(from, "family");
  config.layers = whole(from, "layers");
  config.hidden = whole(from, "hidden");
  config.intermediate = whole(from, "intermediate");
  config.heads = whole(from, "heads");
  config.kvHeads = whole(from, "kvHeads");
  config.headDim = whole(from, "headDim");
  config.vocab = whole(from, "vocab");
  config.normEpsilon = real(from, "normEpsilon");
  config.ropeTheta = real(from, "ropeTheta");
  config.ropeFraction = real(from, "ropeFraction");
  const JsonValue& scaling = field(from, "ropeScaling");
  config.ropeScaling = {text(scaling, "type"), real(scaling, "factor"), real(scaling, "lowFrequencyFactor"),
                        real(scaling, "highFrequencyFactor"), real(scaling, "originalPositions"), real(scaling, "betaFast"),
                        real(scaling, "betaSlow"), flag(scaling, "truncate"), real(scaling, "attentionFactor")};
  config.tiedEmbeddings = flag(from, "tiedEmbeddings");
  config.attentionBias = flag(from, "attentionBias");
  config.mlpBias = flag(from, "mlpBias");
  return config;
}

Request requestOf(const JsonValue& from) {
  Request request;
  request.promptIds = ids(from, "promptIds");
  request.stopIds = ids(from, "stopIds");
  request.maxTokens = count(from, "maxTokens");
  request.policy.name = "rpc";
  request.policy.interval = count(from, "interval");
  request.policy.window = count(from, "window");
  request.policy.ratio = real(from, "ratio");
  request.policy.kernel = count(from, "kernel");
  request.trace = true;
  return request;
}

void print(const char* name, const Told& told) {
  std::printf("\"%s\": {\"ids\": [", name);
  for (size_t i = 0; i < told.result.ids.size(); ++i) std::printf(i == 0 ? "%d" : ",%d", told.result.ids[i]);
  std::printf("], \"compressions\": %zu", told.result.compressions.size());
}

void print(const char* name, const Compared& both) {
  std::printf(", ");
  print(name, both.other);
  std::printf(R"(, "deviations": %.4f, "sets": %d, "wrongSets": %d})", static_cast<double>(both.apart), both.sets,
              both.wrongSets);
}

Told byCpu(const EngineOptions& options, const Request& request) {
  Engine engine(options);
  return tell(engine, request);
}

// Beside the device a third engine: the CPU's where products see their inputs in float32. What it changes is what the
// roundings to bfloat16 change, by which the device may be measured. One engine after the other: models may be large.
void run(const char* path) {
  const JsonValue asked = fixture::read(path);
  const Request request = requestOf(asked);
  std::vector<std::string> files;
  for (const JsonValue& file : *field(asked, "weightFiles").array()) files.push_back(*file.string());
  EngineOptions options = engineOptions(configOf(field(asked, "config")), files);
  const Told told = byCpu(options, request);
  options.products = "float32";
  const Told exact = byCpu(options, request);
  DeviceEngine device(loadModel(options.config, files, 1, 0), size_t{1} << 22);
  std::printf("{\"bound\": %.4f, ", static_cast<double>(logitsBound));
  print("cpu", told);
  std::printf("}");
  print("exact", compared(told, exact));
  print("device", compared(told, tell(device.engine(), request)));
  std::printf("}\n");
}

}  // namespace
}  // namespace pathpress::cuda

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: cuda_emulated_checkpoint REQUEST.json\n");
    return 1;
  }
  const std::string error = check::thrown([&] { pathpress::cuda::run(arguments[1]); });
  if (!error.empty()) std::fprintf(stderr, "%s\n", error.c_str());
  return error.empty() && check::failed == 0 ? 0 : 1;
}
