// Carries what a run says from the engine's thread to a JavaScript callback. Events gather under a mutex and the event
// loop is woken only where no wake is pending, so a million tokens cost a few thousand calls.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../engine/request.h"

namespace pathpress {

class Bridge : public Listener {
 public:
  // `callback` is called with one batch object at a time (NativeBatch in src/engine/binding.ts).
  static std::shared_ptr<Bridge> create(Napi::Env env, const Napi::Function& callback);

  void token(size_t request, int32_t id) override;
  void result(size_t request, Result&& result) override;
  void ask(size_t request, Question&& question) override;
  void failed(size_t request, const std::string& code, const std::string& message) override;
  void done(const std::string& code, const std::string& message) override;
  void logits(std::vector<float>&& values);

  // Lets go of the callback where no run took the bridge; JavaScript's thread.
  void close();

 private:
  struct Events {
    std::vector<int32_t> tokens;  // request, id, request, id, ...
    std::vector<std::pair<size_t, Result>> results;
    struct Failure {
      std::string code, message;
    };
    std::vector<Failure> failures;
    std::vector<std::pair<size_t, Question>> questions;
    std::vector<float> logits;
    bool done = false;
    std::string code, message;
  };
  using Holder = std::shared_ptr<Bridge>;  // keeps the bridge alive until Node has finalized the function
  static void finalize(Napi::Env env, void* unused, Holder* holder);
  static void drain(Napi::Env env, Napi::Function callback, Holder* holder, void* unused);
  using Function = Napi::TypedThreadSafeFunction<Holder, void, &Bridge::drain>;

  void wake();  // under the mutex
  Napi::Object batchOf(Napi::Env env, Events& events) const;
  Napi::Object toBatch(Napi::Env env, Events& events) const;

  std::mutex mutex_;
  Events events_;
  bool wakePending_ = false;
  bool open_ = false;  // false once Node says closing or the function was released: it must not be touched again
  Function function_;
};

}  // namespace pathpress
