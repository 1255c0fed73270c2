#include "json.h"

#include <charconv>
#include <stdexcept>
#include <unordered_set>

namespace pathpress {
namespace {

constexpr int maxDepth = 16;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  JsonValue document() {
    JsonValue value = parseValue(0);
    skipSpace();
    if (at_ != text_.size()) fail("text after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument("JSON: " + what + " at byte " + std::to_string(at_));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  void literal(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) fail("unknown literal");
    at_ += word.size();
  }

  JsonValue parseValue(int depth) {
    if (depth > maxDepth) fail("nesting deeper than " + std::to_string(maxDepth));
    skipSpace();
    switch (peek()) {
      case '{': return {parseObject(depth)};
      case '[': return {parseArray(depth)};
      case '"': return {parseString()};
      case 't': literal("true"); return {true};
      case 'f': literal("false"); return {false};
      case 'n': literal("null"); return {nullptr};
      default: return {parseNumber()};
    }
  }

  JsonObject parseObject(int depth) {
    JsonObject object;
    std::unordered_set<std::string> seen;
    ++at_;
    skipSpace();
    if (take('}')) return object;
    do {
      skipSpace();
      if (peek() != '"') fail("expected a key");
      std::string key = parseString();
      if (!seen.insert(key).second) fail("key \"" + key + "\" stands twice,");
      skipSpace();
      if (!take(':')) fail("expected ':'");
      JsonValue value = parseValue(depth + 1);
      object.emplace_back(std::move(key), std::move(value));
      skipSpace();
    } while (take(','));
    if (!take('}')) fail("expected ',' or '}'");
    return object;
  }

  JsonArray parseArray(int depth) {
    JsonArray array;
    ++at_;
    skipSpace();
    if (take(']')) return array;
    do {
      array.push_back(parseValue(depth + 1));
      skipSpace();
    } while (take(','));
    if (!take(']')) fail("expected ',' or ']'");
    return array;
  }

  JsonNumber parseNumber() {
    const size_t begin = at_;
    take('-');
    if (!take('0') && digits() == 0) fail("expected a value");
    if (take('.') && digits() == 0) fail("expected a digit");
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (!take('+')) take('-');
      if (digits() == 0) fail("expected a digit");
    }
    return {std::string(text_.substr(begin, at_ - begin))};
  }
  int digits() {
    int count = 0;
    for (; peek() >= '0' && peek() <= '9'; ++count) ++at_;
    return count;
  }

  std::string parseString() {
    std::string out;
    ++at_;
    while (true) {
      if (at_ >= text_.size()) fail("string without an end");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') return ++at_, out;
      if (c < 0x20) fail("control character in a string");
      if (c == '\\') {
        ++at_;
        parseEscape(out);
      } else {
        copyUtf8(out, c);
      }
    }
  }

  void parseEscape(std::string& out) {
    const char c = peek();
    if (at_ < text_.size()) ++at_;
    switch (c) {
      case '"': case '\\': case '/': out += c; return;
      case 'b': out += '\b'; return;
      case 'f': out += '\f'; return;
      case 'n': out += '\n'; return;
      case 'r': out += '\r'; return;
      case 't': out += '\t'; return;
      case 'u': break;
      default: fail("unknown escape");
    }
    uint32_t point = hex4();
    if (point >= 0xD800 && point < 0xDC00) {
      if (!take('\\') || !take('u')) fail("half of a surrogate pair");
      const uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xDC00 && point < 0xE000) {
      fail("half of a surrogate pair");
    }
    appendUtf8(out, point);
  }

  uint32_t hex4() {
    uint32_t point = 0;
    if (text_.size() - at_ < 4) fail("short \\u escape");
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, begin + 4, point, 16);
    if (error != std::errc() || end != begin + 4) fail("bad \\u escape");
    at_ += 4;
    return point;
  }

  static void appendUtf8(std::string& out, uint32_t point) {
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xC0 | (point >> 6));
      out += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      out += static_cast<char>(0xE0 | (point >> 12));
      out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (point & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (point >> 18));
      out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (point & 0x3F));
    }
  }

  void copyUtf8(std::string& out, unsigned char lead) {
    const int extra = lead < 0x80 ? 0 : lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || text_.size() - at_ <= static_cast<size_t>(extra)) {
      fail("invalid UTF-8");
    }
    uint32_t point = extra == 0 ? lead : lead & (0x3F >> extra);
    for (int i = 1; i <= extra; ++i) {
      const auto c = static_cast<unsigned char>(text_[at_ + static_cast<size_t>(i)]);
      if ((c & 0xC0) != 0x80) fail("invalid UTF-8");
      point = (point << 6) | (c & 0x3F);
    }
    const bool overlong = (extra == 2 && point < 0x800) || (extra == 3 && point < 0x10000);
    if (overlong || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) fail("invalid UTF-8");
    out.append(text_, at_, static_cast<size_t>(extra) + 1);
    at_ += static_cast<size_t>(extra) + 1;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

bool JsonValue::unsignedInteger(uint64_t& out) const {
  const auto* number = std::get_if<JsonNumber>(&value);
  if (!number) return false;
  const char* end = number->text.data() + number->text.size();
  const auto [stop, error] = std::from_chars(number->text.data(), end, out);
  return error == std::errc() && stop == end;
}

JsonValue parseJson(std::string_view text) { return Parser(text).document(); }

}  // namespace pathpress
