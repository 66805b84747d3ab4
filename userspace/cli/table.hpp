// table.hpp - rows in aligned columns, for people.
//
// Text is made safe for a terminal (base/text.hpp). Widths count UTF-8 characters.
// Layout    is made of the first page, once: columns stay where they are. A longer cell of a later page makes its own row
//           longer; where the width is bounded, it is cut, with "~" at its end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace twinpath::cli {

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
  std::size_t width = 0;    // at least
  int dispensable = 0;      // where the width is bounded: columns with the highest number go first; 0: stays
  bool can_be_cut = false;  // and then these become narrower
};

class Table {
 public:
  // `width_max`: of a line; 0: any.
  Table(std::vector<Column> columns, std::string when_empty, std::size_t width_max = 0);

  // As many cells as columns.
  void add(std::vector<std::string> cells);
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }  // added since the last page
  [[nodiscard]] bool begun() const { return begun_; }

  // The rows added since the last call, under the titles the first time; `when_empty` when there never was a row.
  [[nodiscard]] std::string take_page();

 private:
  [[nodiscard]] std::string line(const std::vector<std::string>& cells) const;
  void lay_out();
  void drop_columns();
  void cut_columns();
  [[nodiscard]] std::size_t line_width() const;

  std::vector<Column> columns_;
  std::string when_empty_;
  std::size_t width_max_;
  std::vector<bool> shown_;
  std::vector<std::vector<std::string>> rows_;
  bool begun_ = false;
};

}  // namespace twinpath::cli
