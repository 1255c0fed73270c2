// The engine thread: what happens in one step of the batch.
#include <algorithm>
#include <new>
#include <utility>

#include "clock.h"
#include "engine.h"
#include "errors.h"

namespace pathpress {

void Engine::loop() {
  bool busy = false;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (!busy) wake_.wait(lock, [this] { return closing_ || !inbox_.empty(); });
      if (closing_) break;
    }
    runCommands();
    guard([&] { busy = step(); });
  }
  runCommands();
  abortAll();
}

// What it throws ends all runs.
void Engine::guard(const std::function<void()>& work) {
  try {
    work();
  } catch (const EngineError& error) {
    failAll(error.code, error.what());
  } catch (const std::bad_alloc&) {
    failAll("OUT_OF_MEMORY", backend_->memoryText(rowsFed(), fed_.size()));
  } catch (const std::exception& error) {
    failAll("INTERNAL", error.what());
  }
}

void Engine::runCommands() {
  std::vector<Command> commands;
  {
    std::lock_guard lock(mutex_);
    commands.swap(inbox_);
    called_ = false;
  }
  if (!commands.empty()) guard([this] { takeTokens(); });  // so that they find every sequence between two tokens
  for (const Command& command : commands) {
    try {
      command();
    } catch (const std::exception& error) {  // of a command, only memory
      failAll("OUT_OF_MEMORY", std::string("the machine has no memory left for a command: ") + error.what());
    }
  }
}

void Engine::failAll(const std::string& code, const std::string& message) {
  fed_.clear();
  unread_.clear();
  while (!runs_.empty()) endRun(*runs_.back(), code, message);
}

void Engine::abortAll() {
  while (!runs_.empty()) {
    abort(runs_.back()->id);
    runCommands();
  }
}

// Returns false where there is nothing to do until a command comes. Where the backend runs ahead, its rows are under way
// before the tokens of the step before are read: a sequence that ended with one of those has then a row too many, which
// is counted nowhere, and an entry that goes with its blocks. It is one that it would have needed, had it gone on: peaks
// count it.
bool Engine::step() {
  admit();
  const bool unread = !unread_.empty();
  collectRows();
  if (endFailed()) return true;
  // Where all that had their turn ended or gave their blocks away, others have theirs next.
  if (fed_.empty() && unread_.empty()) {
    return unread || std::ranges::any_of(sequences_, [](const auto& sequence) { return sequence->ready(); });
  }
  if (goApart()) return !backend_->cancelled();
  // Once cancelled (the engine goes away) nothing that a step has computed is to be trusted.
  for (const auto part : {&Engine::runRows, &Engine::takeTokens, &Engine::countRows, &Engine::compressDue}) {
    (this->*part)();
    if (backend_->cancelled()) return false;
  }
  const bool behind = backend_->runsAhead() && std::ranges::none_of(fed_, [](const Fed& f) { return f.sequence->inStep(); });
  unread_ = std::exchange(fed_, {});
  unreadTurn_ = turn_;
  if (!behind) takeTokens();
  return !backend_->cancelled();
}

void Engine::runRows() {
  if (fed_.empty()) return;
  turn_ ^= 1;
  const auto start = Clock::now();
  backend_->run(fed_, turn_);
  if (!backend_->cancelled()) charge(fed_, secondsSince(start));
}

void Engine::charge(std::span<const Fed> all, double seconds) {
  double rows = 0;
  for (const Fed& fed : all) rows += fed.rows;
  for (const Fed& fed : all) *fed.seconds += seconds / rows * fed.rows;
}

// Of the step whose tokens were not read yet, where there is one.
void Engine::takeTokens() {
  std::vector<Fed> fed = std::exchange(unread_, {});
  if (fed.empty() || backend_->cancelled()) return;
  const auto start = Clock::now();
  backend_->take(fed, unreadTurn_);
  if (backend_->cancelled()) return;
  charge(fed, secondsSince(start));
  acceptTokens(fed);
  endFailed();
}

void Engine::countRows() {
  for (const Fed& fed : fed_) {
    fed.sequence->afterPass(fed.rows);
    fed.sequence->unread = fed.sampled;
  }
}

// A policy that looks ahead puts its compression off until it has seen enough, one that asks until it is answered.
void Engine::compressDue() {
  std::vector<Sequence*> due;
  for (Fed& fed : fed_) {
    Sequence& s = *fed.sequence;
    if (s.ahead) {
      if (s.ahead->rows < s.recipe.ahead) continue;
      s.endAhead();
      fed.follow = 0;
      due.push_back(&s);
    } else if (s.due()) {
      if (s.recipe.ahead > 0) s.beginAhead();
      else if (!s.request.scored || !ask(s)) due.push_back(&s);
      if (!s.failureCode.empty()) fed.follow = 0;
    }
  }
  compress(due);
}

void Engine::compress(std::span<Sequence* const> due, const std::vector<std::vector<float>>* scores) {
  if (due.empty()) return;
  const auto start = Clock::now();
  backend_->compress(due, scores);
  if (backend_->cancelled()) return;
  const double share = secondsSince(start) / static_cast<double>(due.size());
  for (Sequence* const one : due) one->result.compressSeconds += share;
}

void Engine::acceptTokens(std::span<const Fed> all) {
  for (const Fed& fed : all) {
    Sequence& sequence = *fed.sequence;
    sequence.unread = false;
    if (fed.follow == 0) continue;
    if (sequence.lookingAhead()) {
      bool over = false;
      if (!fed.sampled) {
        for (int i = 0; i < fed.follow; ++i) over = sequence.acceptAhead(sequence.replayed());
      } else if (fed.token < 0) sequence.fail("BAD_LOGITS", overflowText);
      else over = sequence.acceptAhead(fed.token);
      if (over) compressNow(sequence);
      if (backend_->cancelled()) return;
      continue;
    }
    if (!fed.sampled) {
      for (int i = 0; i < fed.follow && sequence.failureCode.empty(); ++i) {
        if (fed.judged > 0 && !sequence.judgedWell()) sequence.fail("BAD_LOGITS", overflowText);
        else sequence.ended = sequence.accept(sequence.replayed());
      }
      if (sequence.ended && !sequence.asked) endSequence(sequence);
      continue;
    }
    acceptSampled(fed);
    // One that was to look ahead and ends first has seen nothing to choose by: it keeps all.
    if (sequence.ended && !sequence.asked) endSequence(sequence);
  }
}

void Engine::acceptSampled(const Fed& fed) {
  Sequence& sequence = *fed.sequence;
  if (!fed.logits.empty()) sequence.run.listener->logits(sequence.index, fed.logits);
  if (fed.token < 0) return sequence.fail("BAD_LOGITS", overflowText);
  const size_t before = sequence.result.ids.size();
  sequence.ended = sequence.accept(fed.token);
  if (sequence.result.ids.size() == before) return;
  sequence.noteEntropy(fed.entropy);
  if (sequence.request.tokens) sequence.run.listener->token(sequence.index, fed.token);
  sequence.waiting = sequence.request.lockstep;
}

// Ends a look ahead before its time.
void Engine::compressNow(Sequence& sequence) {
  sequence.endAhead();
  Sequence* const one[] = {&sequence};
  compress(one);
}

std::unique_ptr<Sequence> Engine::remove(size_t place) {
  std::unique_ptr<Sequence> sequence = std::move(sequences_[place]);
  sequences_.erase(sequences_.begin() + static_cast<int64_t>(place));
  for (std::vector<Fed>* const fed : {&fed_, &unread_}) {
    std::erase_if(*fed, [&](const Fed& one) { return one.sequence == sequence.get(); });
  }
  --sequence->run.active;
  crowded_ = false;
  return sequence;
}

// One that has come to its end.
void Engine::endSequence(const Sequence& sequence) {
  const auto at = std::find_if(sequences_.begin(), sequences_.end(), [&](const auto& s) { return s.get() == &sequence; });
  endSequence(static_cast<size_t>(at - sequences_.begin()), sequence.result.finish);
}

void Engine::endSequence(size_t place, Finish how) {
  const std::unique_ptr<Sequence> sequence = remove(place);
  sequence->run.listener->result(sequence->index, sequence->finish(how));
}

// Ends the sequences that cannot go on; the others do. Returns whether there were any.
bool Engine::endFailed() {
  bool any = false;
  for (size_t place = sequences_.size(); place-- > 0;) {
    if (sequences_[place]->failureCode.empty()) continue;
    const std::unique_ptr<Sequence> sequence = remove(place);
    sequence->run.listener->failed(sequence->index, sequence->failureCode, sequence->failure);
    any = true;
  }
  return any;
}

// The next request of a run comes to nothing.
void Engine::endUnstarted(Run& run) {
  Result result;
  const auto stopped = run.stopped.find(run.started);
  result.finish = stopped == run.stopped.end() ? Finish::aborted : stopped->second;
  result.promptTokens = static_cast<int64_t>(run.requests[run.started].promptIds.size());
  run.listener->result(run.started++, std::move(result));
}

// Ends a run, dropping what it still has in the batch.
void Engine::endRun(Run& run, const std::string& code, const std::string& message) {
  std::erase_if(sequences_, [&](const auto& sequence) { return &sequence->run == &run; });
  crowded_ = false;
  const std::shared_ptr<Listener> listener = run.listener;
  std::erase_if(runs_, [&](const auto& other) { return other.get() == &run; });
  listener->done(code, message);
}

}  // namespace pathpress
