#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/confirm.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

// "copy", or with several queues "copy x4", or when they differ "copy x3, zerocopy".
std::string sockets_text(const json& sockets) {
  if (!sockets.is_array() || sockets.empty()) return "-";
  std::vector<std::pair<std::string, int>> modes;
  for (const json& socket : sockets) {
    const std::string mode = text_cell(member(socket, "mode"));
    if (modes.empty() || modes.back().first != mode) modes.emplace_back(mode, 0);
    ++modes.back().second;
  }
  std::string text;
  for (const auto& [mode, count] : modes)
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", mode, count > 1 ? fmt::format(" x{}", count) : "");
  return text;
}

std::string link_text(const json& link) {
  return link.is_boolean() ? (link.get<bool>() ? "up" : "down") : text_cell(link);
}

std::string problem_lines(const json& status) {
  std::string lines;
  const auto add = [&](const std::string& of, const json& problems) {
    for (const json& problem : problems) lines += printable("problem: " + of + text_cell(problem)) + "\n";
  };
  add("", member(status, "problems"));
  for (const json& port : member(status, "ports"))
    add("port " + text_cell(member(port, "name")) + ": ", member(port, "problems"));
  return lines;
}

// A daemon that was started by an earlier version of this program, or a later one, may not know what this one asks.
std::string version_text(const json& version) {
  const std::string daemon = text_cell(version);
  if (!version.is_string() || daemon == TWINPATH_VERSION) return daemon;
  return fmt::format("{} (this program is {}: after down and up the daemon is, too)", daemon, TWINPATH_VERSION);
}

std::string heading(const json& status) {
  return printable(fmt::format("{}: up {}, generation {}, epoch {}", text_cell(member(status, "name")),
                               duration_cell(member(status, "uptime_s")), count_cell(member(status, "generation")),
                               count_cell(member(status, "epoch")))) +
         "\n" + problem_lines(status) +
         printable(fmt::format("version {}, kernel {}, network namespace {}", version_text(member(status, "version")),
                               text_cell(member(status, "kernel")), text_cell(member(status, "netns")))) +
         "\n";
}

std::string port_table(const json& ports) {
  Table table({{"PORT"}, {"DEVICE"}, {"ZONE"}, {"LINK"}, {"ATTACH"}, {"SOCKETS"}, {"REDIRECT"}}, "no ports");
  for (const json& port : ports)
    table.add({text_cell(member(port, "name")), text_cell(member(port, "device")), text_cell(member(port, "zone")),
               link_text(member(port, "link")), text_cell(member(port, "attach")),
               sockets_text(member(port, "sockets")), text_cell(member(port, "redirect"))});
  return table.take_page();
}

std::string share_text(const json& family) {
  const std::uint64_t most = number_or_zero(member(family, "max_pairs"));
  if (most == 0) return "-";
  return fmt::format("{:.1f} %",
                     100.0 * static_cast<double>(number_or_zero(member(family, "pairs"))) / static_cast<double>(most));
}

std::string flow_table(const json& flows) {
  Table table({{"FLOWS"},
               {"PAIRS", Align::right},
               {"MAX", Align::right},
               {"USED", Align::right},
               {"HALF-OPEN", Align::right},
               {"ASSURED", Align::right},
               {"CLOSING", Align::right},
               {"FULL", Align::right}},
              "no flow tables");
  for (const auto& [name, title] : {std::pair{"v4", "IPv4"}, std::pair{"v6", "IPv6"}}) {
    const json& family = member(flows, name);
    if (!family.is_object()) continue;
    table.add({title, count_cell(member(family, "pairs")), count_cell(member(family, "max_pairs")), share_text(family),
               count_cell(member(family, "half_open")), count_cell(member(family, "assured")),
               count_cell(member(family, "closing")), text_cell(member(family, "full"))});
  }
  return table.take_page();
}

// "frames: free 10, rx 2": whatever numbers the object has, `total` last.
std::string number_line(std::string_view title, const json& object) {
  std::string line;
  for (const auto& [name, value] : object.items())
    if (value.is_number() && name != "total")
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name, count_cell(value));
  if (member(object, "total").is_number()) line += fmt::format(" of {}", count_cell(member(object, "total")));
  return line.empty() ? "" : printable(fmt::format("{}: {}", title, line)) + "\n";
}

}  // namespace

std::string render_status(const json& answer) {
  std::string text = heading(answer) + waiting_text(text_cell(member(answer, "name")), member(answer, "confirm"));
  const json& ports = member(answer, "ports");
  text += "\n" + port_table(ports.is_array() ? ports : json::array());
  text += "\n" + flow_table(member(answer, "flows")) + "\n";
  for (const auto& [name, title] : {std::pair{"ledger", "frames"}, std::pair{"engine", "engine"}})
    if (const json& object = member(answer, name); object.is_object()) text += number_line(title, object);
  return text;
}

}  // namespace twinpath::cli
