#include "weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>

#include "errors.h"

namespace pathpress {
namespace {

DType parseType(const std::string& name, bool& known) {
  known = name == "F32" || name == "F16" || name == "BF16" || name == "I8";
  return name == "F16" ? DType::f16 : name == "BF16" ? DType::bf16 : name == "I8" ? DType::i8 : DType::f32;
}

// Whether all are numbers; copies them on the way where `to` is not null.
template <class Bits>
bool passFinite(const std::byte* from, std::byte* to, size_t count, Bits exponent) {
  constexpr size_t stride = 4096 / sizeof(Bits);
  Bits chunk[stride];
  for (size_t at = 0; at < count; at += stride) {
    const size_t n = std::min(stride, count - at);
    std::memcpy(chunk, from + at * sizeof(Bits), n * sizeof(Bits));
    bool found = false;
    for (size_t i = 0; i < n; ++i) found |= (chunk[i] & exponent) == exponent;
    if (found) return false;
    if (to) std::memcpy(to + at * sizeof(Bits), chunk, n * sizeof(Bits));
  }
  return true;
}

bool passFinite(const std::byte* from, std::byte* to, size_t count, DType type) {
  switch (type) {
    case DType::f32: return passFinite<uint32_t>(from, to, count, 0x7F800000u);
    case DType::f16: return passFinite<uint16_t>(from, to, count, 0x7C00u);
    case DType::bf16: return passFinite<uint16_t>(from, to, count, 0x7F80u);
    case DType::i8: break;  // always numbers
  }
  if (to) std::memcpy(to, from, count);
  return true;
}

bool passFinite(const std::byte* from, std::byte* to, size_t count, DType type, int threads) {
  constexpr size_t worthAThread = size_t{1} << 20;
  const size_t parts = std::clamp<size_t>(count / worthAThread, 1, static_cast<size_t>(std::max(1, threads)));
  const size_t share = (count + parts - 1) / parts;
  std::atomic<bool> finite = true;
  std::vector<std::jthread> workers;
  const auto pass = [&](size_t part) {
    const size_t begin = std::min(count, part * share), end = std::min(count, begin + share);
    const size_t at = begin * dtypeBytes(type);
    if (!passFinite(from + at, to ? to + at : nullptr, end - begin, type)) finite = false;
  };
  try {
    for (size_t part = 1; part < parts; ++part) workers.emplace_back(pass, part);
  } catch (const std::system_error&) {  // no thread left: the rest is done here
    for (size_t part = workers.size() + 1; part < parts; ++part) pass(part);
  }
  pass(0);
  workers.clear();
  return finite;
}

constexpr size_t line = 64;

size_t wholeLines(size_t bytes) { return (bytes + line - 1) / line * line; }

}  // namespace

Weights::Weights(const std::vector<std::string>& paths, size_t room) : paths_(paths) {
  files_.reserve(paths_.size());
  for (const std::string& path : paths_) {
    const MappedFile& file = files_.emplace_back(path);
    for (TensorEntry& entry : readSafetensors(file.data(), file.size(), path)) {
      const std::byte* data = file.data() + entry.begin;
      const std::string name = entry.name;
      const auto [at, added] = tensors_.try_emplace(name, Located{std::move(entry), data, &path});
      if (!added) throw EngineError("BAD_TENSOR", path + ": tensor \"" + name + "\" is also in " + *at->second.path);
    }
  }
  size_t bytes = 0;
  for (const auto& [name, tensor] : tensors_) bytes += wholeLines(tensor.entry.bytes);
  if (bytes == 0 || bytes > room) return;
  try {
    memory_ = std::make_unique<HugeBuffer>(bytes);
    left_ = {memory_->data(), bytes};
  } catch (const std::bad_alloc&) {  // they stay where they are
  }
}

void Weights::closeFiles() {
  if (!copied()) return;
  tensors_.clear();
  files_.clear();
}

const Weights::Located& Weights::find(const std::string& name, const std::vector<uint64_t>& shape) const {
  const auto at = tensors_.find(name);
  if (at == tensors_.end()) {
    const std::string where = paths_.size() == 1 ? paths_[0] : std::to_string(paths_.size()) + " weight files";
    throw EngineError("BAD_TENSOR", where + ": no tensor \"" + name + "\"");
  }
  const Located& tensor = at->second;
  if (tensor.entry.shape != shape) {
    throw EngineError("BAD_TENSOR", *tensor.path + ": tensor \"" + name + "\" has shape " +
                                        shapeText(tensor.entry.shape) + ", config.json asks for " + shapeText(shape));
  }
  return tensor;
}

DType Weights::typeOf(const Located& tensor) {
  bool known = false;
  const DType type = parseType(tensor.entry.dtype, known);
  if (!known) throw EngineError("BAD_TENSOR", nameOf(tensor) + " is " + tensor.entry.dtype + ", not F32, F16, BF16 or I8");
  return type;
}

std::string Weights::nameOf(const Located& tensor) { return *tensor.path + ": tensor \"" + tensor.entry.name + "\""; }

// Where `to` is not null the tensor is copied there.
void Weights::check(const Located& tensor, DType type, std::byte* to, int threads) {
  if (!passFinite(tensor.data, to, tensor.entry.bytes / dtypeBytes(type), type, threads)) {
    throw EngineError("BAD_WEIGHTS", nameOf(tensor) + " holds NaN or infinity");
  }
  bytes_ += tensor.entry.bytes;
}

// Where the tensor is to be copied; null where it can stay in its file.
std::byte* Weights::placeFor(const Located& tensor, DType type) {
  const size_t bytes = wholeLines(tensor.entry.bytes);
  if (bytes <= left_.size()) {
    std::byte* const place = left_.data();
    left_ = left_.subspan(bytes);
    return place;
  }
  // There is room for every tensor once; one that is asked for again finds a place of its own.
  if (!memory_ && reinterpret_cast<uintptr_t>(tensor.data) % dtypeBytes(type) == 0) return nullptr;
  return copies_.emplace_back(tensor.entry.bytes).data();
}

Matrix Weights::matrix(const std::string& name, int rows, int cols, int threads) {
  const Located& tensor = find(name, {static_cast<uint64_t>(rows), static_cast<uint64_t>(cols)});
  const DType type = typeOf(tensor);
  std::byte* const place = placeFor(tensor, type);
  check(tensor, type, place, threads);
  Matrix matrix{place ? place : tensor.data, type, rows, cols};
  if (matrix.type == DType::i8) matrix.scales = scales_.emplace_back(vector(name + "_scale", rows)).data();
  return matrix;
}

std::vector<float> Weights::vector(const std::string& name, int size) {
  const Located& tensor = find(name, {static_cast<uint64_t>(size)});
  const DType type = typeOf(tensor);
  check(tensor, type, nullptr, 1);
  if (type == DType::i8) {
    throw EngineError("BAD_TENSOR", nameOf(tensor) + " is I8, which matrices of products alone may be");
  }
  std::vector<float> values(static_cast<size_t>(size));
  for (size_t i = 0; i < values.size(); ++i) values[i] = loadElement(tensor.data, type, i);
  return values;
}

}  // namespace pathpress
