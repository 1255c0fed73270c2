#include "bridge.h"

#include <algorithm>
#include <new>
#include <utility>

#include "convert.h"

namespace pathpress {

std::shared_ptr<Bridge> Bridge::create(Napi::Env env, const Napi::Function& callback) {
  auto bridge = std::make_shared<Bridge>();
  auto* holder = new Holder(bridge);
  bridge->function_ = Function::New(env, callback, "pathpress run", 0, 1, holder, &Bridge::finalize,
                                    static_cast<void*>(nullptr));
  bridge->open_ = true;
  return bridge;
}

void Bridge::wake() {
  if (!open_ || wakePending_) return;
  wakePending_ = true;
  if (function_.NonBlockingCall() != napi_ok) open_ = false;
}

void Bridge::token(size_t request, int32_t id) {
  std::lock_guard lock(mutex_);
  events_.tokens.push_back(static_cast<int32_t>(request));
  events_.tokens.push_back(id);
  wake();
}

void Bridge::result(size_t request, Result&& result) {
  std::lock_guard lock(mutex_);
  events_.results.emplace_back(request, std::move(result));
  wake();
}

void Bridge::ask(size_t request, Question&& question) {
  std::lock_guard lock(mutex_);
  events_.questions.emplace_back(request, std::move(question));
  wake();
}

void Bridge::failed(size_t, const std::string& code, const std::string& message) {
  std::lock_guard lock(mutex_);
  events_.failures.push_back({code, message});
  wake();
}

void Bridge::logits(std::vector<float>&& values) {
  std::lock_guard lock(mutex_);
  events_.logits = std::move(values);
}

void Bridge::done(const std::string& code, const std::string& message) {
  {
    std::lock_guard lock(mutex_);
    events_.done = true;
    events_.code = code;
    events_.message = message;
    wake();
  }
  close();
}

void Bridge::close() {
  std::lock_guard lock(mutex_);
  if (std::exchange(open_, false)) function_.Release();
}

// Node deletes the function right after this, even where the engine's thread has not let go of it.
void Bridge::finalize(Napi::Env, void*, Holder* holder) {
  {
    std::lock_guard lock((*holder)->mutex_);
    (*holder)->open_ = false;
  }
  delete holder;
}

// Node empties the queue with a null environment while it tears down: then nothing may be touched.
void Bridge::drain(Napi::Env env, Napi::Function callback, Holder* holder, void*) {
  if (env == nullptr || callback == nullptr) return;
  Bridge& bridge = **holder;
  Events events;
  {
    std::lock_guard lock(bridge.mutex_);
    events = std::exchange(bridge.events_, {});
    bridge.wakePending_ = false;
  }
  try {
    callback.Call({bridge.batchOf(env, events)});
  } catch (const Napi::Error&) {
    // src/engine catches what users' callbacks throw; what arrives here is a worker being terminated.
  }
}

// Events that find no memory are lost, which the run is told in their place.
Napi::Object Bridge::batchOf(Napi::Env env, Events& events) const {
  std::string why = "the machine has no memory left";
  try {
    return toBatch(env, events);
  } catch (const Napi::Error& error) {
    why = error.Message();
  } catch (const std::bad_alloc&) {
  }
  Events lost;
  lost.done = events.done;
  lost.code = "OUT_OF_MEMORY";
  lost.message = "what the engine says could not be passed on: " + why;
  return toBatch(env, lost);
}

Napi::Object Bridge::toBatch(Napi::Env env, Events& events) const {
  Napi::Object batch = Napi::Object::New(env);
  Napi::Int32Array tokens = Napi::Int32Array::New(env, events.tokens.size());
  std::copy(events.tokens.begin(), events.tokens.end(), tokens.Data());
  batch.Set("tokens", tokens);
  Napi::Array results = Napi::Array::New(env);
  for (const auto& [request, result] : events.results) {
    Napi::Object object = fromResult(env, result);
    object.Set("request", static_cast<double>(request));
    results.Set(results.Length(), object);
  }
  batch.Set("results", results);
  Napi::Array questions = Napi::Array::New(env);
  for (const auto& [request, question] : events.questions) {
    Napi::Object object = fromQuestion(env, question);
    object.Set("request", static_cast<double>(request));
    questions.Set(questions.Length(), object);
  }
  batch.Set("questions", questions);
  Napi::Array failures = Napi::Array::New(env);
  for (const Events::Failure& failure : events.failures) {
    failures.Set(failures.Length(), fromError(env, failure.code, failure.message).Value());
  }
  batch.Set("failures", failures);
  if (!events.logits.empty()) {
    try {
      Napi::Float32Array logits = Napi::Float32Array::New(env, events.logits.size());
      std::copy(events.logits.begin(), events.logits.end(), logits.Data());
      batch.Set("logits", logits);
    } catch (const Napi::Error&) {  // larger than JavaScript's arrays may be
      events.code = "OUT_OF_MEMORY";
      events.message = "the logits need an array of " + std::to_string(events.logits.size() * sizeof(float)) + " bytes";
    }
  }
  batch.Set("done", events.done);
  if (!events.code.empty()) batch.Set("error", fromError(env, events.code, events.message).Value());
  return batch;
}

}  // namespace pathpress
