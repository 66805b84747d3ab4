#include "cli/table.hpp"

#include <algorithm>
#include <cassert>

#include "base/text.hpp"

namespace twinpath::cli {
namespace {

constexpr std::size_t gap = 2;             // between columns
constexpr std::size_t cut_width_min = 24;  // an IPv4 address with its port, and a little

// Characters, not bytes: continuation bytes of UTF-8 do not count.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// The front of a cell that does not fit, with a mark.
std::string cut(const std::string& cell, std::size_t width) {
  if (width_of(cell) <= width) return cell;
  std::size_t end = 0;
  for (std::size_t taken = 0; end < cell.size(); ++end)
    if ((cell[end] & 0xc0) != 0x80 && taken++ + 1 == width) break;
  return cell.substr(0, end) + "~";
}

}  // namespace

Table::Table(std::vector<Column> columns, std::string when_empty, std::size_t width_max)
    : columns_(std::move(columns)),
      when_empty_(std::move(when_empty)),
      width_max_(width_max),
      shown_(columns_.size(), true) {}

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

void Table::lay_out() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    column.width = std::max(column.width, width_of(column.title));
    for (const auto& row : rows_) column.width = std::max(column.width, width_of(row[i]));
  }
  if (width_max_ == 0) return;
  drop_columns();
  cut_columns();
}

std::size_t Table::line_width() const {
  std::size_t width = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (shown_[i]) width += columns_[i].width + (width > 0 ? gap : 0);
  return width;
}

// A column that can be cut is worth more than it needs at least.
void Table::drop_columns() {
  const auto needed = [this] {
    std::size_t width = line_width();
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (shown_[i] && columns_[i].can_be_cut) width -= columns_[i].width - std::min(columns_[i].width, cut_width_min);
    return width;
  };
  while (needed() > width_max_) {
    std::size_t victim = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (shown_[i] && columns_[i].dispensable > 0 &&
          (victim == columns_.size() || columns_[i].dispensable > columns_[victim].dispensable))
        victim = i;
    if (victim == columns_.size()) return;
    shown_[victim] = false;
  }
}

void Table::cut_columns() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::size_t width = line_width();
    if (width <= width_max_) return;
    if (!shown_[i] || !columns_[i].can_be_cut) continue;
    const std::size_t excess = width - width_max_;
    columns_[i].width = std::max(std::min(columns_[i].width, cut_width_min),
                                 columns_[i].width > excess ? columns_[i].width - excess : 0);
  }
}

std::string Table::line(const std::vector<std::string>& cells) const {
  std::string out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!shown_[i]) continue;
    const std::size_t wide = columns_[i].width;
    const std::string cell = width_max_ > 0 ? cut(cells[i], wide) : cells[i];
    const std::string padding(wide - std::min(wide, width_of(cell)), ' ');
    if (!out.empty()) out.append(gap, ' ');
    out += columns_[i].align == Align::right ? padding + cell : cell + padding;
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

std::string Table::take_page() {
  if (rows_.empty()) return begun_ ? "" : when_empty_ + "\n";
  std::string out;
  if (!begun_) {
    lay_out();
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
