// JavaScript values to the engine's structs and back. src/engine has validated what comes in; a value of the wrong type
// here is a fault of ours and throws a TypeError.
#pragma once

#include <napi.h>

#include "../engine/engine.h"

namespace pathpress {

ModelConfig toConfig(const Napi::Object& value);
PolicyOptions toPolicy(const Napi::Object& value);
EngineOptions toEngineOptions(const Napi::Object& value);
std::vector<Request> toRequests(const Napi::Array& values);
std::vector<int32_t> toIds(const Napi::Value& value);

Napi::Object fromQuestion(Napi::Env env, const Question& question);
std::vector<std::vector<float>> toScores(const Napi::Array& values);
Napi::Object fromResult(Napi::Env env, const Result& result);
Napi::Object fromModel(Napi::Env env, const Engine& engine);
Napi::Error fromError(Napi::Env env, const std::string& code, const std::string& message);

}  // namespace pathpress
