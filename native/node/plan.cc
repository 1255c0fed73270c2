#include "plan.h"

#include <stdexcept>

#include "../engine/errors.h"
#include "../engine/plan.h"
#include "../models/model.h"
#include "convert.h"

namespace pathpress {
namespace {

// plan(config, policy, promptTokens, maxTokens, cacheType)
Napi::Value plan(const Napi::CallbackInfo& info) {
  try {
    const ModelConfig config = toConfig(info[0].As<Napi::Object>());
    const ParameterCount parameters = countParameters(config);
    const PageLayout page = pageLayout(config.headDim, info[4].As<Napi::String>(), DType::f32);
    const CacheShape shape{config.layers, config.kvHeads, page};
    const SequencePlan sequence =
        planSequence(toPolicy(info[1].As<Napi::Object>()), info[2].As<Napi::Number>().Int64Value(),
                     info[3].As<Napi::Number>().Int64Value(), shape, config.heads);
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("parameters", static_cast<double>(parameters.total));
    object.Set("embedding", static_cast<double>(parameters.embedding));
    object.Set("matrices", static_cast<double>(parameters.matrices));
    object.Set("rows", static_cast<double>(parameters.rows));
    object.Set("vectors", static_cast<double>(parameters.vectors));
    object.Set("cacheBytesPerToken", page.entryBytes() * config.layers * config.kvHeads);
    object.Set("cacheBytes", sequence.cacheBytes);
    object.Set("sideBytes", sequence.sideBytes);
    if (sequence.readBytes) object.Set("readBytes", *sequence.readBytes);
    return object;
  } catch (const EngineError& error) {
    throw fromError(info.Env(), error.code, error.what());
  } catch (const std::invalid_argument& error) {
    throw fromError(info.Env(), "BAD_OPTION", error.what());
  }
}

}  // namespace

void exportPlan(Napi::Object& exports) { exports.Set("plan", Napi::Function::New(exports.Env(), plan, "plan")); }

}  // namespace pathpress
