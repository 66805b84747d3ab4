// table.hpp - rows in aligned columns, for people.
//
// Text is made safe for a terminal: control characters become "?". Widths count UTF-8 characters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace twinpath::cli {

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

class Table {
 public:
  Table(std::vector<Column> columns, std::string when_empty);

  // As many cells as columns.
  void add(std::vector<std::string> cells);

  // The rows added since the last call, under the titles the first time; `when_empty` when there never was a row.
  // Columns keep their width from page to page and only ever grow.
  [[nodiscard]] std::string take_page();

 private:
  [[nodiscard]] std::string line(const std::vector<std::string>& cells) const;
  void widen(const std::vector<std::string>& cells);

  std::vector<Column> columns_;
  std::string when_empty_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool begun_ = false;
};

[[nodiscard]] std::string printable(std::string_view text);

}  // namespace twinpath::cli
