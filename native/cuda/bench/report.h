// A result a line, as JSON: {"part": ..., names and numbers}.
#pragma once

#include <cstdio>
#include <string>

namespace pathpress::cuda::bench {

class Line {
 public:
  explicit Line(const std::string& part) : text_("{\"part\":\"" + part + "\"") {}
  ~Line() {
    std::puts((text_ + "}").c_str());
    std::fflush(stdout);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  Line& text(const char* name, const std::string& value) {
    text_ += std::string(",\"") + name + "\":\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') text_ += '\\';
      if (static_cast<unsigned char>(c) >= 0x20) text_ += c;
    }
    text_ += '"';
    return *this;
  }
  Line& number(const char* name, double value) {
    char written[32];
    std::snprintf(written, sizeof written, "%.9g", value);
    text_ += std::string(",\"") + name + "\":" + written;
    return *this;
  }

 private:
  std::string text_;
};

}  // namespace pathpress::cuda::bench
