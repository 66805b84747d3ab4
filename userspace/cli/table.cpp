#include "cli/table.hpp"

#include <algorithm>
#include <cassert>

namespace twinpath::cli {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 do not count.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

Table::Table(std::vector<Column> columns, std::string when_empty)
    : columns_(std::move(columns)), when_empty_(std::move(when_empty)) {
  for (const Column& column : columns_) widths_.push_back(width_of(column.title));
}

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  widen(cells);
  rows_.push_back(std::move(cells));
}

void Table::widen(const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], width_of(cells[i]));
}

std::string Table::line(const std::vector<std::string>& cells) const {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths_[i] - width_of(cells[i]), ' ');
    if (i > 0) out += "  ";
    out += columns_[i].align == Align::right ? padding + cells[i] : cells[i] + padding;
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

std::string Table::take_page() {
  if (rows_.empty()) return begun_ ? "" : when_empty_ + "\n";
  std::string out;
  if (!begun_) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    out = line(titles);
  }
  begun_ = true;
  for (const auto& row : rows_) out += line(row);
  rows_.clear();
  return out;
}

}  // namespace twinpath::cli
