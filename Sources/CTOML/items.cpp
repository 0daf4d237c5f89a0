#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
/* Streams would be set up at the start of every command. */
#define TOML_FLOAT_CHARCONV 1
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <toml++/toml.h>

#include "CTOML.h"

namespace {

/* Appends a number in little-endian order. */
void append(std::string &items, uint64_t number, int size) {
    for (int index = 0; index < size; index++) items += static_cast<char>(number >> (8 * index));
}

void append(std::string &items, std::string_view text) {
    append(items, text.size(), 4);
    items += text;
}

/* No setting is as deep as this. */
constexpr int max_depth = 64;

/* toml++ bounds the depth of values, but not that of dotted keys, and a document is destroyed recursively. */
constexpr std::ptrdiff_t max_dots = 4096;

/* Appends a value; false if it is too deep. */
bool append(std::string &items, const toml::node &node, int depth) {
    if (depth > max_depth) return false;
    if (const auto *table = node.as_table()) {
        items += '{';
        for (auto &&[key, value] : *table) {
            items += 'k';
            append(items, key.source().begin.line, 4);
            append(items, key.str());
            if (!append(items, value, depth + 1)) return false;
        }
        items += '}';
    } else if (const auto *array = node.as_array()) {
        items += '[';
        for (const auto &value : *array)
            if (!append(items, value, depth + 1)) return false;
        items += ']';
    } else if (const auto *text = node.as_string()) {
        items += 's';
        append(items, text->get());
    } else if (const auto *integer = node.as_integer()) {
        items += 'i';
        append(items, static_cast<uint64_t>(integer->get()), 8);
    } else if (const auto *boolean = node.as_boolean()) {
        items += 'b';
        append(items, boolean->get(), 1);
    } else {
        items += node.is_floating_point() ? 'f' : 'd';
    }
    return true;
}

toml_items copy(const std::string &bytes, uint32_t error_line) {
    auto *memory = static_cast<uint8_t *>(std::malloc(bytes.empty() ? 1 : bytes.size()));
    if (memory) std::memcpy(memory, bytes.data(), bytes.size());
    return {memory, bytes.size(), error_line};
}

}  // namespace

toml_items toml_read(const uint8_t *text, size_t count) {
    if (std::count(text, text + count, '.') > max_dots) return copy("the document has too many dots", 1);
    const auto result = toml::parse(std::string_view(reinterpret_cast<const char *>(text), count));
    if (!result) {
        const auto &error = result.error();
        const auto line = static_cast<uint32_t>(error.source().begin.line);
        return copy(std::string(error.description()), line ? line : 1);
    }
    std::string items;
    if (!append(items, result.table(), 0)) return copy("the document is nested too deeply", 1);
    return copy(items, 0);
}

void toml_free(toml_items items) { std::free(items.bytes); }
