#include "weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>

#include "errors.h"

namespace pathpress {
namespace {

DType parseType(const std::string& name, bool& known) {
  known = name == "F32" || name == "F16" || name == "BF16" || name == "I8";
  return name == "F16" ? DType::f16 : name == "BF16" ? DType::bf16 : name == "I8" ? DType::i8 : DType::f32;
}

template <class Bits>
bool anyNonFinite(const std::byte* data, size_t count, Bits exponent) {
  constexpr size_t stride = 4096 / sizeof(Bits);
  Bits chunk[stride];
  for (size_t at = 0; at < count; at += stride) {
    const size_t n = std::min(stride, count - at);
    std::memcpy(chunk, data + at * sizeof(Bits), n * sizeof(Bits));
    bool found = false;
    for (size_t i = 0; i < n; ++i) found |= (chunk[i] & exponent) == exponent;
    if (found) return true;
  }
  return false;
}

bool anyNonFinite(const std::byte* data, size_t count, DType type) {
  if (type == DType::i8) return false;
  if (type == DType::f32) return anyNonFinite<uint32_t>(data, count, 0x7F800000u);
  return anyNonFinite<uint16_t>(data, count, static_cast<uint16_t>(type == DType::f16 ? 0x7C00u : 0x7F80u));
}

bool anyNonFinite(const std::byte* data, size_t count, DType type, int threads) {
  constexpr size_t worthAThread = size_t{4} << 20;
  const size_t parts = std::clamp<size_t>(count / worthAThread, 1, static_cast<size_t>(std::max(1, threads)));
  const size_t share = (count + parts - 1) / parts;
  std::atomic<bool> found = false;
  std::vector<std::jthread> workers;
  const auto scan = [&](size_t part) {
    const size_t begin = std::min(count, part * share), end = std::min(count, begin + share);
    if (anyNonFinite(data + begin * dtypeBytes(type), end - begin, type)) found = true;
  };
  try {
    for (size_t part = 1; part < parts; ++part) workers.emplace_back(scan, part);
  } catch (const std::system_error&) {  // no thread left: the rest is scanned here
    for (size_t part = workers.size() + 1; part < parts; ++part) scan(part);
  }
  scan(0);
  workers.clear();
  return found;
}

}  // namespace

Weights::Weights(const std::vector<std::string>& paths) : paths_(paths) {
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

const void* Weights::checked(const Located& tensor, int threads) {
  bool known = false;
  const DType type = parseType(tensor.entry.dtype, known);
  const std::string where = *tensor.path + ": tensor \"" + tensor.entry.name + "\"";
  if (!known) throw EngineError("BAD_TENSOR", where + " is " + tensor.entry.dtype + ", not F32, F16, BF16 or I8");
  if (anyNonFinite(tensor.data, tensor.entry.bytes / dtypeBytes(type), type, threads)) {
    throw EngineError("BAD_WEIGHTS", where + " holds NaN or infinity");
  }
  bytes_ += tensor.entry.bytes;
  if (reinterpret_cast<uintptr_t>(tensor.data) % dtypeBytes(type) == 0) return tensor.data;
  return copies_.emplace_back(tensor.data, tensor.data + tensor.entry.bytes).data();
}

Matrix Weights::matrix(const std::string& name, int rows, int cols, int threads) {
  const Located& tensor = find(name, {static_cast<uint64_t>(rows), static_cast<uint64_t>(cols)});
  bool known = false;
  Matrix matrix{nullptr, parseType(tensor.entry.dtype, known), rows, cols};
  matrix.data = checked(tensor, threads);
  if (matrix.type == DType::i8) matrix.scales = scales_.emplace_back(vector(name + "_scale", rows)).data();
  return matrix;
}

std::vector<float> Weights::vector(const std::string& name, int size) {
  const Located& tensor = find(name, {static_cast<uint64_t>(size)});
  const void* data = checked(tensor, 1);
  bool known = false;
  const DType type = parseType(tensor.entry.dtype, known);
  if (type == DType::i8) {
    throw EngineError("BAD_TENSOR", *tensor.path + ": tensor \"" + name + "\" is I8, which matrices of products alone may be");
  }
  std::vector<float> values(static_cast<size_t>(size));
  for (size_t i = 0; i < values.size(); ++i) values[i] = loadElement(data, type, i);
  return values;
}

}  // namespace pathpress
